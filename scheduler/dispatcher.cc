#include "scheduler/dispatcher.h"

namespace penstock {
namespace {

constexpr absl::Duration kStarvationPatience = absl::Seconds(30);

}  // namespace

// Starts what has waited for room for too long, the longest first. The run of the first for which there is none:
// small tasks that keep coming would never let a large one in.
ActiveRun* Dispatcher::ServeStarved(ActiveRuns& runs, absl::Time now, int* started) {
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
    if (starved == nullptr || !start_next_(*starved, nullptr)) return starved;
    ++*started;
  }
}

int Dispatcher::StartReady(ActiveRuns& runs, absl::Time now) {
  int started = 0;
  const ActiveRun* const kept = ServeStarved(runs, now, &started);
  if (kept == nullptr) {
    keeper_.End();
  } else {
    const LaunchSpec& spec = kept->queue(place_).next->spec;
    keeper_.Keep(spec.attempt_id, executor_.ChargeOf(spec.resources), executor_.Capacity(), look_(), now);
  }
  for (bool more = !runs.empty(); more;) {
    more = false;
    // Goes on behind the run that was served last: else the first runs would take each slot that gets free.
    auto it = runs.upper_bound(last_served_run_);
    for (size_t i = 0; i < runs.size(); ++i, ++it) {
      if (it == runs.end()) it = runs.begin();
      ActiveRun& run = it->second;
      if (&run == kept || run.queue(place_).tasks.empty()) continue;
      if (!start_next_(run, keeper_.keeps() ? &keeper_ : nullptr)) continue;
      last_served_run_ = it->first;
      more = true;
      ++started;
    }
  }
  return started;
}

}  // namespace penstock
