// The clocks of the supervisor and of penstock-env. They are programs of their own that Clock cannot reach:
// what they measure is what happened.
#pragma once

#include <time.h>

#include <cstdint>

namespace penstock {

inline int64_t ClockNanos(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

inline int64_t WallMicros() { return ClockNanos(CLOCK_REALTIME) / 1000; }
inline int64_t MonotonicMillis() { return ClockNanos(CLOCK_MONOTONIC) / 1'000'000; }
inline int64_t BootNanos() {
  return ClockNanos(CLOCK_BOOTTIME);
}  // since boot; the clock of process start times

}  // namespace penstock
