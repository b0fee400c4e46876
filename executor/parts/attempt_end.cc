#include "executor/parts/attempt_end.h"

#include <signal.h>

#include <cstring>

#include "absl/strings/str_cat.h"
#include "executor/python/failure.h"

namespace penstock {

std::string ExitMessage(int exit_code) {
  return absl::StrCat("The program exited with code ", exit_code, ".");
}

std::string SignalMessage(int signal) {
  const char* name = sigabbrev_np(signal);
  return absl::StrCat("The program was ended by signal ", signal,
                      name != nullptr ? absl::StrCat(" (SIG", name, ")") : "",
                      signal == SIGKILL ? "; perhaps the machine ran out of memory." : ".");
}

std::string TimeoutMessage(absl::Duration timeout) {
  return absl::StrCat("It ran longer than its time-out of ", absl::FormatDuration(timeout),
                      " and was ended.");
}

std::string MessageWithCause(const std::string& message, absl::string_view log_end) {
  const PythonFailure failure = ReadPythonFailure(log_end);
  if (!failure.exception.empty()) {
    return absl::StrCat(failure.exception, "\n", failure.place, failure.place.empty() ? "" : "\n", message);
  }
  const std::string last_line = LastLine(log_end);
  return last_line.empty() ? message : absl::StrCat(message, " Its last line: ", last_line);
}

}  // namespace penstock
