// The executors that an engine drives, by name.
//
// A task is placed on one of them when it becomes ready, and its attempts name it (TaskAttemptRow::holder), so
// that it is found again after a restart. A run may mix them: the task says, or its run, or the settings of its
// namespace; else it is the first.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "executor/executor.h"
#include "scheduler/plan/run_plan.h"

namespace penstock {

struct NamedExecutor {
  // Its kind and which of that kind, as attempts keep it: "local:<id of the data directory>". The same after
  // a restart, and nobody else's.
  std::string name;
  Executor* executor;  // outlives the set

  // "local", by which tasks, runs and settings ask for it.
  absl::string_view kind() const { return absl::string_view(name).substr(0, name.find(':')); }
};

// What is to be placed.
struct TaskToPlace {
  const PlannedTask& task;
  absl::string_view of_run;      // the kind that its run asks for; empty: none
  absl::string_view namespace_;  // of its run
};

// Constant, hence thread-safe.
class ExecutorSet {
 public:
  // At least one; the first is for what nothing else is said of. `by_namespace` has kinds of executors.
  explicit ExecutorSet(std::vector<NamedExecutor> executors,
                       std::map<std::string, std::string, std::less<>> by_namespace = {})
      : executors_(std::move(executors)), by_namespace_(std::move(by_namespace)) {}

  int size() const { return static_cast<int>(executors_.size()); }
  const std::string& name(int place) const { return executors_[place].name; }
  Executor& operator[](int place) const { return *executors_[place].executor; }
  const TaskWorld& world(int place) const { return executors_[place].executor->world(); }

  // The place in the set of the executor that runs a task. INVALID_ARGUMENT, with a sentence for the user, if there is
  // none of the kind that is asked for.
  absl::StatusOr<int> PlaceOf(const TaskToPlace& to_place) const;

  // Nothing if it is none of ours: another server's. Attempts from before executors had names are the first's.
  std::optional<int> Find(absl::string_view name) const {
    if (name.empty()) return 0;
    for (int place = 0; place < size(); ++place) {
      if (executors_[place].name == name) return place;
    }
    return std::nullopt;
  }

 private:
  const std::vector<NamedExecutor> executors_;
  const std::map<std::string, std::string, std::less<>> by_namespace_;
};

}  // namespace penstock
