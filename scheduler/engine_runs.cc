// The engine's runs: which it drives, taken up, let go of, and read again.
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "pipeline/spec/platform_notes.h"
#include "scheduler/engine.h"
#include "scheduler/plan/run_tree.h"
#include "storage/run_store.h"
#include "storage/setting_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {

// Takes up every run that was being driven when the last engine stopped.
absl::Status Engine::Recover() {
  runs_.clear();
  attempts_.clear();
  unstarted_.clear();
  asked_for_.clear();
  std::vector<std::string> ids;
  RETURN_IF_ERROR(parts_.store.Read([&](db::Tx& tx) -> absl::Status {
    ids.clear();
    for (const RunState state : {RunState::kRunning, RunState::kCanceling}) {
      ASSIGN_OR_RETURN(const auto some, RunIdsInState(tx, state, INT32_MAX));
      ids.insert(ids.end(), some.begin(), some.end());
    }
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(parts_.store.Write([&](db::Tx& tx) {
    // For the API, which may be of another process, to say why a run waits.
    return SettingSet(tx, kActiveRunsMaxSetting, absl::StrCat(options_.active_runs_max));
  }));
  std::vector<Launch> running;
  for (const std::string& id : ids) {
    const absl::Status status = LoadActive(id, &running).status();
    // The database is away: all is taken up later. Anything else is of this run, and the others go on.
    if (error::IsTransient(status)) return status;
    if (!status.ok()) FailRun(id, status);
  }
  if (!ids.empty()) spdlog::info("runs taken up again runs={} attempts={}", ids.size(), running.size());
  std::vector<std::vector<LaunchSpec>> by_place(parts_.executors.size());
  for (Launch& launch : running) {
    by_place[launch.place].push_back(launch.spec);
    // Kept, since the executor may answer that it was never given the attempt, which is started then.
    asked_for_[launch.spec.attempt_id] = std::move(launch);
  }
  for (int place = 0; place < parts_.executors.size(); ++place) {
    parts_.executors[place].Reattach(by_place[place]);
  }
  RemoveLostWorkspaces();
  return absl::OkStatus();
}

// Workspaces of runs that were deleted while nobody heard of it.
void Engine::RemoveLostWorkspaces() {
  parts_.worker.Post([&store = parts_.store, &content = parts_.content, executors = parts_.executors] {
    const auto workspaces = content.List(kWorkspacesUri);
    if (!workspaces.ok()) return;
    for (const ContentEntry& workspace : *workspaces) {
      absl::Status found;
      const absl::Status read = store.Read([&](db::Tx& tx) {
        found = RunGet(tx, workspace.name).status();
        return absl::IsNotFound(found) ? absl::OkStatus() : found;
      });
      // Rather kept than removed while it is not certain that the run is gone.
      if (!read.ok() || !absl::IsNotFound(found)) continue;
      for (int place = 0; place < executors.size(); ++place) executors[place].RemoveWorkspace(workspace.name);
    }
  });
}

void Engine::RemoveWorkspace(const std::string& run_id) {
  for (int place = 0; place < parts_.executors.size(); ++place) {
    parts_.executors[place].RemoveWorkspace(run_id);
  }
}

// Ends a run that cannot be driven, whatever the reason, so that it does not stay forever and holds nobody
// else up.
void Engine::FailRun(const std::string& run_id, const absl::Status& why) {
  spdlog::error("run cannot be driven run={} error={}", run_id, LogValue(why.ToString()));
  ForgetRun(run_id);
  const absl::Status status =
      parts_.store.Write([&](db::Tx& tx) { return WriteRunFailure(tx, run_id, why, parts_.clock.Now()); });
  if (!status.ok()) spdlog::error("run cannot be ended run={} error={}", run_id, LogValue(status.ToString()));
}

// Reads a run, in place of what was known of it, and settles what its rows leave open. With `reattach`, adds to it
// the attempts that its executors are to find again.
absl::StatusOr<ActiveRun*> Engine::LoadActive(const std::string& run_id, std::vector<Launch>* reattach) {
  ASSIGN_OR_RETURN(LoadedRun loaded, LoadRun(parts_.store, parts_.documents, parts_.executors.world(0),
                                             options_.public_uris, run_id));
  const std::vector<LoadedRun::Running> attempts = std::move(loaded.running);
  loaded.snapshot.disruptions_allowed = options_.disruptions_allowed;
  runs_.erase(run_id);
  ActiveRun& run = runs_.try_emplace(run_id, std::move(loaded), options_.cache, parts_.executors, parts_.ids)
                       .first->second;
  for (const LoadedRun::Running& running : attempts) AddRunning(run, running, reattach);
  if (run.snapshot().state == RunState::kPending) return &run;
  if (run.snapshot().tasks.empty()) {  // terminated before it was taken
    run.Decide(RunTaken{}, parts_.clock.Now());
  } else {
    run.Decide(RunRestored{}, parts_.clock.Now());
  }
  return &run;
}

void Engine::AddRunning(const ActiveRun& run, const LoadedRun::Running& running,
                        std::vector<Launch>* reattach) {
  const TaskAttemptRow& attempt = running.attempt;
  const std::optional<int> place = parts_.executors.Find(attempt.holder);
  Attempt& known = attempts_[attempt.attempt_id];
  known = {run.run_id(),
           running.task,
           attempt.number,
           place.value_or(0),
           ComponentKey(run.snapshot(), running.task),
           known.charge,  // of one that this engine has started
           attempt.created_at};
  parts_.in_work.Begin(attempt.attempt_id, run.run_id());
  if (reattach == nullptr) return;
  if (!place.has_value()) {
    // An attempt that another server's executor was given may run there still, so it is never started here.
    EndUnstarted(attempt.attempt_id, AttemptOutcome::kLost,
                 "The server that ran this task is gone, and another one has taken the run over");
    return;
  }
  const RunSnapshot& snapshot = run.snapshot();
  absl::StatusOr<TaskLaunchPlan> plan = absl::UnknownError("");
  if (auto inputs = penstock::InputsOf(snapshot, running.task); inputs.ok()) {
    plan = PlanTaskLaunch(parts_.executors.world(*place), snapshot, running.task,
                          std::make_shared<const TaskInputs>(*std::move(inputs)), attempt.number,
                          attempt.attempt_id);
  }
  Launch launch{*place, {}};
  if (plan.ok()) {
    launch.spec = std::move(plan->spec);
    Track(*place, snapshot, running.task, launch.spec);
    known.charge = parts_.executors[*place].ChargeOf(launch.spec.resources);
  } else {  // it started once, so this is a bug; the executor still has to tell how it ended
    launch.spec.attempt_id = attempt.attempt_id;
    launch.spec.run_id = run.run_id();
  }
  reattach->push_back(std::move(launch));
}

absl::Status Engine::HearHints(absl::Time now, PassResult& result) {
  for (const std::string& run_id : news_.changed_runs) RETURN_IF_ERROR(HearRun(run_id, now, result));
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
  RETURN_IF_ERROR(parts_.store.Read([&](db::Tx& tx) {
    row = RunGet(tx, run_id);
    // That it is gone is an answer; only a read that fails ends the pass.
    return absl::IsNotFound(row.status()) ? absl::OkStatus() : row.status();
  }));
  if (!row.ok()) {
    ForgetRun(run_id);
    RemoveWorkspace(run_id);
  } else if (row->state == RunState::kCanceling && active->second.snapshot().state != RunState::kCanceling) {
    active->second.Decide(RunCancelAsked{}, now);
  }
  return absl::OkStatus();
}

absl::Status Engine::Poll(absl::Time now, PassResult& result) {
  std::vector<std::string> ids;
  RETURN_IF_ERROR(parts_.store.Read([&](db::Tx& tx) -> absl::Status {
    // What a lost hint may have said. A run that was deleted shows when something of it is to be committed.
    ASSIGN_OR_RETURN(ids, RunIdsInState(tx, RunState::kPending, options_.active_runs_max));
    ASSIGN_OR_RETURN(const auto canceling, RunIdsInState(tx, RunState::kCanceling, options_.active_runs_max));
    ids.insert(ids.end(), canceling.begin(), canceling.end());
    return absl::OkStatus();
  }));
  for (const std::string& run_id : ids) RETURN_IF_ERROR(HearRun(run_id, now, result));
  return absl::OkStatus();
}

absl::Status Engine::TakeRun(const std::string& run_id, absl::Time now, PassResult& result) {
  if (static_cast<int>(runs_.size()) >= options_.active_runs_max) {
    // Polled again later, unless it is to end: for that there is always room.
    bool canceling = false;
    RETURN_IF_ERROR(parts_.store.Read([&](db::Tx& tx) {
      const absl::StatusOr<RunRow> row = RunGet(tx, run_id);
      canceling = row.ok() && row->state == RunState::kCanceling;
      return absl::IsNotFound(row.status()) ? absl::OkStatus() : row.status();
    }));
    if (!canceling) return absl::OkStatus();
  }
  const absl::StatusOr<ActiveRun*> loaded = LoadActive(run_id, /*reattach=*/nullptr);
  if (absl::IsNotFound(loaded.status())) {  // deleted after it had ended
    RemoveWorkspace(run_id);
    return absl::OkStatus();
  }
  if (error::IsTransient(loaded.status())) return loaded.status();
  if (!loaded.ok()) {
    FailRun(run_id, loaded.status());
    return absl::OkStatus();
  }
  ActiveRun& run = **loaded;
  if (IsFinal(run.snapshot().state) && run.commit().empty()) {  // a hint that came late
    runs_.erase(run_id);
    return absl::OkStatus();
  }
  if (run.snapshot().state == RunState::kPending) {
    const bool heeded = parts_.executors.world(0).heeds_platforms;
    const std::string note = heeded ? "" : PlatformNote(run.snapshot().plan->document());
    if (!note.empty()) spdlog::info("run has a note run={} note={}", run_id, LogValue(note));
    RETURN_IF_ERROR(importer_.ImportRoot(run));
    run.commit().root_taken = run.snapshot().tasks.empty();
    run.Decide(RunTaken{}, now);
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
    Cancel(attempt_id);
    attempts_.erase(attempt_id);
  }
  runs_.erase(run_id);
}

// Nothing of this pass was committed: forget what it decided, and decide again from what storage says.
void Engine::AbandonPass() {
  records_.Abandoned();
  for (const Launch& launch : std::exchange(starting_, {})) {
    parts_.executors[launch.place].Unreserve(launch.spec.attempt_id);
    parts_.in_work.End(launch.spec.attempt_id);
    attempts_.erase(launch.spec.attempt_id);
  }
  // Their ends were not committed, so the executors have to keep them.
  forgotten_.clear();
  std::vector<std::string> touched;
  for (const auto& [run_id, run] : runs_) {
    if (run.touched()) touched.push_back(run_id);
  }
  for (const std::string& run_id : touched) {
    runs_.erase(run_id);
    const absl::StatusOr<ActiveRun*> loaded = LoadActive(run_id, /*reattach=*/nullptr);
    if (absl::IsNotFound(loaded.status())) {
      ForgetRun(run_id);
      RemoveWorkspace(run_id);
    } else if (!loaded.ok()) {
      fence_.reset();  // storage is away: take everything up afresh when it is back
      return;
    } else if ((*loaded)->snapshot().state == RunState::kPending) {
      runs_.erase(run_id);  // taken again by the next poll
      polled_at_ = absl::InfinitePast();
    }
  }
}

}  // namespace penstock
