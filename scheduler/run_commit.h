// What one pass of the engine changes in one run, and how that is written: everything of a pass in one
// transaction.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/ids.h"
#include "scheduler/plan/types.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// What a task waits for.
struct TaskWait {
  int task;
  WaitReason reason;
  std::string message;  // may be empty
};

struct RunCommit {
  std::vector<ArtifactRecord> root_artifacts;  // that the run was given by their URIs
  bool root_taken = false;                     // the run begins: what it was given itself is to be written
  std::vector<TaskChange> tasks;
  std::vector<RunChange> run;
  std::vector<std::string> removed;  // ids of tasks
  std::vector<TaskAttemptRow> attempts_begun;
  std::vector<TaskAttemptRow> attempts_ended;
  std::vector<std::pair<int, std::shared_ptr<const TaskInputs>>> inputs;    // of started tasks
  std::vector<std::pair<int, std::shared_ptr<const TaskOutputs>>> outputs;  // of succeeded tasks
  std::vector<std::pair<int, std::shared_ptr<const TaskOutputs>>> reused;   // of tasks found in the cache
  std::vector<CacheEntryRow> cache_entries;                                 // of succeeded tasks
  absl::flat_hash_map<int, std::string> cache_decisions;                    // of tasks that move, as stored
  std::vector<TaskWait> waiting;  // of ready tasks that did not start in this pass, and of attempts

  bool empty() const {
    return tasks.empty() && run.empty() && attempts_begun.empty() && attempts_ended.empty() &&
           waiting.empty();
  }
  void Add(Decision& decision);
};

// To whom new artifacts belong, and from where their ids come.
struct RunOwner {
  std::string namespace_;
  IdGenerator& ids;
};

// ArtifactRow::import_key of an imported artifact.
std::string ImportKey(const ArtifactRecord& artifact);

// Writes `commit`. `run` is the snapshot after the pass. A task that moved several times in it is written
// once, with its history. ABORTED if somebody else changed the run or a task meanwhile (a termination), or
// deleted an artifact that was to be taken from the cache, NOT_FOUND if the run was deleted: reload it and
// decide again.
absl::Status WriteRunCommit(db::Tx& tx, const RunSnapshot& run, const RunCommit& commit,
                            const RunOwner& owner, absl::Time now);

// Ends a run that cannot be driven any further: its open tasks are CANCELED, its open attempts LOST, and it FAILED
// with `why`. NOT_FOUND if it was deleted.
absl::Status WriteRunFailure(db::Tx& tx, const std::string& run_id, const absl::Status& why, absl::Time now);

}  // namespace penstock
