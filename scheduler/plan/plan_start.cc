// How tasks come into being and start.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "scheduler/plan/stepper.h"

namespace penstock::plan_internal {
absl::Status Stepper::NoRoom() {
  return absl::ResourceExhaustedError(
      absl::StrCat("the run would have more than ", limits::kRunTasks,
                   " tasks, counting those of each iteration of its loops (the bound kRunTasks)"));
}

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
      if (HasAttempts(run_, task) && !PlannedOf(run_, task).condition.has_value()) {
        snapshot.wait_reason = WaitReason::kCapacity;
      }
    }
    Create(task);
  }
}

void Stepper::Start(int task) {
  if (run_.tasks[task].state != TaskState::kPending || run_.state == RunState::kCanceling) return;
  const PlannedTask& planned = PlannedOf(run_, task);
  const bool is_loop = planned.is_loop && run_.tasks[task].iteration < 0;
  const bool is_graph = planned.dag >= 0 && !is_loop;
  // The condition of a loop is that of the loop as a whole.
  const bool conditional = planned.condition.has_value() && run_.tasks[task].iteration < 0;
  absl::StatusOr<TaskInputs> inputs = TaskInputs();  // of a graph
  if (is_graph) {
    inputs = InputsOf(run_, task);
    if (!inputs.ok()) return EndWith(task, inputs.status());
  }
  if (conditional) {
    const absl::StatusOr<bool> holds =
        is_graph ? penstock::ConditionHolds(run_, task, *inputs) : ConditionHolds(task);
    if (!holds.ok()) return EndWith(task, holds.status());
    if (!*holds) {
      return End(task, TaskState::kSkipped, 0,
                 absl::StrCat("Skipped: its condition is false: ", planned.condition->Quoted()));
    }
  }
  if (is_loop) {
    StartLoop(task);
  } else if (is_graph) {
    StartGraph(task, *std::move(inputs));
  } else {
    MakeReady(task);
  }
}

// Of a task with attempts, or of a loop; the former's inputs are kept for its start.
absl::StatusOr<bool> Stepper::ConditionHolds(int task) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const TaskInputs> inputs, KeptInputs(run_, task));
  if (!HasAttempts(run_, task)) DropInputs(run_, task);
  return penstock::ConditionHolds(run_, task, *inputs);
}

bool Stepper::HasRoom(int tasks) const {
  return run_.tasks.size() + tasks <= static_cast<size_t>(limits::kRunTasks);
}

void Stepper::StartGraph(int task, TaskInputs inputs) {
  const PlannedTask& planned = PlannedOf(run_, task);
  if (!HasRoom(run_.plan->dags()[planned.dag].graph.size())) return EndWith(task, NoRoom());
  if (run_.tasks[task].iteration >= 0) {  // the rest is its loop's
    TaskInputs item;
    const std::string& name = planned.spec->parameter_iterator().item_input();
    const std::string& artifact = planned.spec->artifact_iterator().item_input();
    if (!name.empty()) item.parameters[name] = std::move(inputs.parameters[name]);
    if (!artifact.empty()) item.artifacts[artifact] = std::move(inputs.artifacts[artifact]);
    inputs = std::move(item);
  }
  decision_.inputs.emplace_back(task, std::move(inputs));
  Move(task, TaskState::kRunning);
  CreateScope(planned.dag, task);
}

void Stepper::StartLoop(int task) {
  LoopSnapshot loop;
  loop.task = task;
  if (const absl::Status status = SetItems(run_, loop); !status.ok()) return EndWith(task, status);
  decision_.inputs.emplace_back(task, *loop.inputs);
  Move(task, TaskState::kRunning);
  const int number = static_cast<int>(run_.loops.size());
  run_.tasks[task].loop = number;
  const bool empty = loop.items.count == 0;
  run_.loops.push_back(std::move(loop));
  if (empty) {
    EndLoop(number);
  } else {
    OpenNext(number);
  }
}

// Opens an iteration of a loop that may open one.
void Stepper::OpenNext(int number) {
  LoopSnapshot& loop = run_.loops[number];
  if (!HasRoom(1)) {
    loop.overflowed = true;
    loop.items.count = static_cast<int>(loop.iterations.size());
    run_.opening.erase(number);
    if (loop.unfinished == 0) EndLoop(number);
    return;
  }
  const int iteration = OpenIteration(run_, number);
  if (HasAttempts(run_, iteration)) run_.tasks[iteration].wait_reason = WaitReason::kCapacity;
  Create(iteration);
  startable_.push_back(iteration);
  if (loop.may_open()) {
    run_.opening.insert(number);
  } else {
    run_.opening.erase(number);
  }
}

// Opens an iteration of the next of the loops that wait for room, if there is room; each gets its turn. Every
// loop has one that is unfinished, whatever the room, so none waits for ever.
bool Stepper::OpenWaiting() {
  if (run_.opening.empty() || run_.open_in_loops >= limits::kLoopTasksOpen ||
      run_.state != RunState::kRunning) {
    return false;
  }
  auto next = run_.opening.upper_bound(run_.last_opening);
  if (next == run_.opening.end()) next = run_.opening.begin();
  run_.last_opening = *next;
  OpenNext(run_.last_opening);
  return true;
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
