// The state machine of a run, as data: its snapshot, what happens to it, and what follows.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/state.h"
#include "scheduler/plan/run_plan.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// One task as it stands. Its number is that of the plan.
struct TaskSnapshot {
  std::string task_id;
  TaskState state = TaskState::kPending;
  WaitReason wait_reason = WaitReason::kUpstream;
  int error_code = 0;  // google.rpc.Code
  std::string error_message;
  absl::Time created_at = absl::UnixEpoch();
  absl::Time started_at = absl::UnixEpoch();
  absl::Time finished_at = absl::UnixEpoch();
  int attempts = 0;
  std::string attempt_id;       // of the attempt that runs
  int unfinished_upstream = 0;  // tasks it waits for that are not in a final state
  TaskOutputs outputs;          // once it has succeeded
};

// A run that is being driven. Owned by one engine.
struct RunSnapshot {
  std::shared_ptr<const RunPlan> plan;
  std::string run_id;
  RunState state = RunState::kPending;
  RunFacts facts;  // without the task's own fields
  TaskInputs root_inputs;
  std::vector<TaskSnapshot> tasks;  // empty until the run is taken
  int unfinished = 0;               // tasks not in a final state
  int running = 0;                  // tasks with an attempt that has not ended
  int ready = 0;                    // pending tasks that wait only for capacity
  int first_failed = -1;
};

// --- What happens ---

// The run is taken: its tasks come into being. `task_ids` has one id a task.
struct RunTaken {
  std::vector<std::string> task_ids;
};
// Somebody asked to terminate it (its state in storage is CANCELING already).
struct RunCancelAsked {};
// An attempt of a ready task is about to be started.
struct TaskStarting {
  int task;
  std::string attempt_id;
};
// A ready task cannot be started at all: its inputs do not resolve.
struct TaskUnstartable {
  int task;
  absl::Status status;
};
enum class AttemptResult { kSucceeded, kFailed, kCanceled };
// The attempt of a running task has ended; `outputs` if it succeeded.
struct AttemptEnded {
  int task;
  std::string attempt_id;
  AttemptResult result;
  std::string message;
  TaskOutputs outputs;
};
// After a restart: settle whatever the stored states leave open.
struct RunRestored {};

using PlanEvent =
    std::variant<RunTaken, RunCancelAsked, TaskStarting, TaskUnstartable, AttemptEnded, RunRestored>;

// --- What follows ---

// A task moved; all its fields after the move. `from` is nothing for a new task.
struct TaskChange {
  int task;
  std::optional<TaskState> from;
  TaskState to;
  WaitReason wait_reason;
  int error_code;
  std::string error_message;
  absl::Time at;
  absl::Time started_at;
  absl::Time finished_at;
};
struct RunChange {
  RunState from;
  RunState to;
  int error_code = 0;
  std::string error_message;
  absl::Time at;
};

// First commit the changes, then do the rest.
struct Decision {
  std::vector<TaskChange> tasks;
  std::vector<RunChange> run;
  std::vector<int> ready;   // tasks that became ready
  std::vector<int> cancel;  // running tasks whose attempt has to be cancelled
};

}  // namespace penstock
