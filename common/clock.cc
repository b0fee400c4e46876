#include "common/clock.h"

#include "absl/time/clock.h"

namespace penstock {

absl::Time RealClock::Now() const { return absl::Now(); }

const RealClock& RealClock::Instance() {
  // Never destroyed, so that threads may ask for the time while the program ends.
  static const RealClock* const instance = new RealClock;
  return *instance;
}

void Pause(absl::Duration duration) { absl::SleepFor(duration); }

absl::Time SimulatedClock::Now() const {
  absl::MutexLock lock(&mutex_);
  return now_;
}

void SimulatedClock::Advance(absl::Duration by) {
  absl::MutexLock lock(&mutex_);
  now_ += by;
}

}  // namespace penstock
