#include "executor/local/launch.h"

#include <signal.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/files.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

absl::Status CheckAbsolutePath(absl::string_view what, absl::string_view path) {
  if (!absl::StartsWith(path, "/") || absl::StrContains(path, '\0')) {
    return absl::InvalidArgumentError(absl::StrCat(what, " is not an absolute path: ", path));
  }
  return absl::OkStatus();
}

std::string SignalMessage(int64_t signal) {
  const char* name = sigabbrev_np(static_cast<int>(signal));
  return absl::StrCat("The program was ended by signal ", signal,
                      name != nullptr ? absl::StrCat(" (SIG", name, ")") : "",
                      signal == SIGKILL ? "; perhaps the machine ran out of memory." : ".");
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

// So that it does not fail in execve, which would say less. Texts count with the NUL at their end.
absl::Status CheckCommand(const std::vector<std::string>& argv, const std::vector<std::string>& env) {
  if (argv.empty() || argv[0].empty()) return absl::InvalidArgumentError("The command is empty.");
  int64_t total = 0;
  for (size_t i = 0; i < argv.size(); ++i) {
    if (argv[i].size() >= static_cast<size_t>(limits::kArgumentBytes)) {
      return absl::InvalidArgumentError(absl::StrCat("Argument ", i, " of the command '", argv[0], "' has ",
                                                     argv[i].size(), " bytes; one must have less than ",
                                                     limits::kArgumentBytes, "."));
    }
    if (absl::StrContains(argv[i], '\0')) {
      return absl::InvalidArgumentError(
          absl::StrCat("Argument ", i, " of the command '", argv[0].c_str(), "' contains a NUL byte."));
    }
    total += static_cast<int64_t>(argv[i].size()) + 1;
  }
  for (const std::string& variable : env) {
    if (absl::StartsWith(variable, "=") || absl::StrContains(variable, '\0')) {
      return absl::InvalidArgumentError(absl::StrCat("The environment variable '", variable.c_str(),
                                                     "' has no name or contains a NUL byte."));
    }
    if (variable.size() >= static_cast<size_t>(limits::kArgumentBytes)) {
      return absl::InvalidArgumentError(absl::StrCat("The environment variable '",
                                                     variable.substr(0, variable.find('=')),
                                                     "' has more than ", limits::kArgumentBytes, " bytes."));
    }
    total += static_cast<int64_t>(variable.size()) + 1;
  }
  if (total > limits::kArgumentsBytes) {
    return absl::InvalidArgumentError(absl::StrCat("The arguments and environment of the command '", argv[0],
                                                   "' have ", total, " bytes; the limit is ",
                                                   limits::kArgumentsBytes, "."));
  }
  return absl::OkStatus();
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
      if (finished.exit_code != 0) {
        event.message = absl::StrCat("The program exited with code ", finished.exit_code, ".");
      }
      break;
    case wire::Ending::kSignaled:
      event.outcome = AttemptOutcome::kFailed;
      event.message = SignalMessage(finished.signal);
      break;
    case wire::Ending::kTimedOut:
      event.outcome = AttemptOutcome::kTimedOut;
      event.message = absl::StrCat("It ran longer than its time-out of ", absl::FormatDuration(timeout),
                                   " and was ended.");
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
