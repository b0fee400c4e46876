// The state machine of a run, as data: its snapshot, what happens to it, and what follows.
//
// A run is a tree of tasks. A scope is one graph at work: the root's, that of a task whose component is a
// graph. Its tasks lie next to each other, in the order of the plan. A loop has iterations, which are tasks
// too: of the same name, each with an item; they run what the loop's component says.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/state.h"
#include "pipeline/spec/package_pins.h"
#include "scheduler/plan/run_plan.h"
#include "scheduler/plan/values/loop_items.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// One task as it stands. Its number is its place in RunSnapshot::tasks.
struct TaskSnapshot {
  std::string task_id;
  int scope = 0;    // that it belongs to
  int planned = 0;  // its number in the scope's graph
  int loop = -1;    // of RunSnapshot::loops: that it is, once it has started, or that it is an iteration of
  int iteration = -1;    // its number, if it is an iteration
  int inner_scope = -1;  // of the tasks in it, once it has started, if it is a graph
  TaskState state = TaskState::kPending;
  WaitReason wait_reason = WaitReason::kUpstream;  // as in its row
  std::string wait_message;                        // likewise
  bool ready = false;                              // waits for nothing but capacity
  int unfinished_upstream = 0;                     // tasks it waits for that are not in a final state
  int attempts = 0;
  int attempts_before = 0;                 // of them, those made before the run was retried last
  int disruptions = 0;                     // of the others, those that were disrupted
  std::string attempt_id;                  // of the attempt that runs
  absl::Time wake_at = absl::UnixEpoch();  // when its next attempt may start, while it waits for that
  int error_code = 0;                      // google.rpc.Code
  std::string error_message;
  absl::Time started_at = absl::UnixEpoch();
  absl::Time finished_at = absl::UnixEpoch();
  // Once it has succeeded, until the scope that it belongs to has ended.
  std::shared_ptr<const TaskOutputs> outputs;
  // Once somebody has asked for them, until it has ended; see KeptInputs.
  std::shared_ptr<const TaskInputs> inputs;
};

struct ScopeSnapshot {
  int dag = 0;            // of the plan
  int owner = -1;         // the task whose graph it is; none for the root
  int first_task = 0;     // the others follow
  int unfinished = 0;     // tasks whose end has not been taken into account
  int first_failed = -1;  // task
  bool any_canceled = false;
  bool in_loop = false;
};

struct LoopSnapshot {
  int task = 0;  // that is the loop
  // Until it has ended.
  std::shared_ptr<const TaskInputs> inputs;  // that its iterations share
  LoopItems items;
  std::vector<int> iterations;  // tasks, in order; the others have not been opened yet
  int limit = 0;                // iterations that may be unfinished at a time; 0: any number
  int unfinished = 0;
  int first_failed = -1;  // task
  bool any_canceled = false;
  bool overflowed = false;  // the run has no room for the other iterations

  bool complete() const { return static_cast<int>(iterations.size()) == items.count; }
  bool may_open() const { return !complete() && (limit == 0 || unfinished < limit); }
};

// A run that is being driven. Owned by one engine.
struct RunSnapshot {
  std::shared_ptr<const RunPlan> plan;
  std::string run_id;
  std::string experiment_id;
  RunState state = RunState::kPending;
  RunFacts facts;               // without the task's own fields
  std::string executor;         // on which its tasks start unless they say; empty: as the server decides
  std::string namespace_;       // empty: none
  std::string service_account;  // that its tasks ask a cluster as; empty: as the server decides
  int disruptions_allowed = 0;  // how often a task that was disrupted begins again
  std::shared_ptr<const TaskInputs> root_inputs;
  std::shared_ptr<const PackagePins> pins;  // null: none
  // These only grow; none until the run is taken. Scope 0 is the root's.
  std::deque<TaskSnapshot> tasks;
  std::vector<ScopeSnapshot> scopes;
  std::deque<LoopSnapshot> loops;
  std::set<int> opening;                        // loops that may open another iteration, and wait for room
  int last_opening = -1;                        // that was served last
  int open_in_loops = 0;                        // tasks of loops whose end has not been taken into account
  int running = 0;                              // tasks with an attempt that has not ended
  int ready = 0;                                // tasks that are ready
  int inputs_kept = 0;                          // tasks with TaskSnapshot::inputs
  std::set<std::pair<absl::Time, int>> waking;  // tasks that wait for a time
  // Of a run that is retried, until it is taken: tasks that are open again with the state in which they had
  // ended, and the ids of those that come into being anew.
  std::vector<std::pair<int, TaskState>> reopened;
  std::vector<std::string> removed;
};

// --- What happens ---

// The run is taken: the tasks of its root come into being, or, if it is retried, go on.
struct RunTaken {};
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
// A ready task needs no attempt: this is what it would put out.
struct TaskFoundInCache {
  int task;
  std::shared_ptr<const TaskOutputs> outputs;
};
enum class AttemptResult {
  kSucceeded,
  kFailed,
  kCanceled,
  kDisrupted,  // it failed, and the task had no part in that
};
// The attempt of a running task has ended; `outputs` if it succeeded.
struct AttemptEnded {
  int task;
  std::string attempt_id;
  AttemptResult result;
  std::string message;
  std::shared_ptr<const TaskOutputs> outputs;
};
// The time has come for a task that waited for it.
struct TimePassed {};
// After a restart: settle whatever the stored states leave open.
struct RunRestored {};

using PlanEvent = std::variant<RunTaken, RunCancelAsked, TaskStarting, TaskUnstartable, TaskFoundInCache,
                               AttemptEnded, TimePassed, RunRestored>;

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
  absl::Time wake_at;
  bool reopened = false;  // it had ended; the run is retried
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
  std::vector<std::string> removed;  // ids of tasks that are no more, before anything else
  // Of tasks that are made of others; of an iteration only its item.
  std::vector<std::pair<int, TaskInputs>> inputs;
  std::vector<std::pair<int, std::shared_ptr<const TaskOutputs>>> outputs;
  std::vector<int> waiting;  // tasks whose row does not say yet that they wait for capacity
  std::vector<int> ready;    // tasks that became ready
  std::vector<int> cancel;   // running tasks whose attempt has to be cancelled
};

}  // namespace penstock
