// Running a short helper program and reading what it says. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace penstock {

struct Captured {
  int exit_code = -1;  // -1: ended by a signal, or reaped by someone else
  std::string text;    // at most kCaptureBytes
};

inline constexpr int kCaptureBytes = 64 << 10;

// Starts argv[0], an absolute path, with exactly `env`, reads its descriptor `fd` (1 or 2; the other goes
// nowhere) to the end and waits for its exit. It is killed when it neither speaks nor ends for `patience`:
// DEADLINE_EXCEEDED. UNAVAILABLE if it cannot be started.
absl::StatusOr<Captured> RunCaptured(const std::vector<std::string>& argv,
                                     const std::vector<std::string>& env, int fd, absl::Duration patience);

}  // namespace penstock
