#include "scheduler/plan/plan_retry.h"

#include <utility>

#include "scheduler/plan/stepper.h"

namespace penstock {
namespace {

bool EndedBadly(TaskState state) { return state != TaskState::kSucceeded && state != TaskState::kSkipped; }

class Fates {
 public:
  explicit Fates(const RunSnapshot& run) : run_(run), fates_(run.tasks.size(), RetryFate::kKept) {}

  std::vector<RetryFate> Decide() {
    DecideScope(/*scope=*/0);
    // What is part of a task comes after it.
    for (int task = 0; task < static_cast<int>(run_.tasks.size()); ++task) {
      if (fates_[task] == RetryFate::kKept) continue;
      const TaskSnapshot& snapshot = run_.tasks[task];
      if (IsLoop(task)) {
        DecideLoop(task);
      } else if (snapshot.inner_scope >= 0) {
        fates_[task] == RetryFate::kGoesOn ? DecideScope(snapshot.inner_scope)
                                           : RemoveScope(snapshot.inner_scope);
      }
    }
    return std::move(fates_);
  }

 private:
  bool IsLoop(int task) const { return run_.tasks[task].loop >= 0 && run_.tasks[task].iteration < 0; }
  int SizeOf(const ScopeSnapshot& scope) const { return run_.plan->dags()[scope.dag].graph.size(); }

  RetryFate FateOfEnded(int task) const {
    if (!EndedBadly(run_.tasks[task].state)) return RetryFate::kKept;
    return IsLoop(task) || run_.tasks[task].inner_scope >= 0 ? RetryFate::kGoesOn : RetryFate::kAgain;
  }

  void DecideScope(int number) {
    const ScopeSnapshot& scope = run_.scopes[number];
    const Graph& graph = run_.plan->dags()[scope.dag].graph;
    for (const int planned : graph.topological_order()) {
      RetryFate& fate = fates_[scope.first_task + planned] = FateOfEnded(scope.first_task + planned);
      for (const int upstream : graph.predecessors(planned)) {
        if (fates_[scope.first_task + upstream] != RetryFate::kKept) fate = RetryFate::kAgain;
      }
    }
  }

  void RemoveScope(int number) {
    const ScopeSnapshot& scope = run_.scopes[number];
    for (int i = 0; i < SizeOf(scope); ++i) fates_[scope.first_task + i] = RetryFate::kGone;
  }

  void DecideLoop(int task) {
    const bool goes_on = fates_[task] == RetryFate::kGoesOn;
    for (const int iteration : run_.loops[run_.tasks[task].loop].iterations) {
      fates_[iteration] = goes_on ? FateOfEnded(iteration) : RetryFate::kGone;
    }
  }

  const RunSnapshot& run_;
  std::vector<RetryFate> fates_;
};

}  // namespace

std::vector<RetryFate> FatesOfRetry(const RunSnapshot& run) { return Fates(run).Decide(); }

namespace plan_internal {

void Stepper::Reopen() {
  if (run_.state != RunState::kPending) return;
  for (const auto& [number, from] : std::exchange(run_.reopened, {})) {
    const TaskSnapshot& task = run_.tasks[number];
    decision_.tasks.push_back({number, from, task.state, task.wait_reason, 0, "", now_, task.started_at,
                               task.finished_at, task.wake_at, /*reopened=*/true});
  }
  decision_.removed = std::exchange(run_.removed, {});
  MoveRun(RunState::kRunning, 0, "");
  (*this)(RunRestored{});
  // What is open and has nothing left to do: it ended in another way than by its tasks.
  for (int i = 0; i < static_cast<int>(run_.loops.size()); ++i) {
    const LoopSnapshot& loop = run_.loops[i];
    if (run_.tasks[loop.task].state != TaskState::kRunning || loop.unfinished > 0) continue;
    loop.complete() ? EndLoop(i) : OpenNext(i);
  }
  for (int i = 0; i < static_cast<int>(run_.scopes.size()); ++i) {
    const ScopeSnapshot& scope = run_.scopes[i];
    if (scope.unfinished == 0 && scope.owner >= 0 && run_.tasks[scope.owner].state == TaskState::kRunning) {
      EndGraph(scope.owner);
    }
  }
}

}  // namespace plan_internal
}  // namespace penstock
