// Structured logs: one line an event on standard error, `key=value` fields behind the message.
// Field names: run, task, attempt, experiment, pipeline, rpc, code, ms. Thread-safe.
#pragma once

#include <spdlog/spdlog.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock {

enum class LogFormat { kText, kJson };

// Sets the process-wide logger. `level`: trace, debug, info, warn, error or off; INVALID_ARGUMENT otherwise.
absl::Status SetUpLog(absl::string_view level, LogFormat format);

// `value` as a log field's value: quoted and escaped when it holds anything but plain characters, and cut at
// 512 bytes.
std::string LogValue(absl::string_view value);

// A line in the form above as the inside of a JSON object: "message":"...","run":"...". What does not look
// like fields stays in the message.
std::string LogLineJson(absl::string_view line);

}  // namespace penstock
