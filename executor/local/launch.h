// From the engine's LaunchSpec to what the supervisor starts. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "executor/executor.h"
#include "executor/local/runner/wire.h"

namespace penstock {

// INVALID_ARGUMENT for what only a bug of the caller can cause: a bad id, a path that is not absolute.
// `log_path` is what LaunchSpec::log_uri names here.
absl::Status CheckSpec(const LaunchSpec& spec, const std::string& log_path);

// INVALID_ARGUMENT, as a sentence for the user that names the bound, for a command or environment that no
// system would start.
absl::Status CheckCommand(const std::vector<std::string>& argv, const std::vector<std::string>& env);

// Makes LaunchSpec::directories, the workspace and the log's directory.
absl::Status MakeDeclaredDirectories(const LaunchSpec& spec, const std::string& log_path);

// Milliseconds for the wire: no time-out for an infinite one, never less than one.
int64_t TimeoutMillis(absl::Duration timeout);

// What the engine is told about an end, all but the outputs and the log.
AttemptFinished FinishedEvent(const wire::Finished& finished, absl::Duration timeout);

}  // namespace penstock
