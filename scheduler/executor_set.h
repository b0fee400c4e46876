// The executors that an engine drives, by name.
//
// A task is placed on one of them when it becomes ready, and its attempts name it (TaskAttemptRow::holder), so
// that it is found again after a restart. A run may mix them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "executor/executor.h"
#include "scheduler/plan/run_plan.h"

namespace penstock {

struct NamedExecutor {
  // Its kind and which of that kind, as attempts keep it: "local:<id of the data directory>". The same after
  // a restart, and nobody else's.
  std::string name;
  Executor* executor;  // outlives the set
};

// Constant, hence thread-safe.
class ExecutorSet {
 public:
  // Which executor runs a task: its place in the set.
  using Placement = std::function<int(const PlannedTask&)>;

  // At least one. Without a placement the first one runs everything.
  explicit ExecutorSet(std::vector<NamedExecutor> executors, Placement placement = nullptr)
      : executors_(std::move(executors)), placement_(std::move(placement)) {}

  int size() const { return static_cast<int>(executors_.size()); }
  const std::string& name(int place) const { return executors_[place].name; }
  Executor& operator[](int place) const { return *executors_[place].executor; }
  const TaskWorld& world(int place) const { return executors_[place].executor->world(); }

  int PlaceOf(const PlannedTask& task) const { return placement_ == nullptr ? 0 : placement_(task); }

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
  const Placement placement_;
};

}  // namespace penstock
