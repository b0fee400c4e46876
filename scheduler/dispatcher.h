// Who starts next on one executor: one task of each run in turn. For what has waited for room for too long, room is
// kept.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/active_run.h"
#include "scheduler/room_keeper.h"

namespace penstock {

// By id, so by age.
using ActiveRuns = std::map<std::string, ActiveRun>;

// Not thread-safe.
class Dispatcher {
 public:
  // Starts the first task of the run's queue for this executor, if the keeper admits it; null: without asking.
  // Whether it did, or found the task unstartable, which frees the way for the next; false: there is no room for it.
  using StartNext = std::function<bool(ActiveRun& run, RoomKeeper* keeper)>;
  // Who has room on this executor.
  using Look = std::function<std::vector<RoomTaken>()>;

  // `place` of the executor in its set. `executor` and `durations` outlive the dispatcher.
  Dispatcher(int place, const Executor& executor, const TaskDurations& durations, StartNext start_next,
             Look look)
      : place_(place),
        executor_(executor),
        start_next_(std::move(start_next)),
        look_(std::move(look)),
        keeper_(durations) {}

  // Starts ready tasks until nothing more fits. Returns how many it started. The next call begins behind the
  // run that was served last.
  int StartReady(ActiveRuns& runs, absl::Time now);

  // The attempt that room is kept for; empty: none.
  const std::string& kept_for() const { return keeper_.attempt_id(); }

 private:
  ActiveRun* ServeStarved(ActiveRuns& runs, absl::Time now, int* started);

  const int place_;
  const Executor& executor_;
  const StartNext start_next_;
  const Look look_;
  RoomKeeper keeper_;
  std::string last_served_run_;
};

}  // namespace penstock
