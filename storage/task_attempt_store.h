// Attempts of tasks: how each began and how it ended.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// An attempt before its start: it has no end yet, whatever the row says of one.
absl::Status TaskAttemptInsert(db::Tx& tx, const TaskAttemptRow& row);

// The end of the attempt that run, task and number name. ABORTED if it has ended already. NOT_FOUND if there
// is none.
absl::Status TaskAttemptFinish(db::Tx& tx, const TaskAttemptRow& row);

// Attempts of a run by task and number.
absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptList(db::Tx& tx, absl::string_view run_id);

// The first `limit` attempts of a task behind number `after`. The task is named as in TaskIdFind. NOT_FOUND if the run has
// no such task.
absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptsAfter(db::Tx& tx, absl::string_view run_id,
                                                              absl::string_view task, int after, int limit);

// Of some tasks of any runs, by task and number.
absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptsOf(db::Tx& tx, const std::vector<TaskKey>& keys);

// The given attempt of a task, which is named as in TaskIdFind; `number` 0 is the latest. NOT_FOUND if the
// run has no such task, or the task no such attempt yet.
absl::StatusOr<TaskAttemptRow> TaskAttemptFind(db::Tx& tx, absl::string_view run_id, absl::string_view task,
                                               int number);

}  // namespace penstock
