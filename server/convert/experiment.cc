#include "server/convert/experiment.h"

#include "server/convert/timestamp.h"

namespace penstock {

void ToApi(const ExperimentRow& row, api::Experiment* out) {
  out->set_experiment_id(row.experiment_id);
  out->set_display_name(row.name);
  out->set_description(row.description);
  SetTimestamp(row.created_at, out->mutable_created_at());
  SetTimestamp(row.last_run_created_at, out->mutable_last_run_created_at());
  out->set_storage_state(row.storage_state == StorageState::kArchived ? api::Experiment::ARCHIVED
                                                                      : api::Experiment::AVAILABLE);
}

}  // namespace penstock
