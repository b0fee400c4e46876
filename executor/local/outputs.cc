#include "executor/local/outputs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/local/file_content.h"
#include "executor/parts/launch_request.h"
#include "executor/parts/log_text.h"
#include "executor/posix/unique_fd.h"

namespace penstock {
namespace {

// All output parameters of one attempt together: as much as its executor output may hold.
constexpr int64_t kParameterFilesBytes = limits::kExecutorOutputBytes;

std::string DescriptorPath(int fd) { return absl::StrCat("/proc/self/fd/", fd); }

// Where a descriptor leads to, without symbolic links. The kernel knows; realpath would ask it for each part of a path.
std::string RealPathOf(int fd) {
  char real[PATH_MAX];
  const ssize_t size = readlink(DescriptorPath(fd).c_str(), real, sizeof(real));
  return size > 0 && size < PATH_MAX ? std::string(real, size) : "";
}

std::string RealPath(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_PATH | O_CLOEXEC));
  return fd.valid() ? RealPathOf(fd.get()) : "";
}

bool IsBelow(absl::string_view path, absl::string_view root) {
  return root == "/" || (absl::ConsumePrefix(&path, root) && absl::StartsWith(path, "/"));
}

absl::Status Refuse(absl::string_view what, absl::string_view path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(what, " cannot be taken: the file ", path, " ", why, "."));
}

// The content of `fd`, a regular file of about `size` bytes that may still change under our hands.
absl::StatusOr<std::string> ReadWhole(int fd, int64_t size, int64_t limit, absl::string_view what,
                                      absl::string_view path) {
  std::string content;
  content.resize(std::min(size, limit) + 1);  // one more than expected, to see the end without growing
  size_t filled = 0;
  ssize_t n = 0;
  while ((n = read(fd, content.data() + filled, content.size() - filled)) > 0) {
    filled += static_cast<size_t>(n);
    if (filled > static_cast<size_t>(limit)) {
      return Refuse(what, path, absl::StrCat("is larger than the limit of ", limit, " bytes"));
    }
    if (filled == content.size()) content.resize(std::min<size_t>(2 * filled, limit + 1));
  }
  if (n < 0) return Refuse(what, path, absl::StrCat("cannot be read (", std::strerror(errno), ")"));
  content.resize(filled);
  return content;
}

// nullopt if there is no such file. Looks before it opens: opening a device or a pipe may act or block.
absl::StatusOr<std::optional<std::string>> ReadOutput(const std::vector<std::string>& roots,
                                                      const std::string& path, int64_t limit,
                                                      absl::string_view what) {
  const UniqueFd place(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place.valid()) {
    if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>();
    return Refuse(what, path, absl::StrCat("cannot be opened (", std::strerror(errno), ")"));
  }
  struct stat info = {};
  if (fstat(place.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    return Refuse(what, path, "is not a regular file");
  }
  const std::string real = RealPathOf(place.get());
  if (std::none_of(roots.begin(), roots.end(),
                   [&](const std::string& root) { return IsBelow(real, root); })) {
    return Refuse(what, path, "leads out of the task's directories through a symbolic link");
  }
  if (info.st_size > limit) {
    return Refuse(what, path, absl::StrCat("has ", info.st_size, " bytes, the limit is ", limit));
  }
  // Through the descriptor that was looked at, so that what is opened is what was checked.
  const UniqueFd file(open(DescriptorPath(place.get()).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return Refuse(what, path, absl::StrCat("cannot be opened (", std::strerror(errno), ")"));
  ASSIGN_OR_RETURN(std::string content, ReadWhole(file.get(), info.st_size, limit, what, path));
  return std::optional<std::string>(std::move(content));
}

absl::Status ReadInto(const OutputPlan& plan, AttemptOutputs* outputs) {
  if (!plan.executor_output_path.empty()) {
    ASSIGN_OR_RETURN(outputs->executor_output,
                     ReadOutput(plan.roots, plan.executor_output_path, limits::kExecutorOutputBytes,
                                "The executor output"));
  }
  int64_t total = 0;
  for (const OutputFile& file : plan.parameter_files) {
    const std::string what = absl::StrCat("Output parameter '", file.name, "'");
    ASSIGN_OR_RETURN(std::optional<std::string> content,
                     ReadOutput(plan.roots, file.path, limits::kOutputParameterBytes, what));
    if (!content.has_value()) continue;
    total += static_cast<int64_t>(content->size());
    if (total > kParameterFilesBytes) {
      return Refuse(what, file.path,
                    absl::StrCat("takes all output parameters together over the limit of ",
                                 kParameterFilesBytes, " bytes"));
    }
    outputs->parameter_files[file.name] = *std::move(content);
  }
  return absl::OkStatus();
}

// What became of the artifacts that the launcher uploaded.
absl::Status ReadUploaded(const OutputPlan& plan, AttemptOutputs* outputs) {
  ASSIGN_OR_RETURN(const std::optional<std::string> text,
                   ReadOutput(plan.roots, plan.launch_result_path, limits::kLaunchResultBytes,
                              "The record of what was uploaded"));
  ASSIGN_OR_RETURN(LaunchResult result, ReadLaunchResult(text.value_or(""), plan.uploaded_directory));
  outputs->artifacts = std::move(result.contents);
  outputs->uploaded = std::move(result.uploaded);
  return absl::OkStatus();
}

}  // namespace

OutputPlan PlanOutputs(const LaunchSpec& spec) {
  OutputPlan plan{.executor_output_path = spec.executor_output_path,
                  .parameter_files = spec.parameter_files,
                  .artifacts = spec.artifacts};
  if (spec.upload.has_value()) {
    plan.uploaded_directory = spec.upload->directory;
    plan.launch_result_path = absl::StrCat(spec.work_dir, "/", kLaunchResultFile);
  }
  if (!plan.empty()) {
    plan.roots.push_back(RealPath(spec.work_dir));
    for (const std::string& directory : spec.directories) {
      // What is in the work directory, which is new, is below its path.
      if (directory != spec.work_dir && !IsBelow(directory, spec.work_dir)) {
        plan.roots.push_back(RealPath(directory));
      }
    }
    plan.roots.erase(std::remove(plan.roots.begin(), plan.roots.end(), ""), plan.roots.end());
  }
  return plan;
}

AttemptOutputs ReadOutputs(const OutputPlan& plan) {
  AttemptOutputs outputs;
  outputs.status = ReadInto(plan, &outputs);
  if (!plan.launch_result_path.empty()) {
    if (outputs.status.ok()) outputs.status = ReadUploaded(plan, &outputs);
    return outputs;
  }
  int64_t bytes_left = limits::kContentBytes;
  for (const OutputArtifact& artifact : plan.artifacts) {
    outputs.artifacts[artifact.path] = ReadContent(artifact.path, &bytes_left);
  }
  return outputs;
}

std::string ReadLogTail(const std::string& path, int64_t bytes) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info = {};
  if (!file.valid() || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  const int64_t begin = std::max<int64_t>(info.st_size - bytes, 0);
  std::string tail(static_cast<size_t>(bytes), '\0');
  const ssize_t n = pread(file.get(), tail.data(), tail.size(), begin);
  tail.resize(std::max<ssize_t>(n, 0));
  return LogTailText(tail, /*is_cut=*/begin > 0);
}

std::string ReadStartFile(const std::string& work_dir, std::string_view name) {
  std::string text = ReadLogTail(absl::StrCat(work_dir, "/", std::string(name)));
  std::replace(text.begin(), text.end(), '\n', ' ');
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

}  // namespace penstock
