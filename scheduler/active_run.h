// One run that is being driven: where it stands, which of its tasks are to be dealt with next and how, and what of
// it is to be committed.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/ids.h"
#include "scheduler/executor_set.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/types.h"
#include "scheduler/run_cache.h"
#include "scheduler/run_commit.h"
#include "scheduler/run_loader.h"
#include "scheduler/task_launch.h"

namespace penstock {

// Ready tasks that wait for room on one executor, in the order in which they became ready.
struct StartQueue {
  std::deque<int> tasks;
  std::optional<TaskLaunchPlan> next;                 // of the first one, planned once
  absl::Time refused_since = absl::InfiniteFuture();  // when the first one found no room first
};

// Not thread-safe: it is its engine's.
class ActiveRun {
 public:
  // `executors` and `ids` outlive it.
  ActiveRun(LoadedRun loaded, const CacheSettings& cache, const ExecutorSet& executors, IdGenerator& ids);

  const RunSnapshot& snapshot() const { return snapshot_; }
  const std::string& run_id() const { return snapshot_.run_id; }
  const std::string& recurring_run_id() const {
    return recurring_run_id_;
  }  // whose schedule may wait; or empty
  const std::string& namespace_id() const { return namespace_; }

  // Tells the planner what happened and notes what follows. Tasks that became ready go where they are to be
  // dealt with: imports, the cache, or an executor.
  void Decide(const PlanEvent& event, absl::Time now);

  // The resolved inputs of a task that waits for nothing any more; the same ones however often they are asked
  // for. INVALID_ARGUMENT with a sentence for the user if they do not resolve.
  absl::StatusOr<std::shared_ptr<const TaskInputs>> InputsOf(int task) { return KeptInputs(snapshot_, task); }

  // What the run was given; before the run is taken.
  void SetRootInputs(TaskInputs inputs) {
    snapshot_.root_inputs = std::make_shared<const TaskInputs>(std::move(inputs));
  }

  // --- Tasks to be dealt with ---
  // The next that the engine completes itself; the next to be looked up in the cache. Taken out.
  std::optional<int> TakeImport() { return TakeFirst(&imports_); }
  std::optional<int> TakeLookup() { return TakeFirst(&lookups_); }
  bool has_imports() const { return !imports_.empty(); }
  bool has_lookups() const { return !lookups_.empty(); }
  // To be started on the executor at that place of the set.
  StartQueue& queue(int place) { return queues_[place]; }
  const StartQueue& queue(int place) const { return queues_[place]; }
  // Puts a task there that is looked up no more.
  void EnqueueStart(int task);

  // --- What follows after the commit ---
  RunCommit& commit() { return commit_; }
  // Whether anything was decided since the last commit.
  bool touched() const { return touched_; }
  // Says of the tasks that became ready in this pass and did not start what they wait for now.
  void NoteWaiting();
  // What the cache said of a ready task is written when it moves.
  void StoreCacheDecision(int task);
  // The place of the executor that the task is to run on. INVALID_ARGUMENT, with a sentence, if there is none.
  absl::StatusOr<int> PlaceOf(int task) const;
  // Why the attempt of a task does not run yet; kNone if it does now.
  void NoteAttemptWait(int task, WaitReason reason, std::string message);
  // What was committed is not to be committed again. Returns the attempts to cancel.
  std::vector<std::string> Committed();

  RunCache& cache() { return cache_; }
  const RunCache& cache() const { return cache_; }

 private:
  static std::optional<int> TakeFirst(std::deque<int>* tasks);
  void Enqueue(int task);

  RunSnapshot snapshot_;
  const std::string recurring_run_id_;
  const std::string namespace_;
  const ExecutorSet& executors_;
  IdGenerator& ids_;
  RunCache cache_;
  std::deque<int> imports_;
  std::deque<int> lookups_;
  std::vector<StartQueue> queues_;  // by place of the executor
  std::vector<int> newly_waiting_;  // in this pass, for capacity; their rows do not say so yet
  RunCommit commit_;                // of this pass
  bool touched_ = false;
  std::vector<std::string> cancel_;  // attempts to cancel after the commit
};

}  // namespace penstock
