#include "scheduler/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "scheduler/plan/plan.h"
#include "storage/lease_store.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr char kLease[] = "scheduler";
constexpr int64_t kArtifactIdBlock = 256;
constexpr absl::Duration kErrorPause = absl::Milliseconds(500);

absl::string_view OutcomeName(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kSucceeded:
      return "SUCCEEDED";
    case AttemptOutcome::kFailed:
      return "FAILED";
    case AttemptOutcome::kTimedOut:
      return "TIMED_OUT";
    case AttemptOutcome::kCancelled:
      return "CANCELED";
    case AttemptOutcome::kLost:
      return "LOST";
  }
  return "LOST";
}

// The database is away or full: the same thing may work later.
bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsAborted(status);
}

absl::Time OrEpoch(absl::Time time) { return time == absl::InfinitePast() ? absl::UnixEpoch() : time; }

}  // namespace

Engine::Engine(Store& store, Executor& executor, DocumentCache& documents, const Clock& clock,
               IdGenerator& ids, Metrics& metrics, EngineOptions options)
    : store_(store),
      executor_(executor),
      documents_(documents),
      clock_(clock),
      ids_(ids),
      metrics_(metrics),
      options_(std::move(options)),
      places_(Places::Of(options_.data_dir)) {}

Engine::~Engine() {
  store_.notifier().StopListening(Topic::kRuns);
  if (lease_.has_value()) {
    (void)store_.Write([&](db::Tx& tx) { return LeaseRelease(tx, kLease, options_.holder); });
  }
}

absl::Status Engine::Open() {
  store_.notifier().Listen(Topic::kRuns, [this](absl::string_view run_id) {
    absl::MutexLock lock(&mutex_);
    inbox_.changed_runs.emplace(run_id);
  });
  return executor_.Open([this](ExecutorEvent event) {
    absl::MutexLock lock(&mutex_);
    inbox_.events.push_back(std::move(event));
  });
}

void Engine::Run() {
  while (true) {
    const auto result = RunOnce();
    absl::Duration pause = options_.poll_interval;
    if (!result.ok()) {
      metrics_.engine_errors.Increment();
      if (!absl::IsAborted(result.status())) {
        spdlog::error("engine pass failed: {}", LogValue(result.status().ToString()));
      }
      pause = absl::IsAborted(result.status()) ? absl::ZeroDuration() : kErrorPause;
    }
    absl::MutexLock lock(&mutex_);
    const auto something = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return stop_ || !inbox_.events.empty() || !inbox_.changed_runs.empty();
    };
    if (result.ok()) {
      mutex_.AwaitWithTimeout(absl::Condition(&something), pause);
    } else {
      mutex_.AwaitWithTimeout(absl::Condition(&stop_), pause);
    }
    if (!stop_) continue;
    if (!attempts_.empty()) {
      spdlog::info("tasks go on under the supervisor and are found again at the next start tasks={}",
                   attempts_.size());
    }
    return;
  }
}

void Engine::Stop() {
  absl::MutexLock lock(&mutex_);
  stop_ = true;
}

absl::StatusOr<Engine::PassResult> Engine::RunOnce() {
  const absl::Time now = clock_.Now();
  PassResult result;
  ASSIGN_OR_RETURN(const bool leading, HoldLease(now));
  if (!leading) return result;
  {
    absl::MutexLock lock(&mutex_);
    std::move(inbox_.events.begin(), inbox_.events.end(), std::back_inserter(taken_.events));
    inbox_.events.clear();
    taken_.changed_runs.merge(inbox_.changed_runs);
    inbox_.changed_runs.clear();
  }
  absl::Status status = HearHints(now, result);
  if (status.ok()) status = HearEvents(now, result);
  if (status.ok()) {
    StartReady(now, result);
    status = Commit(now);
  }
  if (!status.ok()) {
    AbandonPass();
    return status;
  }
  taken_ = {};
  Command(result);
  metrics_.runs_active.Set(static_cast<double>(runs_.size()));
  metrics_.attempts_running.Set(static_cast<double>(attempts_.size()));
  return result;
}

// --- Ownership ---

absl::StatusOr<bool> Engine::HoldLease(absl::Time now) {
  if (lease_.has_value() && now < lease_renewed_at_ + options_.lease_ttl / 3) return true;
  LeaseRow lease;
  RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(lease, LeaseAcquire(tx, kLease, options_.holder, now, now + options_.lease_ttl));
    return absl::OkStatus();
  }));
  const bool mine = lease.holder == options_.holder;
  const bool fresh = mine && (!lease_.has_value() || lease_->fence != lease.fence);
  if (!mine) {
    if (lease_.has_value())
      spdlog::warn("another scheduler has taken the runs over holder={}", LogValue(lease.holder));
    lease_.reset();
    runs_.clear();
    attempts_.clear();
    return false;
  }
  lease_renewed_at_ = now;
  if (fresh) RETURN_IF_ERROR(Recover());
  lease_ = lease;
  return true;
}

// Takes up every run that was being driven when the last engine stopped.
absl::Status Engine::Recover() {
  runs_.clear();
  attempts_.clear();
  unstarted_.clear();
  std::vector<std::string> ids;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ids.clear();
    for (const RunState state : {RunState::kRunning, RunState::kCanceling}) {
      ASSIGN_OR_RETURN(const auto some, RunIdsInState(tx, state, INT32_MAX));
      ids.insert(ids.end(), some.begin(), some.end());
    }
    return absl::OkStatus();
  }));
  std::vector<LaunchSpec> running;
  for (const std::string& id : ids) {
    const absl::Status status = LoadActive(id, /*reattach=*/true, running);
    if (IsTransient(status)) return status;
    if (!status.ok()) FailRun(id, status);
  }
  const std::vector<std::string> never_started = executor_.Reattach(running);
  for (LaunchSpec& spec : running) {
    if (std::find(never_started.begin(), never_started.end(), spec.attempt_id) != never_started.end()) {
      unstarted_.push_back(std::move(spec));  // its id was committed, its process was never made
    }
  }
  if (!ids.empty()) {
    spdlog::info("runs taken up again runs={} attempts={} not_yet_started={}", ids.size(), running.size(),
                 never_started.size());
  }
  return absl::OkStatus();
}

// Ends a run that cannot be driven, whatever the reason, so that it does not stay forever and holds nobody
// else up.
void Engine::FailRun(const std::string& run_id, const absl::Status& why) {
  spdlog::error("run cannot be driven run={} error={}", run_id, LogValue(why.ToString()));
  ForgetRun(run_id);
  const absl::Status status = store_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
    ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, TaskList(tx, run_id));
    for (TaskRow& task : tasks) {
      if (IsFinal(task.state)) continue;
      const TaskState from = task.state;
      task.state = TaskState::kCanceled;
      task.wait_reason = WaitReason::kNone;
      task.error_message = "Ended because the run could not be driven any further";
      task.finished_at = clock_.Now();
      RETURN_IF_ERROR(TaskSetState(tx, from, task, task.finished_at));
    }
    ASSIGN_OR_RETURN(std::vector<TaskAttemptRow> attempts, TaskAttemptList(tx, run_id));
    for (TaskAttemptRow& attempt : attempts) {
      if (!attempt.outcome.empty()) continue;
      attempt.outcome = std::string(OutcomeName(AttemptOutcome::kLost));
      attempt.finished_at = clock_.Now();
      RETURN_IF_ERROR(TaskAttemptFinish(tx, attempt));
    }
    return RunSetState(
        tx, run_id, row.state,
        {RunState::kFailed, clock_.Now(), static_cast<int>(why.code()), std::string(why.message())});
  });
  if (!status.ok()) spdlog::error("run cannot be ended run={} error={}", run_id, LogValue(status.ToString()));
}

absl::Status Engine::LoadActive(const std::string& run_id, bool reattach,
                                std::vector<LaunchSpec>& reattach_specs) {
  ASSIGN_OR_RETURN(LoadedRun loaded, LoadRun(store_, documents_, run_id));
  ActiveRun& run = runs_[run_id];
  run = ActiveRun{};
  run.snapshot = std::move(loaded.snapshot);
  for (const LoadedRun::Running& running : loaded.running) {
    attempts_[running.attempt.attempt_id] = {run_id, running.task, running.attempt.number};
    if (!reattach) continue;
    auto launch = PlanTaskLaunch(places_, run.snapshot, running.task, running.attempt.number,
                                 running.attempt.attempt_id);
    if (launch.ok()) {
      reattach_specs.push_back(std::move(launch->spec));
    } else {  // it started once, so this is a bug; the executor still has to tell how it ended
      LaunchSpec spec;
      spec.attempt_id = running.attempt.attempt_id;
      spec.run_id = run_id;
      reattach_specs.push_back(std::move(spec));
    }
  }
  if (!run.snapshot.tasks.empty() || run.snapshot.state != RunState::kPending) {
    if (run.snapshot.tasks.empty()) {  // terminated before it was taken
      RunTaken taken;
      for (size_t i = 0; i < run.snapshot.plan->tasks().size(); ++i) taken.task_ids.push_back(ids_.NewId());
      Decide(run, taken, clock_.Now());
    } else {
      Decide(run, RunRestored{}, clock_.Now());
    }
  }
  return absl::OkStatus();
}

// --- Hearing ---

absl::Status Engine::HearHints(absl::Time now, PassResult& result) {
  for (const std::string& run_id : taken_.changed_runs) RETURN_IF_ERROR(HearRun(run_id, now, result));
  if (now < polled_at_ + options_.poll_interval) return absl::OkStatus();
  RETURN_IF_ERROR(Poll(now, result));
  polled_at_ = now;
  return absl::OkStatus();
}

// A run was created, terminated or deleted.
absl::Status Engine::HearRun(const std::string& run_id, absl::Time now, PassResult& result) {
  const auto active = runs_.find(run_id);
  if (active == runs_.end()) return TakeRun(run_id, now, result);
  absl::StatusOr<RunRow> row = absl::UnknownError("");
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) {
    row = RunGet(tx, run_id);
    return absl::IsNotFound(row.status()) ? absl::OkStatus() : row.status();
  }));
  if (!row.ok()) {
    ForgetRun(run_id);
  } else if (row->state == RunState::kCanceling && active->second.snapshot.state != RunState::kCanceling) {
    Decide(active->second, RunCancelAsked{}, now);
  }
  return absl::OkStatus();
}

absl::Status Engine::Poll(absl::Time now, PassResult& result) {
  std::vector<std::string> ids;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(ids, RunIdsInState(tx, RunState::kPending, options_.active_runs_max));
    ASSIGN_OR_RETURN(const auto canceling, RunIdsInState(tx, RunState::kCanceling, options_.active_runs_max));
    ids.insert(ids.end(), canceling.begin(), canceling.end());
    return absl::OkStatus();
  }));
  for (const std::string& run_id : ids) RETURN_IF_ERROR(HearRun(run_id, now, result));
  return absl::OkStatus();
}

absl::Status Engine::TakeRun(const std::string& run_id, absl::Time now, PassResult& result) {
  if (static_cast<int>(runs_.size()) >= options_.active_runs_max)
    return absl::OkStatus();  // polled again later
  std::vector<LaunchSpec> none;
  const absl::Status loaded = LoadActive(run_id, /*reattach=*/false, none);
  if (absl::IsNotFound(loaded)) return absl::OkStatus();
  if (IsTransient(loaded)) return loaded;
  if (!loaded.ok()) {
    FailRun(run_id, loaded);
    return absl::OkStatus();
  }
  ActiveRun& run = runs_[run_id];
  if (IsFinal(run.snapshot.state) && run.commit.empty()) {  // a hint that came late
    runs_.erase(run_id);
    return absl::OkStatus();
  }
  if (run.snapshot.state == RunState::kPending) {
    RunTaken taken;
    for (size_t i = 0; i < run.snapshot.plan->tasks().size(); ++i) taken.task_ids.push_back(ids_.NewId());
    Decide(run, taken, now);
  }
  ++result.runs_taken;
  return absl::OkStatus();
}

absl::Status Engine::HearEvents(absl::Time now, PassResult& result) {
  for (const ExecutorEvent& event : taken_.events) {
    const auto* finished = std::get_if<AttemptFinished>(&event);
    if (finished == nullptr) continue;
    RETURN_IF_ERROR(OnAttemptFinished(*finished, now));
    ++result.events;
  }
  return absl::OkStatus();
}

absl::Status Engine::OnAttemptFinished(const AttemptFinished& event, absl::Time now) {
  forgotten_.push_back(event.attempt_id);
  const auto found = attempts_.find(event.attempt_id);
  if (found == attempts_.end()) return absl::OkStatus();  // of a run that was deleted
  const auto active = runs_.find(found->second.run_id);
  if (active == runs_.end()) return absl::OkStatus();
  ActiveRun& run = active->second;
  const int task = found->second.task;

  AttemptEnded ended{task, event.attempt_id, AttemptResult::kFailed, event.message, {}};
  if (!event.log_tail.empty()) absl::StrAppend(&ended.message, "\nLast lines of its log:\n", event.log_tail);
  TaskAttemptRow row;
  row.message = event.message;
  if (event.outcome == AttemptOutcome::kCancelled) ended.result = AttemptResult::kCanceled;
  if (event.outcome == AttemptOutcome::kSucceeded) {
    auto outputs = TaskOutputsOf(places_, run.snapshot, task, event.attempt_id, event.outputs);
    if (outputs.ok()) {
      ended.result = AttemptResult::kSucceeded;
      ended.outputs = *std::move(outputs);
      RETURN_IF_ERROR(GiveArtifactIds(ended.outputs));
      run.commit.outputs.emplace_back(task, ended.outputs);
    } else {
      ended.message = row.message = std::string(outputs.status().message());
    }
  }
  row.run_id = run.snapshot.run_id;
  row.task_id = run.snapshot.tasks[task].task_id;
  row.number = found->second.number;
  row.attempt_id = event.attempt_id;
  row.outcome =
      std::string(ended.result == AttemptResult::kFailed && event.outcome == AttemptOutcome::kSucceeded
                      ? "FAILED"
                      : OutcomeName(event.outcome));
  row.exit_code = event.exit_code;
  row.signal = event.signal;
  row.log_tail = event.log_tail;
  row.cpu_time = event.cpu_time;
  row.max_rss_bytes = event.max_rss_bytes;
  row.started_at = OrEpoch(event.started_at);
  row.finished_at = OrEpoch(event.finished_at);
  run.commit.attempts_ended.push_back(std::move(row));
  attempts_.erase(found);
  metrics_.tasks_ended.Increment();
  Decide(run, ended, now);
  return absl::OkStatus();
}

absl::Status Engine::GiveArtifactIds(TaskOutputs& outputs) {
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      if (artifact_ids_left_ == 0) {
        RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
          ASSIGN_OR_RETURN(next_artifact_id_, ArtifactIdReserve(tx, kArtifactIdBlock));
          return absl::OkStatus();
        }));
        artifact_ids_left_ = kArtifactIdBlock;
      }
      artifact.artifact_id = absl::StrCat(next_artifact_id_++);
      --artifact_ids_left_;
    }
  }
  return absl::OkStatus();
}

// --- Deciding ---

void Engine::Decide(ActiveRun& run, const PlanEvent& event, absl::Time now) {
  Decision decision = Step(run.snapshot, event, now);
  run.ready.insert(run.ready.end(), decision.ready.begin(), decision.ready.end());
  run.newly_ready.insert(run.newly_ready.end(), decision.ready.begin(), decision.ready.end());
  for (const int task : decision.cancel) run.cancel.push_back(run.snapshot.tasks[task].attempt_id);
  if (run.snapshot.state != RunState::kRunning) {
    run.ready.clear();
    run.next_launch.reset();
  }
  run.commit.Add(decision);
  touched_.insert(run.snapshot.run_id);
}

// Starts ready tasks, one of each run in turn, until nothing more fits. The next pass begins behind the run
// that was served last.
void Engine::StartReady(absl::Time now, PassResult& result) {
  bool started = !runs_.empty();
  while (started) {
    started = false;
    auto it = runs_.upper_bound(last_served_run_);
    for (size_t i = 0; i < runs_.size(); ++i, ++it) {
      if (it == runs_.end()) it = runs_.begin();
      if (it->second.ready.empty() || !StartNext(it->second, now)) continue;
      last_served_run_ = it->first;
      started = true;
      ++result.started;
    }
  }
  for (const std::string& run_id : touched_) {
    if (const auto run = runs_.find(run_id); run != runs_.end()) NoteWaiting(run->second);
  }
}

// Whether a task of the run was started (or found unstartable, which frees the way for the next).
bool Engine::StartNext(ActiveRun& run, absl::Time now) {
  const int task = run.ready.front();
  if (!run.next_launch.has_value()) {
    auto launch =
        PlanTaskLaunch(places_, run.snapshot, task, run.snapshot.tasks[task].attempts + 1, ids_.NewId());
    if (!launch.ok()) {
      run.ready.pop_front();
      Decide(run, TaskUnstartable{task, launch.status()}, now);
      return true;
    }
    run.next_launch = *std::move(launch);
  }
  TaskLaunchPlan& launch = *run.next_launch;
  if (!executor_.Reserve(launch.spec.attempt_id, launch.spec.resources)) return false;
  run.ready.pop_front();
  TaskAttemptRow attempt;
  attempt.run_id = run.snapshot.run_id;
  attempt.task_id = launch.spec.task_id;
  attempt.number = launch.spec.attempt_number;
  attempt.attempt_id = launch.spec.attempt_id;
  attempt.log_path = launch.log_path;
  attempt.created_at = now;
  run.commit.attempts_begun.push_back(std::move(attempt));
  run.commit.inputs.emplace_back(task, std::move(launch.inputs));
  attempts_[launch.spec.attempt_id] = {run.snapshot.run_id, task, launch.spec.attempt_number};
  Decide(run, TaskStarting{task, launch.spec.attempt_id}, now);
  starting_.push_back(std::move(launch.spec));
  run.next_launch.reset();
  return true;
}

// Says of the tasks that became ready in this pass and found no room what they wait for now. A new task's row
// says it from the start.
void Engine::NoteWaiting(ActiveRun& run) {
  const bool taken = !run.commit.tasks.empty() && !run.commit.tasks.front().from.has_value();
  for (const int task : run.newly_ready) {
    if (!taken && run.snapshot.tasks[task].state == TaskState::kPending) {
      run.commit.waiting.emplace_back(task, WaitReason::kCapacity);
    }
  }
  run.newly_ready.clear();
}

// --- Committing and commanding ---

absl::Status Engine::Commit(absl::Time now) {
  if (touched_.empty()) return absl::OkStatus();
  std::string current;
  const absl::Status status = store_.Write([&](db::Tx& tx) -> absl::Status {
    current.clear();
    RETURN_IF_ERROR(LeaseCheck(tx, kLease, options_.holder, lease_->fence));
    for (const std::string& run_id : touched_) {
      const auto run = runs_.find(run_id);
      if (run == runs_.end() || run->second.commit.empty()) continue;
      current = run_id;
      RETURN_IF_ERROR(WriteRunCommit(tx, run->second.snapshot, run->second.commit, now));
    }
    current.clear();
    return absl::OkStatus();
  });
  // What reading afresh cannot solve is a bug: it ends this run and not the others.
  if (!status.ok() && !current.empty() && !IsTransient(status) && !absl::IsNotFound(status))
    FailRun(current, status);
  return status;
}

// Starts the attempt, or keeps it for the next pass when the executor cannot take it just now.
void Engine::Start(LaunchSpec spec) {
  const absl::Status status = executor_.Start(spec);
  if (status.ok() || absl::IsAlreadyExists(status)) {
    metrics_.tasks_started.Increment();
    return;
  }
  spdlog::warn("task cannot be started run={} task={} attempt={} error={}", spec.run_id,
               LogValue(spec.task_name), spec.attempt_id, LogValue(status.ToString()));
  if (IsTransient(status)) {
    unstarted_.push_back(std::move(spec));
    return;
  }
  EndUnstarted(spec.attempt_id, AttemptOutcome::kFailed,
               absl::StrCat("It could not be started: ", status.message()));
}

// The end of an attempt that never had a process, as an event like any other.
void Engine::EndUnstarted(const std::string& attempt_id, AttemptOutcome outcome, std::string message) {
  AttemptFinished finished;
  finished.attempt_id = attempt_id;
  finished.outcome = outcome;
  finished.message = std::move(message);
  finished.finished_at = clock_.Now();
  absl::MutexLock lock(&mutex_);
  inbox_.events.push_back(std::move(finished));
}

void Engine::Cancel(const std::string& attempt_id) {
  const auto unstarted = std::find_if(unstarted_.begin(), unstarted_.end(),
                                      [&](const LaunchSpec& spec) { return spec.attempt_id == attempt_id; });
  if (unstarted == unstarted_.end()) {
    (void)executor_.Cancel(attempt_id);
    return;
  }
  unstarted_.erase(unstarted);
  EndUnstarted(attempt_id, AttemptOutcome::kCancelled, "The run was terminated before this task started");
}

void Engine::Command(PassResult& result) {
  for (LaunchSpec& spec : std::exchange(unstarted_, {})) Start(std::move(spec));
  for (LaunchSpec& spec : std::exchange(starting_, {})) Start(std::move(spec));
  for (const std::string& run_id : touched_) {
    const auto active = runs_.find(run_id);
    if (active == runs_.end()) continue;
    ActiveRun& run = active->second;
    for (const std::string& attempt_id : run.cancel) Cancel(attempt_id);
    run.cancel.clear();
    run.commit = {};
    if (!IsFinal(run.snapshot.state)) continue;
    spdlog::info("run ended run={} state={}", run_id, std::string(Name(run.snapshot.state)));
    metrics_.runs_finished.Increment();
    ++result.runs_finished;
    runs_.erase(active);
  }
  touched_.clear();
  for (const std::string& attempt_id : forgotten_) executor_.Forget(attempt_id);
  forgotten_.clear();
  metrics_.runs_taken.Increment(result.runs_taken);
}

// Lets go of a run that is no longer in storage or cannot be driven, and ends what runs of it.
void Engine::ForgetRun(const std::string& run_id) {
  std::vector<std::string> attempts;
  for (const auto& [attempt_id, attempt] : attempts_) {
    if (attempt.run_id == run_id) attempts.push_back(attempt_id);
  }
  for (const std::string& attempt_id : attempts) {
    attempts_.erase(attempt_id);
    Cancel(attempt_id);
  }
  runs_.erase(run_id);
  touched_.erase(run_id);
}

// Nothing of this pass was committed: forget what it decided, and decide again from what storage says.
void Engine::AbandonPass() {
  for (const LaunchSpec& spec : starting_) {
    executor_.Unreserve(spec.attempt_id);
    attempts_.erase(spec.attempt_id);
  }
  starting_.clear();
  forgotten_.clear();
  const std::set<std::string> touched = std::exchange(touched_, {});
  for (const std::string& run_id : touched) {
    std::vector<LaunchSpec> none;
    runs_.erase(run_id);
    const absl::Status status = LoadActive(run_id, /*reattach=*/false, none);
    if (absl::IsNotFound(status)) {
      ForgetRun(run_id);
    } else if (!status.ok()) {
      lease_.reset();  // storage is away: take everything up afresh when it is back
      return;
    } else if (runs_[run_id].snapshot.state == RunState::kPending) {
      runs_.erase(run_id);  // taken again by the next poll
      polled_at_ = absl::InfinitePast();
    }
  }
}

}  // namespace penstock
