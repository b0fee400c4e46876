// What follows from the states that storage holds.
#include "absl/strings/str_cat.h"
#include "scheduler/plan/plan.h"
#include "scheduler/plan/stepper.h"

namespace penstock {
namespace {

// Calls `visit` with each task that `task` waits for.
template <typename Visit>
void ForEachUpstream(const RunSnapshot& run, int task, Visit visit) {
  const TaskSnapshot& snapshot = run.tasks[task];
  const ScopeSnapshot& scope = run.scopes[snapshot.scope];
  for (const int planned : run.plan->dags()[scope.dag].graph.predecessors(snapshot.planned)) {
    visit(scope.first_task + planned);
  }
}

// The first task that `task` waits for which has ended in a way that keeps it from starting, -1 if there is
// none.
int BlockedBy(const RunSnapshot& run, int task) {
  int blocked_by = -1;
  if (PlannedOf(run, task).awaits_any_end || run.tasks[task].iteration >= 0) return blocked_by;
  ForEachUpstream(run, task, [&](int upstream) {
    const TaskState state = run.tasks[upstream].state;
    if (blocked_by < 0 && IsFinal(state) && state != TaskState::kSucceeded) blocked_by = upstream;
  });
  return blocked_by;
}

// Counts the task in the scope or the loop that it is part of.
template <typename Whole>
void CountIn(RunSnapshot& run, int task, Whole& whole) {
  const TaskSnapshot& snapshot = run.tasks[task];
  if (!IsFinal(snapshot.state)) ++whole.unfinished;
  if (snapshot.state == TaskState::kCanceled) whole.any_canceled = true;
  if (snapshot.state == TaskState::kFailed &&
      (whole.first_failed < 0 || snapshot.finished_at < run.tasks[whole.first_failed].finished_at)) {
    whole.first_failed = task;
  }
}

void Count(RunSnapshot& run, int task) {
  const TaskSnapshot& snapshot = run.tasks[task];
  ScopeSnapshot& scope = run.scopes[snapshot.scope];
  const bool is_iteration = snapshot.iteration >= 0;
  if (is_iteration) {
    CountIn(run, task, run.loops[snapshot.loop]);
  } else {
    CountIn(run, task, scope);
  }
  if (!IsFinal(snapshot.state) && (is_iteration || scope.in_loop)) ++run.open_in_loops;
}

}  // namespace

void RecountTasks(RunSnapshot& run) {
  run.running = run.ready = 0;
  run.waking.clear();
  for (ScopeSnapshot& scope : run.scopes) {
    scope.unfinished = 0;
    scope.first_failed = -1;
    scope.any_canceled = false;
  }
  run.open_in_loops = 0;
  for (LoopSnapshot& loop : run.loops) {
    loop.unfinished = 0;
    loop.first_failed = -1;
    loop.any_canceled = false;
  }
  for (int i = 0; i < static_cast<int>(run.tasks.size()); ++i) {
    TaskSnapshot& task = run.tasks[i];
    task.unfinished_upstream = 0;
    if (task.iteration < 0) {
      ForEachUpstream(run, i, [&](int upstream) {
        if (!IsFinal(run.tasks[upstream].state)) ++task.unfinished_upstream;
      });
    }
    Count(run, i);
    task.ready = false;
    if (task.state == TaskState::kPending && task.wait_reason == WaitReason::kRetry) {
      run.waking.emplace(task.wake_at, i);
    } else {
      task.wake_at = absl::UnixEpoch();
    }
    const bool started = task.state == TaskState::kRunning || task.state == TaskState::kCanceling;
    if (started && HasAttempts(run, i)) ++run.running;
  }
  run.opening.clear();
  for (int i = 0; i < static_cast<int>(run.loops.size()); ++i) {
    const LoopSnapshot& loop = run.loops[i];
    if (run.tasks[loop.task].state == TaskState::kRunning && loop.may_open()) run.opening.insert(i);
  }
}

namespace plan_internal {

void Stepper::operator()(const RunRestored&) {
  RecountTasks(run_);
  const int count = static_cast<int>(run_.tasks.size());
  for (int i = 0; i < count && run_.state == RunState::kRunning; ++i) {
    if (run_.tasks[i].state != TaskState::kPending || run_.tasks[i].wait_reason == WaitReason::kRetry) {
      continue;
    }
    const int blocked_by = BlockedBy(run_, i);
    if (blocked_by >= 0) {
      End(i, TaskState::kSkipped, 0,
          absl::StrCat("Skipped: task '", NameOf(blocked_by), "' before it is ",
                       Name(run_.tasks[blocked_by].state)));
    } else if (run_.tasks[i].unfinished_upstream == 0) {
      startable_.push_back(i);
    }
  }
  if (run_.state == RunState::kCanceling) (*this)(RunCancelAsked{});
}

}  // namespace plan_internal
}  // namespace penstock
