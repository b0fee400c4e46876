#include "server/handlers/content.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/artifact_uri.h"
#include "storage/artifact_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
constexpr absl::Duration kFollowInterval = absl::Milliseconds(200);

// Sends what the file holds from `offset` on and moves it. False when the reader has gone.
absl::StatusOr<bool> SendRest(int fd, int64_t& offset, const ChunkSink& sink) {
  std::string buffer(kChunkBytes, '\0');
  while (true) {
    const ssize_t size = pread(fd, buffer.data(), buffer.size(), offset);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return absl::UnavailableError(absl::StrCat("reading failed: ", std::strerror(errno)));
    if (size == 0) return true;
    if (!sink(absl::string_view(buffer.data(), size))) return false;
    offset += size;
  }
}

absl::StatusOr<TaskAttemptRow> FindAttempt(Deps& deps, const penstock::v1::ReadTaskLogRequest& request) {
  TaskAttemptRow attempt;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(attempt, TaskAttemptFind(tx, request.run_id(), request.task_id(), request.attempt()));
    return absl::OkStatus();
  }));
  return attempt;
}

// The path behind an artifact's URI or custom path; nothing if it is not on this machine.
std::optional<std::string> LocalPath(const std::string& data_dir, absl::string_view uri) {
  absl::string_view rest = uri;
  if (absl::ConsumePrefix(&rest, kArtifactUriPrefix) && absl::StartsWith(rest, "/")) {
    for (const absl::string_view part : absl::StrSplit(rest, '/')) {
      if (part == "..") return std::nullopt;
    }
    return absl::StrCat(data_dir, "/artifacts", rest);
  }
  return std::nullopt;
}

absl::StatusOr<ArtifactRow> FindArtifact(Deps& deps, const penstock::v1::ReadArtifactRequest& request) {
  std::optional<ArtifactRow> found;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    found.reset();
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, request.run_id(), request.task_id()));
    ASSIGN_OR_RETURN(const auto links, ArtifactTaskList(tx, request.run_id()));
    ASSIGN_OR_RETURN(const auto artifacts, ArtifactList(tx, request.run_id()));
    for (const ArtifactTaskRow& link : links) {
      const bool wanted = link.task_id == task_id && link.direction == Direction::kOutput &&
                          link.name == request.artifact_name() && link.position == 0;
      if (!wanted) continue;
      for (const ArtifactRow& row : artifacts) {
        if (row.artifact_id == link.artifact_id) found = row;
      }
    }
    return absl::OkStatus();
  }));
  if (found.has_value()) return *std::move(found);
  return absl::NotFoundError(absl::StrCat("Task '", request.task_id(), "' of run ", request.run_id(),
                                          " has no output artifact '", request.artifact_name(), "'"));
}

}  // namespace

absl::Status TaskLogRead(Deps& deps, const penstock::v1::ReadTaskLogRequest& request, const ChunkSink& sink,
                         const std::function<bool()>& gone) {
  if (request.offset_bytes() < 0 || request.attempt() < 0) {
    return absl::InvalidArgumentError("attempt and offset_bytes must not be negative");
  }
  ASSIGN_OR_RETURN(TaskAttemptRow attempt, FindAttempt(deps, request));
  const std::string path = absl::StrCat(deps.data_dir, "/", attempt.log_path);
  int fd = -1;
  const auto close_fd = absl::MakeCleanup([&fd] {
    if (fd >= 0) close(fd);
  });
  int64_t offset = request.offset_bytes();
  static std::atomic<int> followers{0};
  const auto leave = absl::MakeCleanup([&request] {
    if (request.follow()) --followers;
  });
  if (request.follow() && ++followers > limits::kLogFollowers) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "at most ", limits::kLogFollowers, " logs can be followed at once; read it without follow"));
  }
  // Says that there is a log before its first line, which may be long in coming.
  if (request.follow() && !sink("")) return absl::OkStatus();
  while (true) {
    // What was running before the read has nothing more to write after it has ended.
    const bool running = attempt.outcome.empty();
    if (fd < 0) fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    // A task that wrote nothing left no file.
    if (fd >= 0) {
      ASSIGN_OR_RETURN(const bool wanted, SendRest(fd, offset, sink));
      if (!wanted) return absl::OkStatus();
    }
    if (!running || !request.follow() || gone()) return absl::OkStatus();
    Pause(kFollowInterval);
    auto now = FindAttempt(deps, request);
    if (absl::IsNotFound(now.status())) return absl::OkStatus();  // the run was deleted meanwhile
    RETURN_IF_ERROR(now.status());
    if (now->attempt_id != attempt.attempt_id)
      attempt.outcome = "LOST";  // a later attempt runs: this one has ended
    if (now->attempt_id == attempt.attempt_id) attempt = *std::move(now);
  }
}

absl::Status ArtifactRead(Deps& deps, const penstock::v1::ReadArtifactRequest& request,
                          const ChunkSink& sink) {
  ASSIGN_OR_RETURN(const ArtifactRow artifact, FindArtifact(deps, request));
  const std::string& uri = artifact.custom_path.empty() ? artifact.uri : artifact.custom_path;
  const std::optional<std::string> path = LocalPath(deps.data_dir, uri);
  if (!path.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("Artifact '", artifact.name, "' lies at ", uri, ", where this server does not read"));
  }
  const int fd = open(path->c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  const auto close_fd = absl::MakeCleanup([fd] {
    if (fd >= 0) close(fd);
  });
  if (fd < 0 && errno == ENOENT) {  // metrics, for example, are metadata alone
    (void)sink(artifact.metadata);
    return absl::OkStatus();
  }
  struct stat info {};
  if (fd < 0 || fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat("Artifact '", artifact.name, "' is no single file; it lies at ", uri));
  }
  int64_t offset = 0;
  return SendRest(fd, offset, sink).status();
}

}  // namespace penstock
