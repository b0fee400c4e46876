// Who is to hear of what a transaction did to runs. Hints make the scheduler fast; it also polls.
#pragma once

#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "storage/store.h"

namespace penstock {

// Not thread-safe.
class RunHints {
 public:
  // The engine is to look at the run.
  void ForEngine(absl::string_view run_id) { hints_.emplace(Topic::kRuns, run_id); }
  // A schedule may wait for the run's end.
  void ForSchedules(absl::string_view run_id) { hints_.emplace(Topic::kRecurringRuns, run_id); }

  void Clear() { hints_.clear(); }
  void Send(Notifier& notifier) const {
    for (const auto& [topic, run_id] : hints_) notifier.Notify(topic, run_id);
  }

 private:
  std::set<std::pair<Topic, std::string>> hints_;
};

// Runs `body(tx, hints)` in one transaction, and tells who is to hear of it once that is committed. As
// Store::Write, which may call the body more than once.
template <typename Body>
absl::Status WriteRuns(Store& store, Body body) {
  RunHints hints;
  RETURN_IF_ERROR(store.Write([&](db::Tx& tx) -> absl::Status {
    hints.Clear();
    return body(tx, hints);
  }));
  hints.Send(store.notifier());
  return absl::OkStatus();
}

}  // namespace penstock
