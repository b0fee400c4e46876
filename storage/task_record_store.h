// What clients record of tasks beyond the table of tasks.
#pragma once

#include <cstdint>
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

// Of many tasks that have none yet.
absl::Status TaskRecordsInsert(db::Tx& tx, const std::vector<TaskRecordRow>& rows);

// All of a run, by task; and how many bytes the records have together.
absl::StatusOr<std::vector<TaskRecordRow>> TaskRecordList(db::Tx& tx, absl::string_view run_id);
absl::StatusOr<int64_t> TaskRecordBytes(db::Tx& tx, absl::string_view run_id);

// Counts one more task that clients record in the run; returns how many these are then.
absl::StatusOr<int64_t> RecordedTaskAdd(db::Tx& tx, absl::string_view run_id);
// Forgets the count: the run is deleted.
absl::Status RecordedTasksForget(db::Tx& tx, absl::string_view run_id);

// Those of the tasks that have one, in any order.
absl::StatusOr<std::vector<TaskRecordRow>> TaskRecordsOf(db::Tx& tx, const std::vector<TaskKey>& keys);

// The latest recorded task that has succeeded with this fingerprint.
absl::StatusOr<std::optional<TaskKey>> TaskRecordFindCached(db::Tx& tx, absl::string_view namespace_,
                                                            absl::string_view fingerprint);

}  // namespace penstock
