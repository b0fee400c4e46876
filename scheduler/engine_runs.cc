// The engine's runs: which it drives, taken up, let go of, and read again.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "pipeline/spec/platform_notes.h"
#include "scheduler/engine.h"
#include "scheduler/engine_parts.h"
#include "storage/run_store.h"
#include "storage/setting_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {

using engine_internal::IsTransient;
using engine_internal::OutcomeName;

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
  RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) {
    return SettingSet(tx, kActiveRunsMaxSetting, absl::StrCat(options_.active_runs_max));
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
  return RemoveLostWorkspaces();
}

// Workspaces of runs that were deleted while nobody heard of it.
absl::Status Engine::RemoveLostWorkspaces() {
  for (const std::string& run_id : executor_.SharedIn(places_.workspaces)) {
    absl::Status found;
    RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) {
      found = RunGet(tx, run_id).status();
      return absl::IsNotFound(found) ? absl::OkStatus() : found;
    }));
    if (absl::IsNotFound(found)) executor_.RemoveShared(places_.WorkspaceOf(run_id));
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

// An attempt that another server's executor was given: it may run there still, so it is never started here.
void Engine::LoseAttempt(const TaskAttemptRow& attempt) {
  AttemptFinished lost;
  lost.attempt_id = attempt.attempt_id;
  lost.outcome = AttemptOutcome::kLost;
  lost.message = "The server that ran this task is gone, and another one has taken the run over";
  absl::MutexLock lock(&mutex_);
  inbox_.events.push_back(std::move(lost));
}

absl::Status Engine::LoadActive(const std::string& run_id, bool reattach,
                                std::vector<LaunchSpec>& reattach_specs) {
  ASSIGN_OR_RETURN(LoadedRun loaded, LoadRun(store_, documents_, places_, run_id));
  ActiveRun& run = runs_[run_id];
  run = ActiveRun{};
  run.snapshot = std::move(loaded.snapshot);
  run.recurring_run_id = std::move(loaded.recurring_run_id);
  SetUpCache(run, loaded);
  for (const LoadedRun::Running& running : loaded.running) {
    attempts_[running.attempt.attempt_id] = {run_id, running.task, running.attempt.number};
    if (!reattach) continue;
    if (!running.attempt.holder.empty() && running.attempt.holder != options_.holder) {
      LoseAttempt(running.attempt);
      continue;
    }
    auto launch = PlanTaskLaunch(places_, run.snapshot, running.task, running.attempt.number,
                                 running.attempt.attempt_id);
    if (launch.ok()) {
      if (!run.caches) launch->spec.artifacts.clear();
      reattach_specs.push_back(std::move(launch->spec));
    } else {  // it started once, so this is a bug; the executor still has to tell how it ended
      LaunchSpec spec;
      spec.attempt_id = running.attempt.attempt_id;
      spec.run_id = run_id;
      reattach_specs.push_back(std::move(spec));
    }
  }
  if (run.snapshot.state != RunState::kPending) {
    if (run.snapshot.tasks.empty()) {  // terminated before it was taken
      Decide(run, RunTaken{}, clock_.Now());
    } else {
      Decide(run, RunRestored{}, clock_.Now());
    }
  }
  return absl::OkStatus();
}

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
    executor_.RemoveShared(places_.WorkspaceOf(run_id));
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
  if (absl::IsNotFound(loaded)) {  // deleted after it had ended
    executor_.RemoveShared(places_.WorkspaceOf(run_id));
    return absl::OkStatus();
  }
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
    const std::string note = PlatformNote(run.snapshot.plan->document());
    if (!note.empty()) spdlog::info("run has a note run={} note={}", run_id, LogValue(note));
    Decide(run, RunTaken{}, now);
  }
  ++result.runs_taken;
  return absl::OkStatus();
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
  imports_.clear();
  const std::set<std::string> touched = std::exchange(touched_, {});
  for (const std::string& run_id : touched) {
    std::vector<LaunchSpec> none;
    runs_.erase(run_id);
    const absl::Status status = LoadActive(run_id, /*reattach=*/false, none);
    if (absl::IsNotFound(status)) {
      ForgetRun(run_id);
      executor_.RemoveShared(places_.WorkspaceOf(run_id));
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
