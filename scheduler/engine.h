// The engine: drives the unfinished runs. It loads them, steps the planner, commits, and then commands the
// executor.
//
// One engine at a time drives the runs of a database: it holds a lease, and every commit checks the lease's
// fence. Hints make it fast, polling makes it correct.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "executor/executor.h"
#include "scheduler/plan/cache_key.h"
#include "scheduler/run_commit.h"
#include "scheduler/run_loader.h"
#include "scheduler/task_launch.h"

namespace penstock {

struct CacheSettings {
  bool enabled = true;
  absl::Duration max_age = absl::InfiniteDuration();  // older entries are not used
};

struct EngineOptions {
  std::string data_dir;  // absolute
  // Names this engine in its lease and its executor in attempts: the same after a restart on the same data
  // directory, and nobody else's.
  std::string holder;
  int active_runs_max = 500;                        // runs driven at once; the others wait in PENDING
  absl::Duration poll_interval = absl::Seconds(1);  // without hints
  absl::Duration lease_ttl = absl::Seconds(15);
  CacheSettings cache;
};

class Engine {
 public:
  Engine(Store& store, Executor& executor, DocumentCache& documents, const Clock& clock, IdGenerator& ids,
         Metrics& metrics, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Opens the executor and starts listening for hints. UNAVAILABLE if the executor cannot work.
  absl::Status Open();

  struct PassResult {
    int runs_taken = 0;
    int events = 0;
    int started = 0;
    int runs_finished = 0;
    int from_cache = 0;  // tasks that ended without being started
    bool more = false;   // tasks wait to be looked up in the cache
    bool idle() const { return runs_taken + events + started + runs_finished + from_cache == 0 && !more; }
  };
  // One pass: takes the lease if it can, hears hints and events, decides, commits, commands. Not thread-safe.
  // An error leaves nothing half-done: what was not committed is decided again by the next pass.
  absl::StatusOr<PassResult> RunOnce();

  // Passes until Stop is called, from any thread. Attempts go on without the engine.
  void Run();
  void Stop();

 private:
  struct ActiveRun {
    RunSnapshot snapshot;
    std::string recurring_run_id;               // whose schedule may wait for its end; or empty
    std::deque<int> ready;                      // to be started, in the order in which they became so
    std::deque<int> imports;                    // likewise, those that need no executor
    std::deque<int> looking_up;                 // ready tasks to be looked up in the cache
    std::vector<int> newly_waiting;             // in this pass, for capacity; their rows do not say so yet
    std::optional<TaskLaunchPlan> next_launch;  // of ready.front(), planned once
    absl::Time refused_since = absl::InfiniteFuture();  // when ready.front() found no room first
    RunCommit commit;                                   // of this pass
    std::vector<std::string> cancel;                    // attempts to cancel after the commit
    // The cache. Constant: whether a task of the pipeline asks for it, and whether it is used.
    std::string namespace_;
    bool asks_for_cache = false;
    bool caches = false;
    absl::Duration cache_max_age;
    std::unique_ptr<CacheKeyMaker> keys;   // if `caches`
    std::map<int, CacheDecision> missed;   // of tasks that are being run for it
    std::map<int, std::string> decisions;  // of ready tasks, to be stored when they start
  };
  struct CacheLookup;
  struct Attempt {
    std::string run_id;
    int task;
    int number;
  };
  // What waits for RunOnce.
  struct Inbox {
    std::vector<ExecutorEvent> events;
    std::set<std::string> changed_runs;
  };

  absl::StatusOr<bool> HoldLease(absl::Time now);
  absl::Status Recover();
  absl::Status RemoveLostWorkspaces();
  void FailRun(const std::string& run_id, const absl::Status& why);
  void LoseAttempt(const TaskAttemptRow& attempt);
  absl::Status LoadActive(const std::string& run_id, bool reattach, std::vector<LaunchSpec>& reattach_specs);
  absl::Status HearHints(absl::Time now, PassResult& result);
  absl::Status HearRun(const std::string& run_id, absl::Time now, PassResult& result);
  absl::Status Poll(absl::Time now, PassResult& result);
  absl::Status TakeRun(const std::string& run_id, absl::Time now, PassResult& result);
  absl::Status HearEvents(absl::Time now, PassResult& result);
  absl::Status OnAttemptFinished(const AttemptFinished& event, absl::Time now);
  absl::Status GiveArtifactIds(TaskOutputs& outputs);
  // engine_cache.cc
  void SetUpCache(ActiveRun& run, const LoadedRun& loaded);
  void Enqueue(ActiveRun& run, int task);
  static void StoreDecision(ActiveRun& run, int task);
  std::optional<CacheKey> CacheKeyOf(ActiveRun& run, int task, TaskInputs& inputs);
  absl::Status ServeFromCache(absl::Time now, PassResult& result);
  absl::Status LookUp(absl::Time now, std::vector<CacheLookup>& lookups);
  absl::Status LookUpOne(db::Tx& tx, absl::Time now, const CacheEntryRow* entry, CacheLookup& lookup);
  void Apply(CacheLookup& lookup, absl::Time now, PassResult& result);
  void NoteContents(const ActiveRun& run, const AttemptOutputs& left, TaskOutputs& outputs) const;
  void KeepInCache(ActiveRun& run, int task, const TaskOutputs& outputs, absl::Time now);

  void WakeTasks(absl::Time now);
  absl::Time NextWake() const;
  absl::Status ImportReady(absl::Time now, PassResult& result);
  absl::Status Import(ActiveRun& run, int task, absl::Time now);
  absl::Status GiveImportIds(const ActiveRun& run, int task, TaskOutputs& outputs);
  void StartReady(absl::Time now, PassResult& result);
  bool StartNext(ActiveRun& run, absl::Time now);
  bool ServeStarved(absl::Time now, PassResult& result);
  void NoteWaiting(ActiveRun& run);
  void Decide(ActiveRun& run, const PlanEvent& event, absl::Time now);
  absl::Status Commit(absl::Time now);
  void Command(PassResult& result);
  void Start(LaunchSpec spec);
  void Cancel(const std::string& attempt_id);
  void EndUnstarted(const std::string& attempt_id, AttemptOutcome outcome, std::string message);
  void ForgetRun(const std::string& run_id);
  void AbandonPass();
  void SayFailure(const absl::Status& status);

  Store& store_;
  Executor& executor_;
  DocumentCache& documents_;
  const Clock& clock_;
  IdGenerator& ids_;
  Metrics& metrics_;
  const EngineOptions options_;
  const Places places_;

  absl::Mutex mutex_;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;

  // Used by RunOnce only.
  std::optional<LeaseRow> lease_;
  absl::Time lease_renewed_at_ = absl::InfinitePast();
  absl::Time polled_at_ = absl::InfinitePast();
  Inbox taken_;                            // what this pass works on; kept until it is committed
  std::map<std::string, ActiveRun> runs_;  // by id, so by age
  std::string last_served_run_;            // the next round of starts begins behind it, for fairness
  absl::flat_hash_map<std::string, Attempt> attempts_;  // running, by id
  absl::Status said_failure_;                           // of the last pass, if it failed
  absl::Time said_failure_at_;
  std::vector<LaunchSpec> starting_;    // to start after the commit
  std::vector<LaunchSpec> unstarted_;   // committed and not started yet, kept until the executor takes them
  std::vector<std::string> forgotten_;  // attempts to forget after the commit
  std::set<std::string> touched_;       // runs with something to commit
  std::map<std::string, std::string> imports_;  // ids of what this pass has imported, by key
  int64_t next_artifact_id_ = 0;
  int64_t artifact_ids_left_ = 0;
};

}  // namespace penstock
