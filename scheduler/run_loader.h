// Reads a run from storage as the planner's snapshot.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "common/spec/document_cache.h"
#include "scheduler/plan/types.h"
#include "scheduler/task_launch.h"
#include "storage/model.h"
#include "storage/store.h"

namespace penstock {

struct LoadedRun {
  RunSnapshot snapshot;
  std::string recurring_run_id;  // what made it; or empty
  // Attempts that storage believes are running.
  struct Running {
    int task;
    TaskAttemptRow attempt;
  };
  std::vector<Running> running;
};

// `places.artifacts.local_root` is the pipeline root of a run that gives none. NOT_FOUND if there is no such
// run. DATA_LOSS or another error if what is stored of it cannot be read.
absl::StatusOr<LoadedRun> LoadRun(Store& store, DocumentCache& documents, const Places& places,
                                  absl::string_view run_id);

}  // namespace penstock
