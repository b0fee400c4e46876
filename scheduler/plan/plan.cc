#include "scheduler/plan/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "scheduler/plan/stepper.h"

namespace penstock {
namespace plan_internal {
namespace {

// Until a task begins again that was disrupted for the first time; twice that the next time, and so on.
constexpr absl::Duration kAfterDisruption = absl::Seconds(1);

}  // namespace

void Stepper::Move(int task, TaskState to) {
  TaskSnapshot& snapshot = run_.tasks[task];
  const TaskState from = snapshot.state;
  const bool first_start = to == TaskState::kRunning && snapshot.started_at == absl::UnixEpoch();
  if (first_start) snapshot.started_at = now_;
  if (IsFinal(to)) snapshot.finished_at = now_;
  if (to != TaskState::kPending) snapshot.wait_reason = WaitReason::kNone;
  snapshot.wait_message.clear();
  snapshot.state = to;
  decision_.tasks.push_back({task, from, to, snapshot.wait_reason, snapshot.error_code,
                             snapshot.error_message, now_, snapshot.started_at, snapshot.finished_at,
                             snapshot.wake_at});
}

void Stepper::MoveRun(RunState to, int error_code, std::string error_message) {
  decision_.run.push_back({run_.state, to, error_code, std::move(error_message), now_});
  run_.state = to;
}

void Stepper::operator()(const RunTaken&) {
  if (run_.state != RunState::kPending && run_.state != RunState::kCanceling) return;
  if (!run_.tasks.empty()) return Reopen();
  CreateScope(/*dag=*/0, /*owner=*/-1);
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
    TaskSnapshot& task = run_.tasks[i];
    if (task.state == TaskState::kPending) {
      End(i, TaskState::kCanceled, kCancelled, "The run was terminated before this task started");
      continue;
    }
    if (task.state == TaskState::kRunning) Move(i, TaskState::kCanceling);
    // Also asked again after a restart.
    if (task.state == TaskState::kCanceling && HasAttempts(run_, i)) decision_.cancel.push_back(i);
  }
  decision_.ready.clear();
  decision_.waiting.clear();
}

void Stepper::operator()(const TaskStarting& event) {
  TaskSnapshot& task = run_.tasks[event.task];
  if (!task.ready || run_.state != RunState::kRunning) return;
  task.ready = false;
  --run_.ready;
  ++run_.running;
  ++task.attempts;
  task.attempt_id = event.attempt_id;
  Move(event.task, TaskState::kRunning);
}

void Stepper::operator()(const TaskUnstartable& event) {
  if (run_.tasks[event.task].ready) EndWith(event.task, event.status);
}

void Stepper::operator()(const TaskFoundInCache& event) {
  TaskSnapshot& task = run_.tasks[event.task];
  if (!task.ready || run_.state != RunState::kRunning) return;
  task.outputs = event.outputs;
  task.started_at = now_;
  End(event.task, TaskState::kSucceeded, 0, "");
}

void Stepper::operator()(const AttemptEnded& event) {
  TaskSnapshot& task = run_.tasks[event.task];
  const bool started = task.state == TaskState::kRunning || task.state == TaskState::kCanceling;
  if (task.attempt_id != event.attempt_id || !started) return;
  --run_.running;
  switch (event.result) {
    case AttemptResult::kSucceeded:
      task.outputs = event.outputs;
      return End(event.task, TaskState::kSucceeded, 0, "");
    case AttemptResult::kDisrupted:
      if (BeginAgain(event.task)) return;
      [[fallthrough]];
    case AttemptResult::kFailed:
      if (TryAgain(event.task)) return;
      return End(event.task, TaskState::kFailed, kUnknown, event.message);
    case AttemptResult::kCanceled:
      return End(event.task, TaskState::kCanceled, kCancelled, event.message);
  }
}

// Whether the task whose attempt was disrupted begins again, which its own retries do not count.
bool Stepper::BeginAgain(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  ++snapshot.disruptions;
  if (snapshot.disruptions > run_.disruptions_allowed || snapshot.state != TaskState::kRunning) return false;
  Wait(task, now_ + kAfterDisruption * (int64_t{1} << (snapshot.disruptions - 1)));
  return true;
}

// Whether the task that has just failed gets another attempt.
bool Stepper::TryAgain(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  const RetryPolicy* policy = RetryPolicyOf(run_, task);
  // Of disruptions only those count that were too many.
  const int attempts =
      snapshot.attempts - snapshot.attempts_before - std::min(snapshot.disruptions, run_.disruptions_allowed);
  if (policy == nullptr || attempts > policy->max_retry_count() || snapshot.state != TaskState::kRunning) {
    return false;
  }
  const absl::Duration delay = RetryDelay(*policy, attempts);
  if (delay > absl::ZeroDuration()) {
    Wait(task, now_ + delay);
  } else {
    snapshot.wait_reason = WaitReason::kCapacity;
    Move(task, TaskState::kPending);
    MakeReady(task);
  }
  return true;
}

void Stepper::Wait(int task, absl::Time until) {
  TaskSnapshot& snapshot = run_.tasks[task];
  snapshot.wait_reason = WaitReason::kRetry;
  snapshot.wake_at = until;
  run_.waking.emplace(until, task);
  Move(task, TaskState::kPending);
}

void Stepper::StopWaiting(int task) {
  TaskSnapshot& snapshot = run_.tasks[task];
  if (snapshot.wake_at == absl::UnixEpoch()) return;
  run_.waking.erase({snapshot.wake_at, task});
  snapshot.wake_at = absl::UnixEpoch();
}

void Stepper::operator()(const TimePassed&) {
  if (run_.state != RunState::kRunning) return;
  while (!run_.waking.empty() && run_.waking.begin()->first <= now_) {
    const int task = run_.waking.begin()->second;
    StopWaiting(task);
    MakeReady(task);
  }
}

Decision Stepper::Finish() {
  while (true) {
    if (!ended_.empty()) {
      const int task = ended_.back();
      ended_.pop_back();
      Propagate(task);
    } else if (!startable_.empty()) {
      const int task = startable_.front();
      startable_.pop_front();
      Start(task);
    } else if (!OpenWaiting()) {
      break;
    }
  }
  FinishRun();
  return std::move(decision_);
}

void Stepper::FinishRun() {
  if (IsFinal(run_.state) || run_.scopes.empty() || run_.running > 0) return;
  const ScopeSnapshot& root = run_.scopes.front();
  if (root.unfinished > 0) {
    if (run_.ready > 0 || !run_.waking.empty()) return;
    return MoveRun(RunState::kFailed, kInternal,
                   "Penstock bug: the run has tasks that are not finished, and none of them can start");
  }
  if (run_.state == RunState::kCanceling) {
    MoveRun(RunState::kCanceled, kCancelled, "The run was terminated on request");
  } else if (root.first_failed >= 0) {
    const TaskSnapshot& task = run_.tasks[root.first_failed];
    MoveRun(RunState::kFailed, task.error_code,
            absl::StrCat("Task '", NameOf(root.first_failed), "' failed: ", task.error_message));
  } else {
    MoveRun(RunState::kSucceeded, 0, "");
  }
}

}  // namespace plan_internal

Decision Step(RunSnapshot& run, const PlanEvent& event, absl::Time now, IdGenerator& ids) {
  plan_internal::Stepper stepper(run, now, ids);
  std::visit([&stepper](const auto& e) { stepper(e); }, event);
  return stepper.Finish();
}

}  // namespace penstock
