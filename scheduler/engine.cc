#include "scheduler/engine.h"

#include <algorithm>
#include <utility>

#include "common/errors.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr absl::Duration kSayAgain = absl::Minutes(1);
constexpr absl::Duration kErrorPause = absl::Milliseconds(500);

}  // namespace

Engine::Engine(EngineParts parts, EngineOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      inbox_(std::make_shared<Inbox>()),
      cache_(parts_.store, parts_.content, parts_.metrics),
      artifact_ids_(parts_.store),
      importer_(parts_.store, artifact_ids_, parts_.ids) {
  for (int place = 0; place < parts_.executors.size(); ++place) {
    dispatchers_.push_back(std::make_unique<Dispatcher>(
        place, parts_.executors[place], durations_,
        [this, place](ActiveRun& run, RoomKeeper* keeper) { return StartNext(run, place, keeper, pass_at_); },
        [this, place] { return RoomTakenAt(place); }));
  }
}

Engine::~Engine() { parts_.store.notifier().StopListening(Topic::kRuns); }

absl::Status Engine::Open() {
  parts_.store.notifier().Listen(
      Topic::kRuns, [inbox = inbox_](absl::string_view run_id) { inbox->AddChangedRun(run_id); });
  for (int place = 0; place < parts_.executors.size(); ++place) {
    RETURN_IF_ERROR(parts_.executors[place].Open(
        [inbox = inbox_](ExecutorEvent event) { inbox->Add(std::move(event)); }));
  }
  return absl::OkStatus();
}

void Engine::Run() {
  while (true) {
    const auto result = RunOnce();
    absl::Duration pause = options_.poll_interval;
    if (!result.ok()) {
      parts_.metrics.engine_errors.Increment();
      if (!absl::IsAborted(result.status())) SayFailure(result.status());
      // ABORTED: a row was changed or the lease taken meanwhile. What is read afresh will do, so at once.
      pause = absl::IsAborted(result.status()) ? absl::ZeroDuration() : kErrorPause;
    }
    if (result.ok() && !said_failure_.ok()) {
      spdlog::info("the engine works again");
      said_failure_ = absl::OkStatus();
    }
    if (result.ok() && result->more) pause = absl::ZeroDuration();
    if (result.ok()) pause = std::clamp(NextWake() - parts_.clock.Now(), absl::ZeroDuration(), pause);
    // After an error news do not end the pause: a database that is away would be asked again for each of them.
    if (!inbox_->Await(pause, /*only_stop=*/!result.ok())) continue;
    if (!attempts_.empty()) {
      spdlog::info("tasks go on under the supervisor and are found again at the next start tasks={}",
                   attempts_.size());
    }
    return;
  }
}

// A database that is away fails two passes a second: the same error is said again only after a while.
void Engine::SayFailure(const absl::Status& status) {
  const absl::Time now = parts_.clock.Now();
  if (status == said_failure_ && now < said_failure_at_ + kSayAgain) return;
  spdlog::error("engine pass failed: {}", LogValue(status.ToString()));
  said_failure_ = status;
  said_failure_at_ = now;
}

void Engine::Stop() { inbox_->Stop(); }

absl::StatusOr<Engine::PassResult> Engine::RunOnce() {
  const absl::Time now = pass_at_ = parts_.clock.Now();
  PassResult result;
  ASSIGN_OR_RETURN(const bool leading, Lead(now));
  if (!leading) return result;
  // To what a pass that failed has heard and not committed.
  news_.Append(inbox_->Take());
  absl::Status status = Decide(now, result);
  if (status.ok()) status = Commit(now);
  importer_.EndPass();
  if (!status.ok()) {
    AbandonPass();
    return status;
  }
  news_ = {};
  records_.Committed();
  Command(result);
  records_.Sweep(parts_.store, now);
  TellRoom(now);
  parts_.metrics.runs_active.Set(static_cast<double>(runs_.size()));
  parts_.metrics.attempts_running.Set(static_cast<double>(attempts_.size()));
  return result;
}

// Whether the runs are ours to drive. If they are anew, takes them up.
absl::StatusOr<bool> Engine::Lead(absl::Time now) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> fence, parts_.lease.Hold(now));
  if (!fence.has_value()) {
    // What runs goes on; another scheduler that has taken its run over counts it as lost.
    fence_.reset();
    runs_.clear();
    attempts_.clear();
    return false;
  }
  if (fence != fence_) {
    // Ours only when all was taken up: a recovery that fails is begun again by the next pass.
    fence_.reset();
    RETURN_IF_ERROR(Recover());
    fence_ = fence;
  }
  return true;
}

absl::Status Engine::Decide(absl::Time now, PassResult& result) {
  RETURN_IF_ERROR(HearHints(now, result));
  RETURN_IF_ERROR(HearEvents(now, result));
  WakeTasks(now);
  RETURN_IF_ERROR(ImportReady(now, result));
  RETURN_IF_ERROR(ServeFromCache(now, result));
  for (const auto& dispatcher : dispatchers_) result.started += dispatcher->StartReady(runs_, now);
  for (auto& [run_id, run] : runs_) run.NoteWaiting();
  return absl::OkStatus();
}

// Completes ready imports, one of each run in turn, as many as one transaction should hold.
absl::Status Engine::ImportReady(absl::Time now, PassResult& result) {
  int left = limits::kImportsPerPass;
  for (bool more = true; more && left > 0;) {
    more = false;
    for (auto& [run_id, run] : runs_) {
      if (left == 0) break;
      const std::optional<int> task = run.TakeImport();
      if (!task.has_value()) continue;
      RETURN_IF_ERROR(importer_.Import(run, *task, now));
      --left;
      ++result.started;
      more = true;
    }
  }
  return absl::OkStatus();
}

// Makes the tasks ready whose time has come.
void Engine::WakeTasks(absl::Time now) {
  for (auto& [run_id, run] : runs_) {
    const auto& waking = run.snapshot().waking;
    if (!waking.empty() && waking.begin()->first <= now) run.Decide(TimePassed{}, now);
  }
}

absl::Time Engine::NextWake() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [run_id, run] : runs_) {
    if (run.has_imports()) return absl::InfinitePast();  // more than one pass takes
    const auto& waking = run.snapshot().waking;
    if (!waking.empty()) next = std::min(next, waking.begin()->first);
  }
  return next;
}

absl::Status Engine::Commit(absl::Time now) {
  std::vector<ActiveRun*> touched;
  for (auto& [run_id, run] : runs_) {
    if (run.touched()) touched.push_back(&run);
  }
  if (touched.empty()) return absl::OkStatus();
  std::string current;
  const absl::Status status = parts_.store.Write([&](db::Tx& tx) -> absl::Status {
    current.clear();
    // In this transaction, so that nobody takes the runs over between the check and what is written.
    RETURN_IF_ERROR(parts_.lease.Check(tx, *fence_));
    RETURN_IF_ERROR(records_.WriteNew(tx, now));
    for (ActiveRun* run : touched) {
      if (run->commit().empty()) continue;
      current = run->run_id();
      RETURN_IF_ERROR(
          WriteRunCommit(tx, run->snapshot(), run->commit(), {run->namespace_id(), parts_.ids}, now));
    }
    // What fails from here on is the commit itself, which is no one run's fault.
    current.clear();
    return absl::OkStatus();
  });
  // What reading afresh cannot solve is a bug: it ends this run and not the others.
  if (!status.ok() && !current.empty() && !error::IsTransient(status) && !absl::IsNotFound(status)) {
    FailRun(current, status);
  }
  return status;
}

void Engine::Command(PassResult& result) {
  // Taken out before: what an executor cannot take now comes back into the list, for the next pass.
  for (Launch& launch : std::exchange(unstarted_, {})) Start(std::move(launch));
  for (Launch& launch : std::exchange(starting_, {})) Start(std::move(launch));
  for (auto it = runs_.begin(); it != runs_.end();) {
    ActiveRun& run = it->second;
    if (!run.touched()) {
      ++it;
      continue;
    }
    for (const std::string& attempt_id : run.Committed()) Cancel(attempt_id);
    if (!IsFinal(run.snapshot().state)) {
      ++it;
      continue;
    }
    spdlog::info("run ended run={} state={}", run.run_id(), std::string(Name(run.snapshot().state)));
    parts_.metrics.runs_finished.Increment();
    ++result.runs_finished;
    if (!run.recurring_run_id().empty()) {
      parts_.store.notifier().Notify(Topic::kRecurringRuns, run.recurring_run_id());
    }
    it = runs_.erase(it);
  }
  // Only after the commit of their ends: a server that dies in between has to hear of them again.
  for (const auto& [place, attempt_id] : std::exchange(forgotten_, {})) {
    parts_.executors[place].Forget(attempt_id);
  }
  parts_.metrics.runs_taken.Increment(result.runs_taken);
}

}  // namespace penstock
