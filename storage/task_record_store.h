// What clients record of tasks beyond the table of tasks.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

struct TaskRecordRow {
  std::string run_id;
  std::string task_id;
  std::string namespace_;
  std::string cache_fingerprint;  // empty: is not found by it
  std::string record;             // a PipelineTask in protobuf's wire form
};

// Keeps the record in place of an earlier one. Its task must be stored.
absl::Status TaskRecordPut(db::Tx& tx, const TaskRecordRow& row);

// Those of the tasks that have one, in any order.
absl::StatusOr<std::vector<TaskRecordRow>> TaskRecordsOf(db::Tx& tx, const std::vector<TaskKey>& keys);

// The latest recorded task that has succeeded with this fingerprint.
absl::StatusOr<std::optional<TaskKey>> TaskRecordFindCached(db::Tx& tx, absl::string_view namespace_,
                                                            absl::string_view fingerprint);

}  // namespace penstock
