// Imports: tasks that the engine completes itself, without an executor.
#pragma once

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "scheduler/active_run.h"
#include "scheduler/artifact_ids.h"
#include "storage/store.h"

namespace penstock {

// Not thread-safe.
class Importer {
 public:
  // All outlive it.
  Importer(Store& store, ArtifactIds& artifact_ids, IdGenerator& ids)
      : store_(store), artifact_ids_(artifact_ids), ids_(ids) {}

  // Starts and ends the task at once. Both are in one commit, so nobody ever finds it running. An error of the
  // database; what is wrong with the task ends the task.
  absl::Status Import(ActiveRun& run, int task, absl::Time now);

  // Gives the artifacts ids that the run was given by their URIs and that were never imported. An error of the database.
  absl::Status ImportRoot(ActiveRun& run);

  // The pass is over: what it imported is stored, or was never imported.
  void EndPass() { imported_.clear(); }

 private:
  absl::Status GiveKnownIds(const ActiveRun& run, int task, TaskOutputs& outputs);

  Store& store_;
  ArtifactIds& artifact_ids_;
  IdGenerator& ids_;
  std::map<std::string, std::string> imported_;  // ids of what this pass has imported, by key
};

}  // namespace penstock
