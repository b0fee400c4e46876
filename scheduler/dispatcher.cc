#include "scheduler/dispatcher.h"

namespace penstock {
namespace {

constexpr absl::Duration kStarvationPatience = absl::Seconds(30);

}  // namespace

// Whether others may start: no run's next task has been waiting for room for too long, or all that have were
// started. Else small tasks that keep coming would never let a large one in.
bool Dispatcher::ServeStarved(ActiveRuns& runs, absl::Time now, int* started) {
  while (true) {
    ActiveRun* starved = nullptr;
    absl::Time longest = now - kStarvationPatience;
    for (auto& [run_id, run] : runs) {
      const StartQueue& queue = run.queue(place_);
      if (queue.tasks.empty() || queue.refused_since > longest) continue;
      if (starved != nullptr && queue.refused_since == longest) continue;  // the older run goes first
      starved = &run;
      longest = queue.refused_since;
    }
    if (starved == nullptr) return true;
    if (!start_next_(*starved)) return false;
    ++*started;
  }
}

int Dispatcher::StartReady(ActiveRuns& runs, absl::Time now) {
  int started = 0;
  bool more = ServeStarved(runs, now, &started) && !runs.empty();
  while (more) {
    more = false;
    // Goes on behind the run that was served last: else the first runs would take each slot that gets free.
    auto it = runs.upper_bound(last_served_run_);
    for (size_t i = 0; i < runs.size(); ++i, ++it) {
      if (it == runs.end()) it = runs.begin();
      if (it->second.queue(place_).tasks.empty() || !start_next_(it->second)) continue;
      last_served_run_ = it->first;
      more = true;
      ++started;
    }
  }
  return started;
}

}  // namespace penstock
