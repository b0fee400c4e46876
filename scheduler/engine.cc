#include "scheduler/engine.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/log.h"
#include "common/status_macros.h"
#include "scheduler/engine_parts.h"
#include "scheduler/plan/plan.h"
#include "storage/lease_store.h"

namespace penstock {

using engine_internal::IsTransient;

namespace {

constexpr absl::Duration kSayAgain = absl::Minutes(1);
constexpr absl::Duration kErrorPause = absl::Milliseconds(500);

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
    (void)store_.Write([&](db::Tx& tx) { return LeaseRelease(tx, kSchedulerLease, options_.holder); });
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
      if (!absl::IsAborted(result.status())) SayFailure(result.status());
      pause = absl::IsAborted(result.status()) ? absl::ZeroDuration() : kErrorPause;
    }
    if (result.ok() && !said_failure_.ok()) {
      spdlog::info("the engine works again");
      said_failure_ = absl::OkStatus();
    }
    if (result.ok() && result->more) pause = absl::ZeroDuration();
    if (result.ok()) pause = std::clamp(NextWake() - clock_.Now(), absl::ZeroDuration(), pause);
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

// A database that is away fails two passes a second: the same error is said again only after a while.
void Engine::SayFailure(const absl::Status& status) {
  const absl::Time now = clock_.Now();
  if (status == said_failure_ && now < said_failure_at_ + kSayAgain) return;
  spdlog::error("engine pass failed: {}", LogValue(status.ToString()));
  said_failure_ = status;
  said_failure_at_ = now;
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
    WakeTasks(now);
    status = ImportReady(now, result);
  }
  if (status.ok()) {
    status = ServeFromCache(now, result);
  }
  if (status.ok()) {
    StartReady(now, result);
    status = Commit(now);
  }
  if (!status.ok()) {
    AbandonPass();
    return status;
  }
  taken_ = {};
  imports_.clear();
  Command(result);
  metrics_.runs_active.Set(static_cast<double>(runs_.size()));
  metrics_.attempts_running.Set(static_cast<double>(attempts_.size()));
  return result;
}

absl::StatusOr<bool> Engine::HoldLease(absl::Time now) {
  if (lease_.has_value() && now < lease_renewed_at_ + options_.lease_ttl / 3) return true;
  LeaseRow lease;
  RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(lease,
                     LeaseAcquire(tx, kSchedulerLease, options_.holder, now, now + options_.lease_ttl));
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

void Engine::Decide(ActiveRun& run, const PlanEvent& event, absl::Time now) {
  Decision decision = Step(run.snapshot, event, now, ids_);
  for (const int task : decision.ready) Enqueue(run, task);
  run.newly_waiting.insert(run.newly_waiting.end(), decision.waiting.begin(), decision.waiting.end());
  for (const int task : decision.cancel) run.cancel.push_back(run.snapshot.tasks[task].attempt_id);
  if (run.snapshot.state != RunState::kRunning) {
    run.ready.clear();
    run.imports.clear();
    run.looking_up.clear();
    run.next_launch.reset();
    run.refused_since = absl::InfiniteFuture();
  }
  run.commit.Add(decision);
  touched_.insert(run.snapshot.run_id);
}

absl::Status Engine::Commit(absl::Time now) {
  if (touched_.empty()) return absl::OkStatus();
  std::string current;
  const absl::Status status = store_.Write([&](db::Tx& tx) -> absl::Status {
    current.clear();
    RETURN_IF_ERROR(LeaseCheck(tx, kSchedulerLease, options_.holder, lease_->fence));
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
    if (!run.recurring_run_id.empty()) store_.notifier().Notify(Topic::kRecurringRuns, run.recurring_run_id);
    runs_.erase(active);
  }
  touched_.clear();
  for (const std::string& attempt_id : forgotten_) executor_.Forget(attempt_id);
  forgotten_.clear();
  metrics_.runs_taken.Increment(result.runs_taken);
}

}  // namespace penstock
