// What users are told of the end of an attempt, in the same words by all executors. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace penstock {

std::string ExitMessage(int exit_code);
std::string SignalMessage(int signal);
std::string TimeoutMessage(absl::Duration timeout);

// `message`, about the end of a program that failed by itself, with the cause before it: the exception that ended a Python
// program, by the end of its log; else its last line.
std::string MessageWithCause(const std::string& message, absl::string_view log_end);

}  // namespace penstock
