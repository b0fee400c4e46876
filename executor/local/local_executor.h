// Attempts as processes of this machine, run by a supervisor (penstock-runner) that outlives the server.
//
// The supervisor keeps the records; this class keeps the slots, prepares directories and environments, reads
// outputs and turns the supervisor's events into those of executor.h. One supervisor serves
// `<data_dir>/work/runner/`. It is started when needed and ends by itself when nothing runs and no server is
// connected.
//
//   server dies or is destroyed   attempts run on; a new LocalExecutor finds them with Reattach
//   supervisor dies               what it ran is killed and becomes kLost; a new supervisor is started, and the
//                                 server goes on
//   machine restarts              attempts that may have run become kLost
//
// Threads: the caller's, which never waits; one that prepares attempts; one for the supervisor's events, which
// also reads outputs; one that removes work directories (WorkDirs).
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/limits.h"
#include "content/local/local_content_store.h"
#include "executor/executor.h"
#include "executor/local/outputs.h"
#include "executor/local/runner/wire.h"
#include "executor/local/runner_link.h"
#include "executor/local/slots.h"
#include "executor/local/task_environment.h"
#include "executor/local/task_usage.h"
#include "executor/local/work_dirs.h"
#include "executor/parts/launch_request.h"
#include "executor/posix/unique_fd.h"
#include "executor/python/python_env.h"

namespace penstock {

struct LocalExecutorOptions {
  std::string data_dir;        // absolute; the supervisor's files go to work/runner/ in it
  std::string runner_path;     // absolute path of the penstock-runner program
  int64_t cpu_millicores = 0;  // CPU slots; 0: what the machine has
  int64_t memory_bytes = 0;    // 0: what the machine has
  // When positive, the CPU slots are this many times 1000 millicores, whatever the machine has.
  int max_parallel_tasks = 0;
  // Attempts without a CPU request that may be counted with what they use in place of a slot, while that is less;
  // negative: kIdleTasksPerSlot for each slot.
  int max_idle_tasks = -1;
  int64_t task_log_bytes = limits::kTaskLogBytes;       // of one attempt; what it writes beyond is dropped
  absl::Duration cancel_grace = absl::Seconds(10);      // between SIGTERM and SIGKILL
  absl::Duration runner_idle_exit = absl::Seconds(30);  // how long an idle supervisor waits for a server
  std::vector<std::pair<std::string, std::string>>
      base_env;             // for every task, over the server's PATH, HOME ...
  std::string python;       // base interpreter of Python tasks, absolute; empty: the first python3 on PATH
  std::string env_path;     // absolute path of the penstock-env program; empty: beside runner_path
  std::string launch_path;  // likewise of penstock-launch
  LaunchStores stores;      // that it is told of
  // URIs below which what tasks read of object stores is brought to them.
  std::vector<std::string> brought;
  int64_t python_envs_bytes =
      limits::kPythonEnvsBytes;  // shared Python environments are kept up to this size
  // Memory that warm Pythons (runner/warm_python.h) may take in all; 0: there are none.
  int64_t warm_python_bytes = limits::kWarmPythonBytes;
  std::vector<std::string> warm_python_imports;  // packages that they import beforehand in any case
  // Absolute: where short names of work directories may be (ShortNames). The first is memory: links on a disk would
  // be part of what the database waits for when it syncs.
  std::vector<std::string> short_names_dirs = {"/dev/shm", "/tmp"};
  bool keep_work_dirs = false;  // Forget leaves work directories, for debugging
};

// INVALID_ARGUMENT naming the option that makes no sense.
absl::Status Validate(const LocalExecutorOptions& options);

// What a supervisor is told first.
wire::Hello HelloOf(const LocalExecutorOptions& options);

// Thread-safe. The sink may be called before Start returns. A Started event may come again after Reattach.
class LocalExecutor final : public Executor {
 public:
  // `clock` stamps ends that no process had; it must outlive this object.
  explicit LocalExecutor(LocalExecutorOptions options, const Clock& clock = RealClock::Instance());

  // Running attempts run on. If there are none the supervisor is told to end and waited for.
  ~LocalExecutor() override;

  // INVALID_ARGUMENT for options that make no sense, UNAVAILABLE if no supervisor can be had.
  absl::Status Open(EventSink sink) override;
  const TaskWorld& world() const override { return world_; }

  ResourceRequest Capacity() const override;
  ResourceRequest ChargeOf(const ResourceRequest& request) const override;
  RoomUse Room() const override;

  // Nothing is taken, and the answer is true, for an id that was reserved or started before. A refusal begins a
  // measurement: attempts without a CPU request that use little CPU for a few seconds give their slot back.
  bool Reserve(absl::string_view attempt_id, const ResourceRequest& request) override;
  void Unreserve(absl::string_view attempt_id) override;
  // Directories and Python environments are made. Does nothing for a spec that Start would refuse.
  void Announce(const LaunchSpec& spec) override;
  void RemoveWorkspace(absl::string_view run_id) override;
  // Uses the reservation up whatever the answer is. Also INVALID_ARGUMENT for a malformed id or a path that
  // is not absolute, and RESOURCE_EXHAUSTED when too many attempts have ended and were not forgotten. Never
  // UNAVAILABLE: what is started while the supervisor is away is sent to the next one.
  absl::Status Start(const LaunchSpec& spec) override;
  absl::Status Cancel(absl::string_view attempt_id) override;
  // Attempts that ended while no server was there give their event at once. All are lost if no supervisor can
  // be had for 30 s.
  void Reattach(absl::Span<const LaunchSpec> specs) override;
  void Forget(absl::string_view attempt_id) override;

  // Process id of the connected supervisor, 0 if there is none.
  int64_t RunnerPid() const;

 private:
  enum class Phase {
    kReattaching,  // Reattach took its resources; whether it ever ran is being found out
    kReserved,     // its resources are taken, and nothing else
    kPreparing,    // what it needs is being made
    kParked,       // another attempt builds its Python environment; it has no process and takes no room
    kSent,         // the supervisor was told; `frame` tells it again if it dies before it answers
    kRunning,      // seen by the supervisor
    kFinished,     // its end is told or about to be
  };

  struct Attempt {
    Phase phase = Phase::kPreparing;
    ResourceRequest charge;
    bool may_idle = false;        // it asked for no CPU, so it may be counted with what it uses
    int64_t used_millicores = 0;  // the most of its last looks
    int idle_looks = 0;           // one after the other, at which it used less than a slot
    bool cancel_requested = false;
    bool was_sent = false;         // a supervisor may have read `frame`
    bool may_begin_as_env = true;  // as penstock-env, which leaves the environment's name
    std::string frame;
    std::string work_dir;
    std::string log_path;
    std::string image;
    absl::Duration timeout;
    OutputPlan outputs;
  };

  // What of an attempt matters once it has ended.
  struct Ended {
    OutputPlan outputs;
    std::string log_path;
    std::string image;
    std::string work_dir;
    std::string awaited_env;
    bool may_begin_as_env;
    absl::Duration timeout;
  };

  // What the supervisor told of an attempt that nobody has claimed with Reattach yet.
  using Unclaimed = wire::Event;

  struct Prepared {
    std::string frame;
    OutputPlan outputs;
    std::string awaited_env;  // shared environment that it builds or waits for
    std::string awaited_packages;
    bool begins_as_env = false;
    bool begins_as_launcher = false;
  };

  // What Announce, Start and Reattach leave to the preparing thread.
  struct Job {
    enum class Kind { kAnnounced, kPrepared, kStart, kReattach, kRemoveUnknown };
    Kind kind;
    LaunchSpec spec;
  };

  // An attempt that was announced and not sent yet. Nothing is in `prepared` while it is being prepared.
  struct Announced {
    std::string work_dir;
    std::optional<absl::StatusOr<Prepared>> prepared;
  };

  // An attempt that waits for an environment which another one builds.
  struct Parked {
    LaunchSpec spec;
    std::string env;                  // its key
    int64_t wants_room_since_ms = 0;  // the wait is over, and there was no room yet; 0: it is not
  };

  // local_executor_room.cc
  bool IsRoomOwed() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WantRoom() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void MeasureIfWanted() ABSL_LOCKS_EXCLUDED(mutex_);
  void Recharge(Attempt& attempt, int64_t cpu_millicores) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Park(const LaunchSpec& spec, const std::string& env) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FailParked(const std::string& env, absl::string_view why) ABSL_LOCKS_EXCLUDED(mutex_);
  void ResumeParked() ABSL_LOCKS_EXCLUDED(mutex_);

  // local_executor_announced.cc
  void PrepareAnnounced(const LaunchSpec& spec) ABSL_LOCKS_EXCLUDED(mutex_);
  bool StartAnnounced(const LaunchSpec& spec) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void LaunchAnnounced(const LaunchSpec& spec) ABSL_LOCKS_EXCLUDED(mutex_);
  void DropAnnounced(const std::string& attempt_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveUnknown() ABSL_LOCKS_EXCLUDED(mutex_);

  // The preparing thread: what takes a disk or asks an interpreter, one attempt after the other.
  void RunPreparer();
  void Do(const Job& job) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<Prepared> Prepare(const LaunchSpec& spec);
  wire::WarmStart WarmStartOf(PythonEnvironments::WarmChoice warm) const;
  void LaunchPrepared(const LaunchSpec& spec, absl::StatusOr<Prepared> prepared) ABSL_LOCKS_EXCLUDED(mutex_);
  void Launch(const LaunchSpec& spec, absl::StatusOr<Prepared> prepared) ABSL_LOCKS_EXCLUDED(mutex_);
  void Send(const std::string& attempt_id, Prepared prepared) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void FindAgain(const LaunchSpec& spec) ABSL_LOCKS_EXCLUDED(mutex_);

  std::string LogPathOf(const LaunchSpec& spec) const;
  Attempt* Known(const std::string& attempt_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool ReleaseReservation(const std::string& attempt_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Claim(const LaunchSpec& spec, OutputPlan outputs) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool MayHaveRun(absl::string_view attempt_id) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void QueueEnd(absl::string_view attempt_id, wire::Ending ending, absl::string_view message)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool AnythingRuns() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Wake() const;

  // The I/O thread.
  void Run();
  bool WaitForInput(RunnerLink* link) ABSL_LOCKS_EXCLUDED(mutex_);
  void Reconnect(int* failures);
  void Adopt(std::unique_ptr<RunnerLink> link, const RunnerSnapshot& snapshot) ABSL_LOCKS_EXCLUDED(mutex_);
  void Handle(wire::Event event) ABSL_LOCKS_EXCLUDED(mutex_);
  void TellBuiltEnvironments() ABSL_LOCKS_EXCLUDED(mutex_);
  void TellProgress() ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleStarted(const wire::Started& started) ABSL_LOCKS_EXCLUDED(mutex_);
  void HandleFinished(wire::Finished finished) ABSL_LOCKS_EXCLUDED(mutex_);
  void ExplainFailure(const wire::Finished& finished, const Ended& ended, AttemptFinished* event) const;
  // Nothing if nobody waits for its end, or it was told.
  std::optional<Ended> TakeEnded(wire::Finished& finished) ABSL_LOCKS_EXCLUDED(mutex_);
  void NamePackages(const Ended& ended, AttemptFinished* event) const;
  std::shared_ptr<const AttemptPlace> Place();
  void SendForgets(std::vector<std::string> attempt_ids) ABSL_LOCKS_EXCLUDED(mutex_);

  // Tracked at once, also ended ones until they are forgotten.
  static constexpr size_t kAttemptsMax = 65'536;
  // While somebody waits for room, the use of attempts is looked at so often.
  static constexpr int kMeasureAgainMs = 1'000;

  const LocalExecutorOptions options_;
  const Clock& clock_;
  const LocalMounts mounts_;
  const TaskWorld world_;
  const std::string runner_dir_;
  const TaskEnvironment environment_;
  mutable PythonEnvironments python_;
  EventSink sink_;  // constant after Open
  UniqueFd wake_;   // eventfd that ends the I/O thread's wait

  mutable absl::Mutex mutex_;
  Slots slots_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Attempt> attempts_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Unclaimed> unclaimed_ ABSL_GUARDED_BY(mutex_);
  // Events that come from here or were kept until claimed; the I/O thread hands them out.
  std::deque<wire::Event> queued_ ABSL_GUARDED_BY(mutex_);
  // Null while there is no supervisor. Replaced by the I/O thread only, which therefore reads from it without
  // the lock.
  std::unique_ptr<RunnerLink> link_ ABSL_GUARDED_BY(mutex_);
  wire::Welcome welcome_ ABSL_GUARDED_BY(mutex_);
  // Attempts that have a process and wait for a shared environment, by id, with its key.
  std::map<std::string, std::string> awaiting_env_ ABSL_GUARDED_BY(mutex_);
  // Work directories of attempts that run under penstock-launch, by id.
  std::map<std::string, std::string> launching_ ABSL_GUARDED_BY(mutex_);
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::unordered_map<std::string, Announced> announced_ ABSL_GUARDED_BY(mutex_);
  std::deque<Parked> parked_ ABSL_GUARDED_BY(mutex_);
  int64_t room_wanted_at_ms_ ABSL_GUARDED_BY(mutex_) = 0;  // when Reserve refused last; 0: long ago
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;  // the preparing thread ends once it has nothing to do
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  // The I/O thread's.
  TaskUsage usage_;
  std::map<std::string, std::string>
      progress_;  // what was told last of attempts in launching_, if they are at it
  int64_t progress_at_ms_ = 0;
  std::shared_ptr<const AttemptPlace> place_;  // with the interpreter as it was then
  std::shared_ptr<const Interpreter> place_interpreter_;
  int64_t measured_at_ms_ = 0;

  std::unique_ptr<WorkDirs> work_dirs_;  // constant after Open
  std::thread prepare_thread_;
  std::thread io_thread_;
  std::thread warm_thread_;  // asks the Python interpreter about itself, and ends
};

}  // namespace penstock
