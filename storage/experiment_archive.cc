#include "storage/experiment_archive.h"

#include "common/status_macros.h"
#include "storage/experiment_store.h"
#include "storage/recurring_run_store.h"
#include "storage/run_store.h"

namespace penstock {

absl::Status ExperimentArchive(db::Tx& tx, absl::string_view experiment_id, absl::Time now) {
  RETURN_IF_ERROR(ExperimentSetStorageState(tx, experiment_id, StorageState::kArchived));
  RETURN_IF_ERROR(RecurringRunsDisable(tx, experiment_id, now));
  return RunsArchive(tx, experiment_id);
}

// Its runs stay archived and its schedules disabled, as in KFP.
absl::Status ExperimentUnarchive(db::Tx& tx, absl::string_view experiment_id) {
  return ExperimentSetStorageState(tx, experiment_id, StorageState::kAvailable);
}

}  // namespace penstock
