#include "executor/local/launch.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "executor/parts/attempt_end.h"
#include "executor/parts/command_bounds.h"
#include "executor/posix/start_files.h"
#include "executor/python/executor_input.h"
#include "executor/python/failure.h"

namespace penstock {
namespace {

absl::Status CheckAbsolutePath(absl::string_view what, absl::string_view path) {
  if (!absl::StartsWith(path, "/") || absl::StrContains(path, '\0')) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is not an absolute path: ", path));
  }
  return absl::OkStatus();
}

// Every component has an image. The one that the SDK writes for those that name none holds Python and no more.
bool IsNamedImage(absl::string_view image) { return !image.empty() && !absl::StartsWith(image, "python:3"); }

// Shells say so by their exit code.
bool IsMissingFile(const wire::Finished& finished, absl::string_view cause) {
  return finished.ending == wire::Ending::kNotStarted || finished.exit_code == 126 ||
         finished.exit_code == 127 || absl::StrContains(cause, "FileNotFoundError") ||
         absl::StrContains(cause, "No such file or directory");
}

std::string ImageNote(const wire::Finished& finished, const PythonFailure& failure, absl::string_view cause,
                      const Surroundings& surroundings) {
  if (!IsNamedImage(surroundings.image)) return "";
  const std::string python = surroundings.python.empty() ? "the python3 of its PATH" : surroundings.python;
  if (!failure.missing_module.empty()) {
    return absl::StrCat("\nThe image '", surroundings.image,
                        "' was not used: tasks run on this machine, with ", python, ". The module '",
                        failure.missing_module,
                        "' is missing there: name its package in packages_to_install, or install it there.");
  }
  if (!IsMissingFile(finished, cause)) return "";
  return absl::StrCat("\nThe image '", surroundings.image, "' was not used: tasks run on this machine, with ",
                      python, ". Files and programs that only the image has have to be installed here.");
}

}  // namespace

absl::Status CheckSpec(const LaunchSpec& spec, const std::string& log_path) {
  const std::string& id = spec.attempt_id;
  if (id.empty() || id.size() > static_cast<size_t>(limits::kIdBytes) ||
      !std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; })) {
    return absl::InvalidArgumentError(absl::StrCat("not an attempt id: ", id));
  }
  RETURN_IF_ERROR(CheckAbsolutePath("work_dir", spec.work_dir));
  RETURN_IF_ERROR(CheckAbsolutePath("log_uri", log_path));
  for (const std::string& directory : spec.directories) {
    RETURN_IF_ERROR(CheckAbsolutePath("directories", directory));
  }
  for (const OutputFile& file : spec.parameter_files) {
    RETURN_IF_ERROR(CheckAbsolutePath("parameter_files", file.path));
  }
  return spec.executor_output_path.empty()
             ? absl::OkStatus()
             : CheckAbsolutePath("executor_output_path", spec.executor_output_path);
}

absl::StatusOr<std::optional<LaunchSpec>> WithInputsInFile(const LaunchSpec& spec) {
  if (FitsIntoCommand(spec)) return std::nullopt;
  const std::string path = absl::StrCat(spec.work_dir, "/", std::string(kExecutorInputFile));
  std::optional<InputFile> inputs = InputAsFile(spec.argv, path);
  if (!inputs.has_value()) return std::nullopt;
  std::ofstream file(path, std::ios::binary);
  file << inputs->content;
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  std::optional<LaunchSpec> shorter = spec;
  shorter->argv = std::move(inputs->argv);
  return shorter;
}

absl::Status MakeDeclaredDirectories(const LaunchSpec& spec, const std::string& log_path) {
  for (const std::string& directory : spec.directories) RETURN_IF_ERROR(MakeDirectories(directory));
  if (!spec.workspace.empty()) RETURN_IF_ERROR(MakeDirectories(spec.workspace));
  return MakeDirectories(std::string(ParentOf(log_path)));
}

int64_t TimeoutMillis(absl::Duration timeout) {
  if (timeout == absl::InfiniteDuration()) return wire::kNoTimeout;
  return std::max<int64_t>(absl::ToInt64Milliseconds(timeout), 1);
}

std::string WithCause(const std::string& message, const wire::Finished& finished, absl::string_view log_end,
                      const Surroundings& surroundings) {
  const bool exited = finished.ending == wire::Ending::kExited;
  const PythonFailure failure = exited ? ReadPythonFailure(log_end) : PythonFailure();
  const std::string last_line = exited ? LastLine(log_end) : message;
  const std::string text = exited ? MessageWithCause(message, log_end) : message;
  const std::string& cause = failure.exception.empty() ? last_line : failure.exception;
  return absl::StrCat(text, ImageNote(finished, failure, cause, surroundings));
}

AttemptFinished FinishedEvent(const wire::Finished& finished, absl::Duration timeout) {
  AttemptFinished event;
  event.attempt_id = finished.id;
  event.started_at = absl::FromUnixMicros(finished.started_at_us);
  event.finished_at = absl::FromUnixMicros(finished.finished_at_us);
  event.cpu_time = absl::Microseconds(finished.cpu_us);
  event.max_rss_bytes = finished.max_rss_bytes;
  if (finished.exit_code >= 0) event.exit_code = static_cast<int>(finished.exit_code);
  if (finished.signal != 0) event.signal = static_cast<int>(finished.signal);
  event.message = finished.message;
  switch (finished.ending) {
    case wire::Ending::kExited:
      event.outcome = finished.exit_code == 0 ? AttemptOutcome::kSucceeded : AttemptOutcome::kFailed;
      if (finished.exit_code != 0) event.message = ExitMessage(static_cast<int>(finished.exit_code));
      break;
    case wire::Ending::kSignaled:
      event.outcome = AttemptOutcome::kFailed;
      event.message = SignalMessage(static_cast<int>(finished.signal));
      break;
    case wire::Ending::kTimedOut:
      event.outcome = AttemptOutcome::kTimedOut;
      event.message = TimeoutMessage(timeout);
      break;
    case wire::Ending::kCancelled:
      event.outcome = AttemptOutcome::kCancelled;
      event.message = "It was cancelled.";
      break;
    case wire::Ending::kLost:
      event.outcome = AttemptOutcome::kLost;
      break;
    case wire::Ending::kNotStarted:
      event.outcome = AttemptOutcome::kFailed;
      break;
  }
  return event;
}

}  // namespace penstock
