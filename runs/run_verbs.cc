#include "runs/run_verbs.h"

#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/experiment_store.h"

namespace penstock {

absl::Status RunsCreate(db::Tx& tx, absl::Span<const RunToInsert> runs, RunHints& hints,
                        std::vector<absl::Status>* outcomes) {
  RETURN_IF_ERROR(RunsInsert(tx, runs, outcomes));
  for (size_t i = 0; i < runs.size(); ++i) {
    if ((*outcomes)[i].ok()) hints.ForEngine(runs[i].row.run_id);
  }
  return absl::OkStatus();
}

absl::Status RunCreate(db::Tx& tx, const RunToInsert& run, RunHints& hints) {
  std::vector<absl::Status> outcomes;
  RETURN_IF_ERROR(RunsCreate(tx, {run}, hints, &outcomes));
  return outcomes.front();
}

bool IsTerminable(RunState state) { return state == RunState::kPending || state == RunState::kRunning; }

absl::Status RunTerminate(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  if (!IsTerminable(row.state)) return absl::OkStatus();
  RETURN_IF_ERROR(RunSetState(tx, row.run_id, row.state, {RunState::kCanceling, now, 0, ""}));
  if (row.driver == RunDriver::kClient) {  // nothing of it runs here
    return RunSetState(tx, row.run_id, RunState::kCanceling, {RunState::kCanceled, now, 0, ""});
  }
  hints.ForEngine(row.run_id);
  return absl::OkStatus();
}

// Only the run is moved: what of it runs again the engine finds out from its tasks.
absl::Status RunRetry(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  if (row.driver == RunDriver::kClient) return error::RunRecordedByClient(run_id);
  RETURN_IF_ERROR(RunReopen(tx, run_id, now));
  hints.ForEngine(run_id);
  return absl::OkStatus();
}

absl::Status RunArchive(db::Tx& tx, absl::string_view run_id) {
  return RunSetStorageState(tx, run_id, StorageState::kArchived);
}

absl::Status RunMayBeUnarchived(db::Tx& tx, const RunRow& row) {
  ASSIGN_OR_RETURN(const ExperimentRow experiment, ExperimentGet(tx, row.experiment_id));
  return experiment.storage_state == StorageState::kArchived
             ? error::RunExperimentArchived(row.run_id, row.experiment_id)
             : absl::OkStatus();
}

absl::Status RunUnarchive(db::Tx& tx, absl::string_view run_id) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  RETURN_IF_ERROR(RunMayBeUnarchived(tx, row));
  return RunSetStorageState(tx, row.run_id, StorageState::kAvailable);
}

absl::Status RunDelete(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints) {
  RETURN_IF_ERROR(RunDelete(tx, run_id, now));
  hints.ForEngine(run_id);
  // Its schedule may wait for a run to end, and this one is gone.
  hints.ForSchedules(run_id);
  return absl::OkStatus();
}

}  // namespace penstock
