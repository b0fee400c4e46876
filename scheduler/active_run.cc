#include "scheduler/active_run.h"

#include <utility>

#include "scheduler/plan/plan.h"
#include "scheduler/plan/run_tree.h"

namespace penstock {

ActiveRun::ActiveRun(LoadedRun loaded, const CacheSettings& cache, const ExecutorSet& executors,
                     IdGenerator& ids)
    : snapshot_(std::move(loaded.snapshot)),
      recurring_run_id_(std::move(loaded.recurring_run_id)),
      namespace_(std::move(loaded.namespace_)),
      executors_(executors),
      ids_(ids),
      cache_(*snapshot_.plan, cache, {loaded.cache_enabled, loaded.cache_max_age}, loaded.cache_decisions),
      queues_(executors.size()) {}

std::optional<int> ActiveRun::TakeFirst(std::deque<int>* tasks) {
  if (tasks->empty()) return std::nullopt;
  const int task = tasks->front();
  tasks->pop_front();
  return task;
}

void ActiveRun::Decide(const PlanEvent& event, absl::Time now) {
  Decision decision = Step(snapshot_, event, now, ids_);
  for (const int task : decision.ready) Enqueue(task);
  newly_waiting_.insert(newly_waiting_.end(), decision.waiting.begin(), decision.waiting.end());
  for (const int task : decision.cancel) cancel_.push_back(snapshot_.tasks[task].attempt_id);
  // A run that is ending starts nothing more, also not what was ready before.
  if (snapshot_.state != RunState::kRunning) {
    imports_.clear();
    lookups_.clear();
    queues_.assign(queues_.size(), StartQueue{});
  }
  commit_.Add(decision);
  touched_ = true;
}

void ActiveRun::Enqueue(int task) {
  if (IsImport(snapshot_, task)) {
    imports_.push_back(task);
  } else if (cache_.IsToBeLookedUp(snapshot_, task)) {
    lookups_.push_back(task);
  } else {
    EnqueueStart(task);
  }
}

void ActiveRun::EnqueueStart(int task) {
  // Where there is no such executor, the first one's turn finds that out.
  queues_[PlaceOf(task).value_or(0)].tasks.push_back(task);
}

absl::StatusOr<int> ActiveRun::PlaceOf(int task) const {
  return executors_.PlaceOf({PlannedOf(snapshot_, task), snapshot_.executor, namespace_});
}

void ActiveRun::StoreCacheDecision(int task) {
  std::string decision = cache_.TakeDecision(task);
  if (!decision.empty()) commit_.cache_decisions[task] = std::move(decision);
}

void ActiveRun::NoteWaiting() {
  for (const int task : newly_waiting_) {
    if (snapshot_.tasks[task].ready) commit_.waiting.push_back({task, WaitReason::kCapacity, ""});
  }
  newly_waiting_.clear();
}

void ActiveRun::NoteAttemptWait(int task, WaitReason reason, std::string message) {
  TaskSnapshot& snapshot = snapshot_.tasks[task];
  if (snapshot.state != TaskState::kRunning) return;
  if (snapshot.wait_reason == reason && message == snapshot.wait_message) return;
  snapshot.wait_reason = reason;
  snapshot.wait_message = message;
  commit_.waiting.push_back({task, reason, std::move(message)});
  touched_ = true;
}

std::vector<std::string> ActiveRun::Committed() {
  commit_ = {};
  touched_ = false;
  return std::exchange(cancel_, {});
}

}  // namespace penstock
