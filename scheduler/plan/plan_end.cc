// How tasks end, and what follows for others.
#include <utility>

#include "absl/strings/str_cat.h"
#include "scheduler/plan/stepper.h"

namespace penstock::plan_internal {

void Stepper::End(int task, TaskState to, int error_code, std::string error_message) {
  TaskSnapshot& snapshot = run_.tasks[task];
  if (snapshot.ready) {
    snapshot.ready = false;
    --run_.ready;
  }
  StopWaiting(task);
  DropInputs(run_, task);
  std::string().swap(snapshot.attempt_id);  // a run may have very many tasks that have ended
  snapshot.error_code = error_code;
  snapshot.error_message = std::move(error_message);
  Move(task, to);
  ended_.push_back(task);
}

void Stepper::EndWith(int task, const absl::Status& status) {
  End(task, TaskState::kFailed, static_cast<int>(status.code()), std::string(status.message()));
}

void Stepper::Propagate(int ended) {
  if (run_.tasks[ended].iteration >= 0) return CountInLoop(ended);
  const ScopeSnapshot& scope = run_.scopes[run_.tasks[ended].scope];
  const Graph& graph = run_.plan->dags()[scope.dag].graph;
  for (const int planned : graph.successors(run_.tasks[ended].planned)) {
    TellSuccessor(ended, scope.first_task + planned);
  }
  CountInScope(ended);
}

void Stepper::TellSuccessor(int ended, int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  --snapshot.unfinished_upstream;
  if (snapshot.state != TaskState::kPending) return;
  const TaskState state = run_.tasks[ended].state;
  if (state != TaskState::kSucceeded && !PlannedOf(run_, task).awaits_any_end) {
    End(task, TaskState::kSkipped, 0,
        absl::StrCat("Skipped: task '", NameOf(ended), "' before it is ", Name(state)));
  } else if (snapshot.unfinished_upstream == 0) {
    startable_.push_back(task);
  }
}

void Stepper::CountInScope(int ended) {
  const TaskState state = run_.tasks[ended].state;
  ScopeSnapshot& scope = run_.scopes[run_.tasks[ended].scope];
  if (state == TaskState::kFailed && scope.first_failed < 0) scope.first_failed = ended;
  if (state == TaskState::kCanceled) scope.any_canceled = true;
  if (scope.in_loop) --run_.open_in_loops;
  if (--scope.unfinished == 0 && scope.owner >= 0) EndGraph(scope.owner);
}

void Stepper::CountInLoop(int ended) {
  const TaskState state = run_.tasks[ended].state;
  const int number = run_.tasks[ended].loop;
  LoopSnapshot& loop = run_.loops[number];
  if (state == TaskState::kFailed && loop.first_failed < 0) loop.first_failed = ended;
  if (state == TaskState::kCanceled) loop.any_canceled = true;
  --run_.open_in_loops;
  --loop.unfinished;
  const bool goes_on = !loop.complete() && run_.state == RunState::kRunning;
  if (loop.unfinished > 0) {
    if (goes_on) run_.opening.insert(number);
  } else if (goes_on) {
    OpenNext(number);
  } else {
    EndLoop(number);
  }
}

void Stepper::EndLoop(int number) {
  LoopSnapshot& loop = run_.loops[number];
  TaskSnapshot& snapshot = run_.tasks[loop.task];
  if (snapshot.state == TaskState::kCanceling && (loop.any_canceled || !loop.complete())) {
    End(loop.task, TaskState::kCanceled, kCancelled, "The run was terminated");
  } else if (loop.first_failed >= 0) {
    const TaskSnapshot& failed = run_.tasks[loop.first_failed];
    End(loop.task, TaskState::kFailed, failed.error_code,
        absl::StrCat("Iteration ", failed.iteration, ": ", failed.error_message));
  } else if (loop.overflowed) {
    EndWith(loop.task, NoRoom());
  } else {
    snapshot.outputs = std::make_shared<const TaskOutputs>(OutputsOfLoop(run_, number));
    decision_.outputs.emplace_back(loop.task, snapshot.outputs);
    End(loop.task, TaskState::kSucceeded, 0, "");
  }
  for (const int iteration : loop.iterations) run_.tasks[iteration].outputs.reset();
  loop.inputs.reset();
  loop.items.parameters = Json();
  run_.opening.erase(number);
}

void Stepper::EndGraph(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  const ScopeSnapshot& scope = run_.scopes[snapshot.inner_scope];
  if (snapshot.state == TaskState::kCanceling && scope.any_canceled) {
    End(task, TaskState::kCanceled, kCancelled, "The run was terminated");
  } else if (scope.first_failed >= 0) {
    const TaskSnapshot& failed = run_.tasks[scope.first_failed];
    End(task, TaskState::kFailed, failed.error_code,
        absl::StrCat("Task '", NameOf(scope.first_failed), "' failed: ", failed.error_message));
  } else {
    snapshot.outputs = std::make_shared<const TaskOutputs>(OutputsOfScope(run_, snapshot.inner_scope));
    decision_.outputs.emplace_back(task, snapshot.outputs);
    End(task, TaskState::kSucceeded, 0, "");
  }
  const int count = run_.plan->dags()[scope.dag].graph.size();
  for (int i = 0; i < count; ++i) run_.tasks[scope.first_task + i].outputs.reset();  // nobody reads them now
}

}  // namespace penstock::plan_internal
