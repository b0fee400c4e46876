// Experiments.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys of KFP's list requests for experiments.
const ListResource& ExperimentResource();

// ALREADY_EXISTS if the name is taken in its namespace.
absl::Status ExperimentInsert(db::Tx& tx, const ExperimentRow& row);

// NOT_FOUND.
absl::StatusOr<ExperimentRow> ExperimentGet(db::Tx& tx, absl::string_view experiment_id);
// NOT_FOUND if it is not there, from this or the next statement of `tx`.
absl::Status ExperimentCheckLater(db::Tx& tx, absl::string_view experiment_id);
absl::Status ExperimentList(db::Tx& tx, const ListQuery& query, Page<ExperimentRow>& page);
// Nothing if there is none.
absl::StatusOr<std::optional<ExperimentRow>> ExperimentFindByName(db::Tx& tx, absl::string_view name_space,
                                                                  absl::string_view name);
// Those of the ids that are there, by id. Put off: `rows` has to be there until Tx::Flush, which fills it.
using ExperimentRows = std::map<std::string, ExperimentRow>;
absl::Status ExperimentsFindLater(db::Tx& tx, const std::vector<std::string>& experiment_ids,
                                  ExperimentRows* rows);

// Writes name, description and updated_at anew. NOT_FOUND; ALREADY_EXISTS if the name is taken.
absl::Status ExperimentUpdate(db::Tx& tx, const ExperimentRow& row);

// Of the experiment alone: see ExperimentArchive (storage/experiment_archive.h). NOT_FOUND.
absl::Status ExperimentSetStorageState(db::Tx& tx, absl::string_view experiment_id, StorageState to);

// Its runs stay, without an experiment to belong to. NOT_FOUND; ABORTED for the default experiment.
absl::Status ExperimentDelete(db::Tx& tx, absl::string_view experiment_id);

// The id of the default experiment, which takes the runs that name none; `candidate` becomes it if there is
// none.
absl::StatusOr<std::string> ExperimentEnsureDefault(db::Tx& tx, const ExperimentRow& candidate);

// NOT_FOUND.
absl::Status ExperimentSetDescription(db::Tx& tx, absl::string_view experiment_id,
                                      absl::string_view description);

}  // namespace penstock
