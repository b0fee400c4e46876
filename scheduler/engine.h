// The engine: drives the unfinished runs. It loads them, steps the planner, commits, and then commands the
// executors.
//
// One engine at a time drives the runs of a database: it holds a lease, and every commit checks the lease's
// fence. Hints make it fast, polling makes it correct.
//
// One pass (RunOnce), in this order; see docs/ARCHITECTURE.md, "Life of a run":
//
//   Lease         is it still ours; if it is anew, all unfinished runs are read (engine_runs.cc)
//   HearHints     runs that were created, terminated or deleted
//   HearEvents    attempts that started, wait or have ended (engine_attempts.cc)
//   Importer      tasks that need no executor
//   TaskCache     tasks that need not run, since an equal one did (engine_cache.cc)
//   Dispatcher    attempts for what is left, as far as there is room
//   Commit        all of it in one transaction
//   Command       executors start, cancel and forget
//
// Nothing in a pass waits for a disk, a process or a network, but for the database: executors return at once,
// and what content is there is asked on the worker's thread, whose answer comes to a later pass.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "common/clock.h"
#include "common/ids.h"
#include "common/metrics.h"
#include "common/worker.h"
#include "content/content_store.h"
#include "content/uri.h"
#include "scheduler/active_run.h"
#include "scheduler/artifact_ids.h"
#include "scheduler/attempt_records.h"
#include "scheduler/attempts_in_work.h"
#include "scheduler/dispatcher.h"
#include "scheduler/executor_set.h"
#include "scheduler/importer.h"
#include "scheduler/inbox.h"
#include "scheduler/lease.h"
#include "scheduler/room_keeper.h"
#include "scheduler/task_cache.h"
#include "scheduler/task_tracking.h"
#include "storage/room_store.h"

namespace penstock {

// What an engine works with. All of it outlives the engine, and the worker's jobs end before the rest does.
struct EngineParts {
  Store& store;
  ExecutorSet executors;
  const ContentStore& content;
  Worker& worker;
  Lease& lease;
  DocumentCache& documents;
  const Clock& clock;
  IdGenerator& ids;
  Metrics& metrics;
  AttemptsInWork& in_work;  // kept up to date by the engine
};

struct EngineOptions {
  int active_runs_max = 500;                        // runs driven at once; the others wait in PENDING
  absl::Duration poll_interval = absl::Seconds(1);  // without hints
  CacheSettings cache;
  int disruptions_allowed = 2;  // how often a task begins again that its platform has disrupted
  TaskTracking tracking = {};
  PublicUris public_uris;  // which importers and runs may be given
};

class Engine {
 public:
  Engine(EngineParts parts, EngineOptions options);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Opens the executors and starts listening for hints. UNAVAILABLE if an executor cannot work.
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
  struct Attempt {
    std::string run_id;
    int task;
    int number;
    int place;  // of its executor
    std::string component;
    ResourceRequest charge;
    absl::Time begun_at;
  };
  struct Launch {
    int place;
    LaunchSpec spec;
  };

  // engine.cc
  absl::StatusOr<bool> Lead(absl::Time now);
  absl::Status Decide(absl::Time now, PassResult& result);
  absl::Status ImportReady(absl::Time now, PassResult& result);
  void WakeTasks(absl::Time now);
  absl::Time NextWake() const;
  absl::Status Commit(absl::Time now);
  void Command(PassResult& result);
  void SayFailure(const absl::Status& status);

  // engine_runs.cc
  absl::Status Recover();
  void RemoveLostWorkspaces();
  void RemoveWorkspace(const std::string& run_id);
  void FailRun(const std::string& run_id, const absl::Status& why);
  absl::StatusOr<ActiveRun*> LoadActive(const std::string& run_id, std::vector<Launch>* reattach);
  void AddRunning(const ActiveRun& run, const LoadedRun::Running& running, std::vector<Launch>* reattach);
  absl::Status HearHints(absl::Time now, PassResult& result);
  absl::Status HearRun(const std::string& run_id, absl::Time now, PassResult& result);
  absl::Status Poll(absl::Time now, PassResult& result);
  absl::Status TakeRun(const std::string& run_id, absl::Time now, PassResult& result);
  void ForgetRun(const std::string& run_id);
  void AbandonPass();

  // engine_attempts.cc
  absl::Status HearEvents(absl::Time now, PassResult& result);
  absl::Status HearEnd(AttemptFinished& event, absl::Time now);
  absl::Status OnEnd(AttemptEnd& end, absl::Time now);
  // Tells the attempt where MLflow's client is to log to, if that leads there from where it runs.
  void Track(int place, const RunSnapshot& run, int task, LaunchSpec& spec) const;
  void HearWait(const std::string& attempt_id, WaitReason reason, std::string message);
  void HearNeverStarted(const std::string& attempt_id);
  ActiveRun* RunOf(const std::string& attempt_id, const Attempt** attempt);
  bool StartNext(ActiveRun& run, int place, RoomKeeper* keeper, absl::Time now);
  void Start(Launch launch);
  void Cancel(const std::string& attempt_id);
  void EndUnstarted(const std::string& attempt_id, AttemptOutcome outcome, std::string message);

  // engine_room.cc
  bool AnyWaitsForRoom() const;
  RoomRow RoomNow() const;
  void TellRoom(absl::Time now);
  std::vector<RoomTaken> RoomTakenAt(int place) const;

  // engine_cache.cc
  absl::Status ServeFromCache(absl::Time now, PassResult& result);
  CacheLookups BeginLookups(int* left);
  absl::Status Advance(CacheLookups lookups, absl::Time now, PassResult& result);
  void PostLookups(CacheLookups lookups);
  void Apply(ActiveRun& run, CacheLookup& lookup, absl::Time now, PassResult& result);

  const EngineParts parts_;
  const EngineOptions options_;
  // Jobs of the worker may outlive the engine.
  const std::shared_ptr<Inbox> inbox_;

  // Used by RunOnce only.
  TaskCache cache_;
  ArtifactIds artifact_ids_;
  Importer importer_;
  AttemptRecords records_;
  TaskDurations durations_;
  std::vector<std::unique_ptr<Dispatcher>> dispatchers_;  // by place of the executor
  std::optional<int64_t> fence_;                          // of the lease under which the runs were read
  absl::Time polled_at_ = absl::InfinitePast();
  absl::Time pass_at_;  // when this pass began
  News news_;           // what this pass works on; kept until it is committed
  ActiveRuns runs_;
  absl::flat_hash_map<std::string, Attempt> attempts_;  // running, by id
  absl::Time told_room_at_ = absl::InfinitePast();      // when it was stored last who has room
  absl::Status said_failure_;                           // of the last pass, if it failed
  absl::Time said_failure_at_;
  std::vector<Launch> starting_;   // to start after the commit
  std::vector<Launch> unstarted_;  // committed and not started yet, kept until the executor takes them
  std::map<std::string, Launch> asked_for_;  // given to Reattach, not answered; by attempt
  std::vector<std::pair<int, std::string>>
      forgotten_;  // attempts to forget after the commit, with their place
};

}  // namespace penstock
