// Reads tasks with what belongs to them: some of any runs, or all of one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/context.h"
#include "server/convert/task_source.h"
#include "storage/db/database.h"

namespace penstock {

// What to read besides the tasks themselves, the tasks that they are part of, and their runs.
struct TaskParts {
  bool states = false;
  bool attempts = false;
  bool parameters = false;
  bool links = false;  // with their artifacts
  bool tags = false;
  bool children = false;  // at most limits::kTaskChildren of each
};

inline constexpr TaskParts kAllTaskParts = {
    .states = true, .attempts = true, .parameters = true, .links = true, .tags = true, .children = true};

// Adds the tasks of `keys`; those that are not there are left out. An empty task id is the run's root.
absl::Status ReadTasks(db::Tx& tx, const std::vector<TaskKey>& keys, const TaskParts& parts,
                       TaskSource* source);

// Adds the root and all tasks of a run, in fewer statements. NOT_FOUND.
absl::Status ReadRunTasks(db::Tx& tx, const std::string& run_id, const TaskParts& parts, TaskSource* source);

// The parameters of tasks may take more than what is taken for a task: takes that.
absl::Status TakeMemoryForParameters(RequestContext& context, const TaskSource& source);

// Fills in the pipelines of the runs; outside of transactions, since it may have to parse them.
absl::Status LoadDocuments(RequestContext& context, TaskSource* source);

}  // namespace penstock
