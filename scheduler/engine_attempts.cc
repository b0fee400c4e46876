// The engine's attempts: heard of, started, cancelled.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "scheduler/engine.h"
#include "scheduler/engine_parts.h"
#include "scheduler/plan/run_tree.h"
#include "storage/artifact_store.h"

namespace penstock {
namespace engine_internal {

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

}  // namespace engine_internal

using engine_internal::IsTransient;
using engine_internal::OutcomeName;

namespace {

constexpr int64_t kArtifactIdBlock = 256;
constexpr absl::Duration kStarvationPatience = absl::Seconds(30);

absl::Time OrEpoch(absl::Time time) { return time == absl::InfinitePast() ? absl::UnixEpoch() : time; }

}  // namespace

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
  if (const RetryPolicy* policy = RetryPolicyOf(run.snapshot, task)) {
    ended.message = absl::StrCat("Attempt ", found->second.number, " of ", policy->max_retry_count() + 1,
                                 ": ", event.message);
  }
  if (!event.log_tail.empty()) absl::StrAppend(&ended.message, "\nLast lines of its log:\n", event.log_tail);
  TaskAttemptRow row;
  row.message = event.message;
  if (event.outcome == AttemptOutcome::kCancelled) ended.result = AttemptResult::kCanceled;
  if (event.outcome == AttemptOutcome::kSucceeded) {
    auto outputs = TaskOutputsOf(places_, run.snapshot, task, event.attempt_id, event.outputs);
    if (outputs.ok()) {
      ended.result = AttemptResult::kSucceeded;
      RETURN_IF_ERROR(GiveArtifactIds(*outputs));
      NoteContents(run, event.outputs, *outputs);
      KeepInCache(run, task, *outputs, now);
      ended.outputs = std::make_shared<const TaskOutputs>(*std::move(outputs));
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
  row.environment = event.environment;
  row.packages = event.packages;
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
      if (!artifact.artifact_id.empty()) continue;
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

// Makes the tasks ready whose time has come.
void Engine::WakeTasks(absl::Time now) {
  for (auto& [run_id, run] : runs_) {
    const auto& waking = run.snapshot.waking;
    if (!waking.empty() && waking.begin()->first <= now) Decide(run, TimePassed{}, now);
  }
}

absl::Time Engine::NextWake() const {
  absl::Time next = absl::InfiniteFuture();
  for (const auto& [run_id, run] : runs_) {
    if (!run.imports.empty()) return absl::InfinitePast();  // more than one pass takes
    if (!run.snapshot.waking.empty()) next = std::min(next, run.snapshot.waking.begin()->first);
  }
  return next;
}

// Whether others may start: no run's next task has been waiting for room for too long, or all that have were
// started. Else small tasks that keep coming would never let a large one in.
bool Engine::ServeStarved(absl::Time now, PassResult& result) {
  while (true) {
    ActiveRun* starved = nullptr;
    for (auto& [run_id, run] : runs_) {
      if (run.ready.empty() || run.refused_since + kStarvationPatience > now) continue;
      if (starved == nullptr || run.refused_since < starved->refused_since) starved = &run;
    }
    if (starved == nullptr) return true;
    if (!StartNext(*starved, now)) return false;
    ++result.started;
  }
}

// Starts ready tasks, one of each run in turn, until nothing more fits. The next pass begins behind the run
// that was served last.
void Engine::StartReady(absl::Time now, PassResult& result) {
  bool started = ServeStarved(now, result) && !runs_.empty();
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
      run.refused_since = absl::InfiniteFuture();
      StoreDecision(run, task);
      Decide(run, TaskUnstartable{task, launch.status()}, now);
      return true;
    }
    run.next_launch = *std::move(launch);
    if (!run.caches) run.next_launch->spec.artifacts.clear();
  }
  TaskLaunchPlan& launch = *run.next_launch;
  if (!executor_.Reserve(launch.spec.attempt_id, launch.spec.resources)) {
    run.refused_since = std::min(run.refused_since, now);
    return false;
  }
  run.ready.pop_front();
  run.refused_since = absl::InfiniteFuture();
  StoreDecision(run, task);
  TaskAttemptRow attempt;
  attempt.run_id = run.snapshot.run_id;
  attempt.task_id = launch.spec.task_id;
  attempt.number = launch.spec.attempt_number;
  attempt.attempt_id = launch.spec.attempt_id;
  attempt.log_path = launch.log_path;
  attempt.holder = options_.holder;
  attempt.created_at = now;
  run.commit.attempts_begun.push_back(std::move(attempt));
  const bool first = launch.spec.attempt_number == run.snapshot.tasks[task].attempts_before + 1;
  if (first) run.commit.inputs.emplace_back(task, std::move(launch.inputs));
  attempts_[launch.spec.attempt_id] = {run.snapshot.run_id, task, launch.spec.attempt_number};
  Decide(run, TaskStarting{task, launch.spec.attempt_id}, now);
  starting_.push_back(std::move(launch.spec));
  run.next_launch.reset();
  return true;
}

// Says of the tasks that became ready in this pass and found no room what they wait for now.
void Engine::NoteWaiting(ActiveRun& run) {
  for (const int task : run.newly_waiting) {
    if (run.snapshot.tasks[task].ready) run.commit.waiting.emplace_back(task, WaitReason::kCapacity);
  }
  run.newly_waiting.clear();
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

}  // namespace penstock
