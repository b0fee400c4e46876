#include "scheduler/plan/plan.h"

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr int kCancelled = static_cast<int>(absl::StatusCode::kCancelled);
constexpr int kUnknown = static_cast<int>(absl::StatusCode::kUnknown);
constexpr int kInternal = static_cast<int>(absl::StatusCode::kInternal);

// One step of one run.
class Stepper {
 public:
  Stepper(RunSnapshot& run, absl::Time now) : run_(run), now_(now) {}

  void operator()(const RunTaken& event);
  void operator()(const RunCancelAsked& event);
  void operator()(const TaskStarting& event);
  void operator()(const TaskUnstartable& event);
  void operator()(const AttemptEnded& event);
  void operator()(const RunRestored& event);

  Decision Finish();

 private:
  const Graph& graph() const { return run_.plan->graph(); }
  const std::string& NameOf(int task) const { return run_.plan->tasks()[task].name; }
  bool Ready(const TaskSnapshot& task) const {
    return task.state == TaskState::kPending && task.unfinished_upstream == 0;
  }

  void Move(int task, TaskState to);
  void MoveRun(RunState to, int error_code, std::string error_message);
  void MakeReady(int task);
  void End(int task, TaskState to, int error_code, std::string error_message);
  void Downstream(int ended);

  RunSnapshot& run_;
  const absl::Time now_;
  Decision decision_;
  std::vector<int> ended_;  // tasks whose downstream is still to be told; a list, since chains are long
};

void Stepper::Move(int task, TaskState to) {
  TaskSnapshot& snapshot = run_.tasks[task];
  const TaskState from = snapshot.state;
  if (to == TaskState::kRunning) snapshot.started_at = now_;
  if (IsFinal(to)) snapshot.finished_at = now_;
  if (to != TaskState::kPending) snapshot.wait_reason = WaitReason::kNone;
  snapshot.state = to;
  decision_.tasks.push_back({task, from, to, snapshot.wait_reason, snapshot.error_code,
                             snapshot.error_message, now_, snapshot.started_at, snapshot.finished_at});
}

void Stepper::MoveRun(RunState to, int error_code, std::string error_message) {
  decision_.run.push_back({run_.state, to, error_code, std::move(error_message), now_});
  run_.state = to;
}

void Stepper::MakeReady(int task) {
  ++run_.ready;
  run_.tasks[task].wait_reason = WaitReason::kCapacity;
  decision_.ready.push_back(task);
}

void Stepper::End(int task, TaskState to, int error_code, std::string error_message) {
  TaskSnapshot& snapshot = run_.tasks[task];
  if (snapshot.state == TaskState::kRunning || snapshot.state == TaskState::kCanceling) --run_.running;
  if (Ready(snapshot)) --run_.ready;
  snapshot.error_code = error_code;
  snapshot.error_message = std::move(error_message);
  if (to == TaskState::kFailed && run_.first_failed < 0) run_.first_failed = task;
  Move(task, to);
  --run_.unfinished;
  ended_.push_back(task);
}

void Stepper::Downstream(int ended) {
  const bool succeeded = run_.tasks[ended].state == TaskState::kSucceeded;
  for (const int task : graph().successors(ended)) {
    TaskSnapshot& snapshot = run_.tasks[task];
    --snapshot.unfinished_upstream;
    if (snapshot.state != TaskState::kPending) continue;
    if (!succeeded) {
      ++snapshot.unfinished_upstream;  // keeps it from being taken for ready while it ends
      End(task, TaskState::kSkipped, 0,
          absl::StrCat("Skipped: task '", NameOf(ended), "' before it is ", Name(run_.tasks[ended].state)));
      --snapshot.unfinished_upstream;
    } else if (snapshot.unfinished_upstream == 0) {
      MakeReady(task);
    }
  }
}

void Stepper::operator()(const RunTaken& event) {
  if (run_.state != RunState::kPending && run_.state != RunState::kCanceling) return;
  const int count = graph().size();
  run_.tasks.resize(count);
  run_.unfinished = count;
  for (int i = 0; i < count; ++i) {
    TaskSnapshot& task = run_.tasks[i];
    task.task_id = event.task_ids[i];
    task.created_at = now_;
    task.unfinished_upstream = static_cast<int>(graph().predecessors(i).size());
    if (task.unfinished_upstream == 0) MakeReady(i);
    decision_.tasks.push_back({i, std::nullopt, TaskState::kPending, task.wait_reason, 0, "", now_,
                               task.started_at, task.finished_at});
  }
  if (run_.state == RunState::kPending) {
    MoveRun(RunState::kRunning, 0, "");
  } else {
    (*this)(RunCancelAsked{});
  }
}

void Stepper::operator()(const RunCancelAsked&) {
  if (IsFinal(run_.state)) return;
  run_.state = RunState::kCanceling;
  for (int i = 0; i < static_cast<int>(run_.tasks.size()); ++i) {
    if (run_.tasks[i].state == TaskState::kPending) {
      End(i, TaskState::kCanceled, kCancelled, "The run was terminated before this task started");
    } else if (run_.tasks[i].state == TaskState::kRunning) {
      Move(i, TaskState::kCanceling);
      decision_.cancel.push_back(i);
    } else if (run_.tasks[i].state == TaskState::kCanceling) {
      decision_.cancel.push_back(i);  // asked again after a restart
    }
  }
  decision_.ready.clear();
}

void Stepper::operator()(const TaskStarting& event) {
  TaskSnapshot& task = run_.tasks[event.task];
  if (!Ready(task) || run_.state != RunState::kRunning) return;
  --run_.ready;
  ++run_.running;
  ++task.attempts;
  task.attempt_id = event.attempt_id;
  Move(event.task, TaskState::kRunning);
}

void Stepper::operator()(const TaskUnstartable& event) {
  if (!Ready(run_.tasks[event.task])) return;
  End(event.task, TaskState::kFailed, static_cast<int>(event.status.code()),
      std::string(event.status.message()));
}

void Stepper::operator()(const AttemptEnded& event) {
  TaskSnapshot& task = run_.tasks[event.task];
  if (task.attempt_id != event.attempt_id || IsFinal(task.state)) return;
  switch (event.result) {
    case AttemptResult::kSucceeded:
      task.outputs = event.outputs;
      return End(event.task, TaskState::kSucceeded, 0, "");
    case AttemptResult::kFailed:
      return End(event.task, TaskState::kFailed, kUnknown, event.message);
    case AttemptResult::kCanceled:
      return End(event.task, TaskState::kCanceled, kCancelled, event.message);
  }
}

void Stepper::operator()(const RunRestored&) {
  RecountTasks(run_);
  for (int i = 0; i < static_cast<int>(run_.tasks.size()); ++i) {
    const TaskSnapshot& task = run_.tasks[i];
    if (task.state != TaskState::kPending) continue;
    if (Ready(task)) {
      decision_.ready.push_back(i);
      continue;
    }
    for (const int upstream : graph().predecessors(i)) {
      const TaskState state = run_.tasks[upstream].state;
      if (!IsFinal(state) || state == TaskState::kSucceeded) continue;
      End(i, TaskState::kSkipped, 0,
          absl::StrCat("Skipped: task '", NameOf(upstream), "' before it is ", Name(state)));
      break;
    }
  }
  if (run_.state == RunState::kCanceling) (*this)(RunCancelAsked{});
}

Decision Stepper::Finish() {
  while (!ended_.empty()) {
    const int task = ended_.back();
    ended_.pop_back();
    Downstream(task);
  }
  if (IsFinal(run_.state) || run_.state == RunState::kPending || run_.running > 0)
    return std::move(decision_);
  if (run_.unfinished > 0) {
    if (run_.ready > 0) return std::move(decision_);
    MoveRun(RunState::kFailed, kInternal,
            "Penstock bug: the run has tasks that are not finished, and none of them can start");
    return std::move(decision_);
  }
  if (run_.state == RunState::kCanceling) {
    MoveRun(RunState::kCanceled, kCancelled, "The run was terminated on request");
  } else if (run_.first_failed >= 0) {
    const TaskSnapshot& task = run_.tasks[run_.first_failed];
    MoveRun(RunState::kFailed, task.error_code,
            absl::StrCat("Task '", NameOf(run_.first_failed), "' failed: ", task.error_message));
  } else {
    MoveRun(RunState::kSucceeded, 0, "");
  }
  return std::move(decision_);
}

}  // namespace

Decision Step(RunSnapshot& run, const PlanEvent& event, absl::Time now) {
  Stepper stepper(run, now);
  std::visit([&stepper](const auto& e) { stepper(e); }, event);
  return stepper.Finish();
}

void RecountTasks(RunSnapshot& run) {
  run.unfinished = run.running = run.ready = 0;
  run.first_failed = -1;
  for (int i = 0; i < static_cast<int>(run.tasks.size()); ++i) {
    TaskSnapshot& task = run.tasks[i];
    task.unfinished_upstream = 0;
    bool blocked = false;
    for (const int upstream : run.plan->graph().predecessors(i)) {
      const TaskState state = run.tasks[upstream].state;
      if (!IsFinal(state)) ++task.unfinished_upstream;
      blocked |= IsFinal(state) && state != TaskState::kSucceeded;
    }
    if (blocked && task.unfinished_upstream == 0)
      task.unfinished_upstream = 1;  // never ready; see RunRestored
    if (!IsFinal(task.state)) ++run.unfinished;
    if (task.state == TaskState::kRunning || task.state == TaskState::kCanceling) ++run.running;
    if (task.state == TaskState::kPending && task.unfinished_upstream == 0) ++run.ready;
    if (task.state == TaskState::kFailed && run.first_failed < 0) run.first_failed = i;
  }
}

}  // namespace penstock
