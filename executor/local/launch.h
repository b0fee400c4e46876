// From the engine's LaunchSpec to what the supervisor starts. Thread-safe.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "executor/executor.h"
#include "executor/local/runner/wire.h"

namespace penstock {

// INVALID_ARGUMENT for what only a bug of the caller can cause: a bad id, a path that is not absolute.
// `log_path` is what LaunchSpec::log_uri names here.
absl::Status CheckSpec(const LaunchSpec& spec, const std::string& log_path);

// `spec` with the inputs of its Python component in a file of its work directory, which is there; nothing if
// they fit into the command, or it is no such component. UNAVAILABLE if the file cannot be written.
absl::StatusOr<std::optional<LaunchSpec>> WithInputsInFile(const LaunchSpec& spec);

// Makes LaunchSpec::directories, the workspace and the log's directory.
absl::Status MakeDeclaredDirectories(const LaunchSpec& spec, const std::string& log_path);

// Milliseconds for the wire: no time-out for an infinite one, never less than one.
int64_t TimeoutMillis(absl::Duration timeout);

// What the engine is told about an end, all but the outputs and the log.
AttemptFinished FinishedEvent(const wire::Finished& finished, absl::Duration timeout);

// What an attempt that failed was to run on, and what it ran on.
struct Surroundings {
  std::string image;   // that the component names
  std::string python;  // the interpreter that tasks get; empty: the first python3 on PATH
};

// `message`, the sentence about the end of a program that failed, with the cause before it: the exception that
// ended a Python program, by the end of its log; else its last line. If the cause may be that it did not run
// in the image that was named for it, it says so. Pure.
std::string WithCause(const std::string& message, const wire::Finished& finished, absl::string_view log_end,
                      const Surroundings& surroundings);

}  // namespace penstock
