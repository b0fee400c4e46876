#include "server/handlers/content.h"

#include <atomic>
#include <memory>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/errors.h"
#include "server/handlers/pipeline_source.h"
#include "storage/artifact_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr size_t kChunkBytes = 64 << 10;
constexpr absl::Duration kFollowInterval = absl::Milliseconds(200);

// Sends what the file holds from `offset` on and moves it. False when the reader has gone.
absl::StatusOr<bool> SendRest(ContentReader& reader, const ChunkSink& sink, int64_t* offset) {
  std::string buffer(kChunkBytes, '\0');
  while (true) {
    ASSIGN_OR_RETURN(const absl::string_view chunk, reader.Read(*offset, absl::MakeSpan(buffer)));
    if (chunk.empty()) return true;
    if (!sink(chunk)) return false;
    *offset += static_cast<int64_t>(chunk.size());
  }
}

absl::StatusOr<TaskAttemptRow> FindAttempt(RequestContext& context,
                                           const penstock::v1::ReadTaskLogRequest& request) {
  TaskAttemptRow attempt;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(attempt, TaskAttemptFind(tx, request.run_id(), request.task_id(), request.attempt()));
    return absl::OkStatus();
  }));
  return attempt;
}

// Logs and workspaces are content too, and no artifacts.
bool IsServedArtifact(const ContentStore& content, absl::string_view uri) {
  return content.Serves(uri) &&
         (!absl::StartsWith(uri, kUriScheme) || absl::StartsWith(uri, absl::StrCat(kArtifactsUri, "/")));
}

// What storage says of an output.
struct Output {
  std::optional<ArtifactRow> artifact;
  // If there is none: what tells where the task was to leave it.
  TaskRow task;
  std::optional<TaskAttemptRow> attempt;  // the last one
  std::string spec_sha256;
};

absl::StatusOr<Output> FindOutput(RequestContext& context, const penstock::v1::ReadArtifactRequest& request) {
  Output output;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    output = {};
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, request.run_id(), request.task_id()));
    ASSIGN_OR_RETURN(output.artifact,
                     ArtifactOutputFind(tx, request.run_id(), task_id, request.artifact_name()));
    if (output.artifact.has_value()) return absl::OkStatus();
    ASSIGN_OR_RETURN(output.task, TaskGet(tx, request.run_id(), task_id));
    ASSIGN_OR_RETURN(const RunConfigRow config, RunConfigGet(tx, request.run_id()));
    output.spec_sha256 = config.spec_sha256;
    auto attempt = TaskAttemptFind(tx, request.run_id(), task_id, 0);
    if (attempt.ok()) output.attempt = *std::move(attempt);
    return absl::IsNotFound(attempt.status()) ? absl::OkStatus() : attempt.status();
  }));
  return output;
}

// Of a task that ended badly nothing is recorded, so that no other takes its outputs. But they can be looked at.
absl::StatusOr<ArtifactRow> FindArtifact(RequestContext& context,
                                         const penstock::v1::ReadArtifactRequest& request) {
  ASSIGN_OR_RETURN(Output output, FindOutput(context, request));
  if (output.artifact.has_value()) return *std::move(output.artifact);
  const std::string outcome = output.attempt.has_value() ? output.attempt->outcome : "";
  if (outcome.empty() || outcome == "SUCCEEDED") {
    return error::ArtifactNotFound(request.run_id(), request.task_id(), request.artifact_name());
  }
  ASSIGN_OR_RETURN(const auto document, StoredDocument(context, output.spec_sha256));
  ArtifactRow left;
  left.name = request.artifact_name();
  left.uri = absl::StrCat(kArtifactsUri,
                          ArtifactPlace(document->spec.pipeline_info().name(), request.run_id(),
                                        output.task.name, output.attempt->attempt_id),
                          "/", PathComponent(request.artifact_name()));
  return left;
}

// What such an artifact holds is its metadata, and a file is rarely there.
bool IsMetrics(const ArtifactRow& artifact) {
  return artifact.schema_title == "system.Metrics" ||
         artifact.schema_title == "system.ClassificationMetrics" ||
         artifact.schema_title == "system.SlicedClassificationMetrics";
}

}  // namespace

absl::Status TaskLogRead(RequestContext& context, const penstock::v1::ReadTaskLogRequest& request,
                         const ChunkSink& sink) {
  if (request.offset_bytes() < 0 || request.attempt() < 0) return error::LogOffsetNegative();
  ASSIGN_OR_RETURN(TaskAttemptRow attempt, FindAttempt(context, request));
  const std::string uri = WithScheme(attempt.log_path);
  std::unique_ptr<ContentReader> reader;
  int64_t offset = request.offset_bytes();
  static std::atomic<int> followers{0};
  const auto leave = absl::MakeCleanup([&request] {
    if (request.follow()) --followers;
  });
  // Counts itself first and looks then, so that two at once do not both take the last place.
  if (request.follow() && ++followers > limits::kLogFollowers) {
    return error::LogFollowersTooMany(limits::kLogFollowers);
  }
  // Says that there is a log before its first line, which may be long in coming.
  if (request.follow() && !sink("")) return absl::OkStatus();
  while (true) {
    // What was running before the read has nothing more to write after it has ended.
    const bool running = attempt.outcome.empty();
    if (reader == nullptr) {
      auto opened = context.deps.content.Open(uri);
      // A task that wrote nothing left no log.
      if (!opened.ok() && !absl::IsNotFound(opened.status())) return opened.status();
      if (opened.ok()) reader = *std::move(opened);
    }
    if (reader != nullptr) {
      ASSIGN_OR_RETURN(const bool wanted, SendRest(*reader, sink, &offset));
      if (!wanted) return absl::OkStatus();
    }
    if (!running || !request.follow() || context.is_cancelled()) return absl::OkStatus();
    Pause(kFollowInterval);
    auto now = FindAttempt(context, request);
    if (absl::IsNotFound(now.status())) return absl::OkStatus();  // the run was deleted meanwhile
    RETURN_IF_ERROR(now.status());
    if (now->attempt_id != attempt.attempt_id) {
      attempt.outcome = "LOST";  // a later attempt runs: this one has ended
    }
    if (now->attempt_id == attempt.attempt_id) attempt = *std::move(now);
  }
}

absl::Status ArtifactRead(RequestContext& context, const penstock::v1::ReadArtifactRequest& request,
                          const ChunkSink& sink) {
  ASSIGN_OR_RETURN(const ArtifactRow artifact, FindArtifact(context, request));
  const std::string& uri = artifact.custom_path.empty() ? artifact.uri : artifact.custom_path;
  if (!IsServedArtifact(context.deps.content, uri)) return error::ArtifactElsewhere(artifact.name, uri);
  auto reader = context.deps.content.Open(uri);
  if (absl::IsNotFound(reader.status())) {
    if (!IsMetrics(artifact)) return error::ArtifactGone(artifact.name, uri);
    (void)sink(artifact.metadata);
    return absl::OkStatus();
  }
  if (absl::IsFailedPrecondition(reader.status())) return error::ArtifactNoFile(artifact.name, uri);
  RETURN_IF_ERROR(reader.status());
  int64_t offset = 0;
  return SendRest(**reader, sink, &offset).status();
}

}  // namespace penstock
