// Time enters the program here and nowhere else, so that tests can move it.
#pragma once

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace penstock {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual absl::Time Now() const = 0;
};

class RealClock final : public Clock {
 public:
  absl::Time Now() const override;
  // One instance for the whole process; never destroyed.
  static const RealClock& Instance();
};

// Waits for something that gives no sign, before it is looked at again.
void Pause(absl::Duration duration);

// A clock that moves only when told to. Thread-safe.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(absl::Time start) : now_(start) {}
  absl::Time Now() const override;
  void Advance(absl::Duration by);

 private:
  mutable absl::Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
