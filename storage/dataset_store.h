// Data sets, what runs and tasks take them for, and the parameters that tasks log.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// The artifact of a data set of the experiment, if there is one.
absl::StatusOr<std::optional<int64_t>> DatasetFind(db::Tx& tx, absl::string_view experiment_id,
                                                   absl::string_view name, absl::string_view digest);
// The same of many, by name and digest; those that the experiment does not have are left out.
using DatasetIds = std::map<std::pair<std::string, std::string>, int64_t>;
absl::StatusOr<DatasetIds> DatasetsFind(db::Tx& tx, absl::string_view experiment_id,
                                        const std::vector<DatasetRow>& rows);
// Their artifacts have to be there.
absl::Status DatasetInsert(db::Tx& tx, const DatasetRow& row);
absl::Status DatasetsInsert(db::Tx& tx, const std::vector<DatasetRow>& rows);

// Says what a task, or with an empty id the run, takes an artifact for. A tag that is there is overwritten.
absl::Status InputTagSet(db::Tx& tx, absl::string_view run_id, absl::string_view task_id, int64_t artifact_id,
                         absl::string_view name, absl::string_view value);
// The same of many; a tag that is there stays.
absl::Status InputTagsInsert(db::Tx& tx, const std::vector<InputTagRow>& rows);

// The data sets that runs and their tasks take, by run, in the order in which they were added. Put off: `inputs` has to be
// there until Tx::Flush.
using DatasetInputs = std::map<std::string, std::vector<DatasetInputRow>>;
absl::Status DatasetInputsLater(db::Tx& tx, const std::vector<std::string>& run_ids, DatasetInputs* inputs);

// The data sets that the run and its tasks are linked with, each once; and what they take them for.
absl::StatusOr<std::vector<DatasetRow>> DatasetsOfRun(db::Tx& tx, absl::string_view run_id);
absl::StatusOr<std::vector<InputTagRow>> InputTagsOfRun(db::Tx& tx, absl::string_view run_id);

// At most `limit` data sets of the experiment, without their texts, each once for each context in which it is taken.
struct DatasetUse {
  DatasetRow dataset;
  std::string context;  // empty: none is given
};
absl::StatusOr<std::vector<DatasetUse>> DatasetUses(db::Tx& tx, absl::string_view experiment_id, int limit);

// A data set, without its texts, as an input of a task, or with an empty id of the run.
struct TaskDatasetUse {
  std::string task_id;
  DatasetUse use;
};
// Those of runs, by run, in the order in which they were added. Put off: `uses` has to be there until Tx::Flush.
using TaskDatasetUses = std::map<std::string, std::vector<TaskDatasetUse>>;
absl::Status TaskDatasetUsesLater(db::Tx& tx, const std::vector<std::string>& run_ids, TaskDatasetUses* uses);

// Gives a task a parameter that it does not have yet. One that it has stays; it is returned then.
absl::StatusOr<std::string> LoggedParameterSet(db::Tx& tx, absl::string_view run_id,
                                               absl::string_view task_id, absl::string_view name,
                                               absl::string_view value);
// Many, which their tasks do not have yet.
absl::Status LoggedParametersInsert(db::Tx& tx, absl::string_view run_id,
                                    const std::vector<LoggedParameterRow>& rows);
// Of all tasks of a run, by task.
using LoggedParameters = std::map<std::string, std::map<std::string, std::string>>;
absl::Status LoggedParametersLater(db::Tx& tx, absl::string_view run_id, LoggedParameters* parameters);

}  // namespace penstock
