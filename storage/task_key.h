// Keys of tasks as the parameters of a statement.
#pragma once

#include <vector>

#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// Of a RowsStatement whose rows are run and task; borrows the keys.
inline std::vector<db::Param> ParamsOf(const std::vector<TaskKey>& keys) {
  std::vector<db::Param> params;
  for (const TaskKey& key : keys) params.insert(params.end(), {key.run_id, key.task_id});
  return params;
}

}  // namespace penstock
