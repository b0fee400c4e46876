// Tasks of runs: their state and history, their parameters, and what they put out.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// States with their times, oldest first.
using TaskMove = std::pair<TaskState, absl::Time>;
using TaskHistory = std::vector<TaskMove>;

// Inserts the task with its first state.
absl::Status TaskInsert(db::Tx& tx, const TaskRow& row);
// A task that has moved before it is stored: all its states; the last is the row's.
absl::Status TaskInsert(db::Tx& tx, const TaskRow& row, const TaskHistory& history);

// Moves the task in `row` from `from` to its state at `at` if it is still in `from` (compare-and-set), and
// writes its wait reason with its wake time, error and times, and its cache decision unless that is empty;
// its history is kept. ABORTED if another writer moved it first. NOT_FOUND if there is none.
absl::Status TaskSetState(db::Tx& tx, TaskState from, const TaskRow& row, absl::Time at);

// The same for a task that moved several times: its states after `from`, oldest first; the last is the row's.
absl::Status TaskSetState(db::Tx& tx, TaskState from, const TaskRow& row, const TaskHistory& history);

// Takes the task in `row`, which ended in `from`, back to its state, as TaskSetState does, when its run is
// retried. One that is PENDING then begins afresh: its inputs and outputs are forgotten, and the attempts
// that it had count no more. The same errors.
absl::Status TaskReopen(db::Tx& tx, TaskState from, const TaskRow& row, absl::Time at);

// Deletes the task and everything that belongs to it; not the tasks that are part of it.
absl::Status TaskDelete(db::Tx& tx, absl::string_view run_id, absl::string_view task_id);

// Why a task that does not run yet waits. No history.
absl::Status TaskSetWaitReason(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                               WaitReason reason, absl::string_view message = "");

// All tasks of a run in the order of their creation; likewise their states, oldest first for each.
absl::StatusOr<std::vector<TaskRow>> TaskList(db::Tx& tx, absl::string_view run_id);
absl::StatusOr<std::vector<TaskStateRow>> TaskStates(db::Tx& tx, absl::string_view run_id);

// The same for some tasks of any runs: those that are there, in any order, and what belongs to each in its order.
absl::StatusOr<std::vector<TaskRow>> TasksFind(db::Tx& tx, const std::vector<TaskKey>& keys);
absl::StatusOr<std::vector<TaskStateRow>> TaskStatesOf(db::Tx& tx, const std::vector<TaskKey>& keys);
absl::StatusOr<std::vector<TaskParameterRow>> TaskParametersOf(db::Tx& tx, const std::vector<TaskKey>& keys);

// Which tasks of a run to list; iterations of loops are not listed, what is in them is.
struct TaskScope {
  std::string run_id;
  std::optional<std::string> parent;  // only what is directly part of this task; empty: of the root
  bool parent_is_loop = false;        // then what is directly part of its iterations
};
// The first `limit` behind task `after`, or before it, in the order of their ids, which is that of their creation.
absl::StatusOr<std::vector<TaskRow>> TasksAfter(db::Tx& tx, const TaskScope& scope, absl::string_view after,
                                                bool descending, int limit);
absl::StatusOr<int64_t> TaskCount(db::Tx& tx, const TaskScope& scope);
// Greater than the id of any task.
inline constexpr char kBehindAllIds[] = "~";

// Whether anything is part of the task.
absl::StatusOr<bool> TaskHasParts(db::Tx& tx, const TaskKey& key);

// Ids and names of what is directly part of tasks, or roots, that are no loops, by the task, or by the run for its root.
using TaskChildren = std::map<std::string, std::vector<std::pair<std::string, std::string>>>;
absl::Status TaskChildrenRead(db::Tx& tx, const std::vector<TaskKey>& keys, TaskChildren* children);
// The first of them, of one task or root.
absl::StatusOr<std::vector<std::pair<std::string, std::string>>> TaskChildrenFirst(db::Tx& tx,
                                                                                   const TaskScope& scope,
                                                                                   int limit);
absl::StatusOr<bool> TaskHasIterations(db::Tx& tx, const TaskKey& key);

// How many iterations each of these tasks has, by task; those without are left out.
absl::StatusOr<std::map<std::string, int64_t>> TaskIterationCounts(db::Tx& tx,
                                                                   const std::vector<TaskKey>& keys);

// NOT_FOUND if the run has no such task.
absl::StatusOr<TaskRow> TaskGet(db::Tx& tx, absl::string_view run_id, absl::string_view task_id);

// NOT_FOUND.
absl::Status TaskSetDisplayName(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                absl::string_view display_name);
// Of a recorded task whose state stays: its error message, end and cache decision. No history.
absl::Status TaskSetRecorded(db::Tx& tx, const TaskRow& row);
// All parameters of the task are these now.
absl::Status TaskParametersReplace(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                   const std::vector<TaskParameterRow>& rows);

// NOT_FOUND.
absl::Status TaskSetDescription(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                absl::string_view description);

// The id of a task, which is named by its id, its name or the id of one of its attempts. NOT_FOUND if the run
// has no such task.
absl::StatusOr<std::string> TaskIdFind(db::Tx& tx, absl::string_view run_id, absl::string_view task);

absl::Status TaskParameterInsert(db::Tx& tx, absl::string_view run_id, const TaskParameterRow& row);
// Those of one direction, of all tasks of the run.
absl::StatusOr<std::vector<TaskParameterRow>> TaskParameterList(db::Tx& tx, absl::string_view run_id,
                                                                Direction direction);

// What one task put out: by name, artifacts of one output in their order.
struct StoredOutputs {
  std::vector<std::pair<std::string, std::string>> parameters;  // JSON
  std::vector<std::pair<std::string, ArtifactRow>> artifacts;
};
// `parameters` and `artifacts` say what is to be read.
absl::StatusOr<StoredOutputs> TaskOutputList(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                             bool parameters, bool artifacts);

}  // namespace penstock
