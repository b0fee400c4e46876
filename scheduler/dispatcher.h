// Who starts next on one executor: one task of each run in turn, and what has waited for room for too long before
// all others.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "scheduler/active_run.h"

namespace penstock {

// By id, so by age.
using ActiveRuns = std::map<std::string, ActiveRun>;

// Not thread-safe.
class Dispatcher {
 public:
  // Starts the first task of the run's queue for this executor. Whether it did, or found the task unstartable,
  // which frees the way for the next; false: there is no room for it.
  using StartNext = std::function<bool(ActiveRun& run)>;

  // `place` of the executor in its set.
  Dispatcher(int place, StartNext start_next) : place_(place), start_next_(std::move(start_next)) {}

  // Starts ready tasks until nothing more fits. Returns how many it started. The next call begins behind the
  // run that was served last.
  int StartReady(ActiveRuns& runs, absl::Time now);

 private:
  bool ServeStarved(ActiveRuns& runs, absl::Time now, int* started);

  const int place_;
  const StartNext start_next_;
  std::string last_served_run_;
};

}  // namespace penstock
