// Reads a run from storage as the planner's snapshot.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "executor/task_world.h"
#include "pipeline/spec/document_cache.h"
#include "scheduler/plan/types.h"
#include "storage/model.h"
#include "storage/store.h"

namespace penstock {

struct LoadedRun {
  RunSnapshot snapshot;
  std::string recurring_run_id;  // what made it; or empty
  std::string namespace_;
  bool cache_enabled = true;     // what the run asks of the cache
  absl::Duration cache_max_age;  // zero: no bound of its own
  // What the cache said of tasks that have not ended, as stored.
  std::vector<std::pair<int, std::string>> cache_decisions;
  // Attempts that storage believes are running.
  struct Running {
    int task;
    TaskAttemptRow attempt;
  };
  std::vector<Running> running;
};

// The artifact as the planner passes it on. DATA_LOSS or another error if what is stored of it cannot be
// read.
absl::StatusOr<ArtifactRecord> RecordOf(const ArtifactRow& row);

// `world` is that of tasks which are placed on no executor of their own. NOT_FOUND if there is no such run. DATA_LOSS or another error if what is stored of it cannot be read.
absl::StatusOr<LoadedRun> LoadRun(Store& store, DocumentCache& documents, const TaskWorld& world,
                                  const PublicUris& uris, absl::string_view run_id);

}  // namespace penstock
