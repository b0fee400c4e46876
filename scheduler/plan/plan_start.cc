// How tasks come into being and start.
#include <utility>

#include "scheduler/plan/stepper.h"

namespace penstock::plan_internal {

void Stepper::Create(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  snapshot.task_id = ids_.NewId();
  decision_.tasks.push_back({task, std::nullopt, TaskState::kPending, snapshot.wait_reason, 0, "", now_,
                             snapshot.started_at, snapshot.finished_at, snapshot.wake_at});
}

void Stepper::CreateScope(int dag, int owner) {
  const ScopeSnapshot& scope = run_.scopes[OpenScope(run_, dag, owner)];
  for (int i = 0; i < scope.unfinished; ++i) {
    const int task = scope.first_task + i;
    TaskSnapshot& snapshot = run_.tasks[task];
    if (snapshot.unfinished_upstream == 0) {
      startable_.push_back(task);
      // What the row says from the start needs no second write.
      if (PlannedOf(run_, task).executor != nullptr) snapshot.wait_reason = WaitReason::kCapacity;
    }
    Create(task);
  }
}

void Stepper::Start(int task) {
  if (run_.tasks[task].state != TaskState::kPending || run_.state == RunState::kCanceling) return;
  if (PlannedOf(run_, task).dag >= 0) {
    StartGraph(task);
  } else {
    MakeReady(task);
  }
}

void Stepper::StartGraph(int task) {
  absl::StatusOr<TaskInputs> inputs = InputsOf(run_, task);
  if (!inputs.ok()) return EndWith(task, inputs.status());
  decision_.inputs.emplace_back(task, *std::move(inputs));
  Move(task, TaskState::kRunning);
  CreateScope(PlannedOf(run_, task).dag, task);
}

void Stepper::MakeReady(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  snapshot.ready = true;
  ++run_.ready;
  if (snapshot.wait_reason != WaitReason::kCapacity) {
    snapshot.wait_reason = WaitReason::kCapacity;
    decision_.waiting.push_back(task);
  }
  decision_.ready.push_back(task);
}

}  // namespace penstock::plan_internal
