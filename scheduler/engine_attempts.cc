// The engine's attempts: heard of, started, cancelled.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "scheduler/attempt_rows.h"
#include "scheduler/engine.h"
#include "scheduler/plan/run_tree.h"

namespace penstock {
namespace {

WaitReason ToWaitReason(AttemptWait reason) {
  switch (reason) {
    case AttemptWait::kImage:
      return WaitReason::kImage;
    case AttemptWait::kUnschedulable:
      return WaitReason::kUnschedulable;
    case AttemptWait::kEnvironment:
      return WaitReason::kEnvironment;
    case AttemptWait::kContent:
      return WaitReason::kContent;
    case AttemptWait::kQuota:
      return WaitReason::kQuota;
    case AttemptWait::kVolume:
      return WaitReason::kVolume;
    case AttemptWait::kPlatform:
      return WaitReason::kPlatform;
    case AttemptWait::kStarting:
      return WaitReason::kStarting;
  }
  return WaitReason::kNone;
}

// What the user reads of an attempt's end.
std::string EndMessage(const RunSnapshot& run, int task, int number, const AttemptFinished& event) {
  std::string message = event.message;
  if (const RetryPolicy* policy = RetryPolicyOf(run, task)) {
    message = absl::StrCat("Attempt ", number, " of ", policy->max_retry_count() + 1, ": ", message);
  }
  if (!event.log_tail.empty()) absl::StrAppend(&message, "\nLast lines of its log:\n", event.log_tail);
  return message;
}

AttemptResult ResultOf(AttemptOutcome outcome) {
  if (outcome == AttemptOutcome::kSucceeded) return AttemptResult::kSucceeded;
  if (outcome == AttemptOutcome::kDisrupted) return AttemptResult::kDisrupted;
  return outcome == AttemptOutcome::kCancelled ? AttemptResult::kCanceled : AttemptResult::kFailed;
}

}  // namespace

absl::Status Engine::HearEvents(absl::Time now, PassResult& result) {
  for (ExecutorEvent& event : news_.events) {
    if (auto* finished = std::get_if<AttemptFinished>(&event)) {
      RETURN_IF_ERROR(HearEnd(*finished, now));
      ++result.events;
    } else if (auto* waiting = std::get_if<AttemptWaiting>(&event)) {
      HearWait(waiting->attempt_id, ToWaitReason(waiting->reason), std::move(waiting->message));
    } else if (const auto* started = std::get_if<AttemptStarted>(&event)) {
      asked_for_.erase(started->attempt_id);
      HearWait(started->attempt_id, WaitReason::kNone, "");
    } else if (const auto* never = std::get_if<AttemptNeverStarted>(&event)) {
      HearNeverStarted(never->attempt_id);
    }
  }
  for (AttemptEnd& end : news_.ends) {
    RETURN_IF_ERROR(OnEnd(end, now));
    ++result.events;
  }
  return absl::OkStatus();
}

// The run and the attempt of that id; nullptr if they are not, or no longer, driven here.
ActiveRun* Engine::RunOf(const std::string& attempt_id, const Attempt** attempt) {
  const auto found = attempts_.find(attempt_id);
  if (found == attempts_.end()) return nullptr;
  *attempt = &found->second;
  const auto run = runs_.find(found->second.run_id);
  return run == runs_.end() ? nullptr : &run->second;
}

void Engine::HearWait(const std::string& attempt_id, WaitReason reason, std::string message) {
  const Attempt* attempt = nullptr;
  ActiveRun* const run = RunOf(attempt_id, &attempt);
  if (run == nullptr) return;
  // Of a message that tells progress, what is stored would be old the next moment; the log has it.
  if (reason == WaitReason::kContent || reason == WaitReason::kEnvironment) message.clear();
  run->NoteAttemptWait(attempt->task, reason, Shorten(message, limits::kWaitMessageBytes));
}

// Its id was committed, its process was never made.
void Engine::HearNeverStarted(const std::string& attempt_id) {
  const auto asked = asked_for_.find(attempt_id);
  if (asked == asked_for_.end()) return;  // heard before, by a pass that failed
  Launch launch = std::move(asked->second);
  asked_for_.erase(asked);
  if (attempts_.contains(attempt_id)) {
    unstarted_.push_back(std::move(launch));
  } else {
    parts_.executors[launch.place].Unreserve(attempt_id);
    parts_.in_work.End(attempt_id);
  }
}

// If content has to be looked at first, the end comes back with what was seen.
absl::Status Engine::HearEnd(AttemptFinished& event, absl::Time now) {
  asked_for_.erase(event.attempt_id);
  const Attempt* attempt = nullptr;
  ActiveRun* const run = RunOf(event.attempt_id, &attempt);
  AttemptEnd end;
  std::vector<std::string> unknown;
  if (run != nullptr && event.outcome == AttemptOutcome::kSucceeded) {
    const TaskWorld& world = parts_.executors.world(attempt->place);
    const int task = attempt->task;
    end.outputs = TaskOutputsOf(
        world, run->snapshot(), task, [&] { return run->InputsOf(task); }, event.attempt_id, event.outputs);
    if (end.outputs.ok()) unknown = cache_.UnknownAtEnd(*run, task, world, event.outputs, *end.outputs);
  }
  if (unknown.empty()) {
    end.event = event;
    return OnEnd(end, now);
  }
  end.event = std::move(event);
  event = {};  // of no attempt: a pass that fails does not post it again
  parts_.worker.Post([inbox = inbox_, &content = parts_.content, uris = std::move(unknown),
                      end = std::make_shared<AttemptEnd>(std::move(end))] {
    const std::vector<std::string> versions = content.Versions(uris);
    for (size_t i = 0; i < uris.size(); ++i) end->versions[uris[i]] = versions[i];
    inbox->Add(std::move(*end));
  });
  return absl::OkStatus();
}

absl::Status Engine::OnEnd(AttemptEnd& end, absl::Time now) {
  const AttemptFinished& event = end.event;
  if (event.attempt_id.empty()) return absl::OkStatus();
  parts_.in_work.End(event.attempt_id);
  const Attempt* attempt = nullptr;
  ActiveRun* const run = RunOf(event.attempt_id, &attempt);
  if (run == nullptr) {  // of a run that was deleted
    // All are told, since nobody knows any more which of them had it.
    for (int place = 0; place < parts_.executors.size(); ++place) {
      forgotten_.emplace_back(place, event.attempt_id);
    }
    return absl::OkStatus();
  }
  forgotten_.emplace_back(attempt->place, event.attempt_id);
  const int task = attempt->task;
  AttemptEnded ended{task, event.attempt_id, ResultOf(event.outcome),
                     EndMessage(run->snapshot(), task, attempt->number, event), nullptr};
  if (ended.result == AttemptResult::kSucceeded && !end.outputs.ok()) {
    ended.result = AttemptResult::kFailed;
    ended.message = std::string(end.outputs.status().message());
  }
  if (ended.result == AttemptResult::kSucceeded) {
    TaskOutputs outputs = *end.outputs;
    RETURN_IF_ERROR(artifact_ids_.Give(outputs));
    cache_.NoteContents(*run, parts_.executors.world(attempt->place), event.outputs, end.versions, outputs);
    cache_.Keep(*run, task, end.versions, outputs, now);
    ended.outputs = std::make_shared<const TaskOutputs>(std::move(outputs));
    run->commit().outputs.emplace_back(task, ended.outputs);
  }
  TaskAttemptRow row = EndedAttempt(event, end.outputs.ok() ? "" : end.outputs.status().message());
  row.run_id = run->run_id();
  row.task_id = run->snapshot().tasks[task].task_id;
  row.number = attempt->number;
  row.place_sha256 = records_.PlaceOf(event.place, now);
  run->commit().attempts_ended.push_back(std::move(row));
  if (event.outcome == AttemptOutcome::kSucceeded || event.outcome == AttemptOutcome::kFailed) {
    durations_.Ended(attempt->component, now - attempt->begun_at);
  }
  attempts_.erase(event.attempt_id);
  parts_.metrics.tasks_ended.Increment();
  run->Decide(ended, now);
  return absl::OkStatus();
}

// Whether a task of the run was started (or found unstartable, which frees the way for the next).
bool Engine::StartNext(ActiveRun& run, int place, RoomKeeper* keeper, absl::Time now) {
  StartQueue& queue = run.queue(place);
  const int task = queue.tasks.front();
  if (!queue.next.has_value()) {
    absl::StatusOr<TaskLaunchPlan> plan = absl::UnknownError("");
    if (auto placed = run.PlaceOf(task); !placed.ok()) {
      plan = placed.status();
    } else if (auto inputs = run.InputsOf(task); inputs.ok()) {
      plan = PlanTaskLaunch(parts_.executors.world(place), run.snapshot(), task, *std::move(inputs),
                            run.snapshot().tasks[task].attempts + 1, parts_.ids.NewId());
    } else {
      plan = inputs.status();
    }
    if (!plan.ok()) {
      queue.tasks.pop_front();
      queue.refused_since = absl::InfiniteFuture();
      run.StoreCacheDecision(task);
      run.Decide(TaskUnstartable{task, plan.status()}, now);
      return true;
    }
    queue.next = *std::move(plan);
    Track(place, run.snapshot(), task, queue.next->spec);
  }
  const std::string attempt_id = queue.next->spec.attempt_id;
  const ResourceRequest charge = parts_.executors[place].ChargeOf(queue.next->spec.resources);
  std::string component = ComponentKey(run.snapshot(), task);
  const bool admitted = keeper == nullptr || keeper->Admits(component, charge);
  if (!admitted || !parts_.executors[place].Reserve(attempt_id, queue.next->spec.resources)) {
    queue.refused_since = std::min(queue.refused_since, now);
    return false;
  }
  if (keeper != nullptr) keeper->Took(charge);
  TaskLaunchPlan plan = *std::exchange(queue.next, std::nullopt);
  queue.tasks.pop_front();
  queue.refused_since = absl::InfiniteFuture();
  run.StoreCacheDecision(task);
  TaskAttemptRow row = BegunAttempt(plan.spec, parts_.executors.name(place), now);
  row.setup_sha256 = records_.SetupOf(plan, now);
  run.commit().attempts_begun.push_back(std::move(row));
  const bool first = plan.spec.attempt_number == run.snapshot().tasks[task].attempts_before + 1;
  // The inputs are the same for every attempt, and stored once.
  if (first) run.commit().inputs.emplace_back(task, std::move(plan.inputs));
  attempts_[attempt_id] = {run.run_id(), task, plan.spec.attempt_number, place, std::move(component),
                           charge,       now};
  parts_.in_work.Begin(attempt_id, run.run_id());
  run.Decide(TaskStarting{task, attempt_id}, now);
  parts_.executors[place].Announce(plan.spec);
  starting_.push_back({place, std::move(plan.spec)});
  return true;
}

void Engine::Track(int place, const RunSnapshot& run, int task, LaunchSpec& spec) const {
  const bool reaches = options_.tracking.reaches_everywhere || parts_.executors.world(place).sees_server_disk;
  if (reaches) AddTaskTracking(options_.tracking, run, task, spec);
}

// Starts the attempt, or keeps it for the next pass when the executor takes nothing just now.
void Engine::Start(Launch launch) {
  const LaunchSpec& spec = launch.spec;
  const absl::Status status = parts_.executors[launch.place].Start(spec);
  // ALREADY_EXISTS: it was started before, and its end will come as an event.
  if (status.ok() || absl::IsAlreadyExists(status)) {
    parts_.metrics.tasks_started.Increment();
    return;
  }
  spdlog::warn("task cannot be started run={} task={} attempt={} error={}", spec.run_id,
               LogValue(spec.task_name), spec.attempt_id, LogValue(status.ToString()));
  if (error::IsTransient(status)) {
    unstarted_.push_back(std::move(launch));
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
  finished.finished_at = parts_.clock.Now();
  inbox_->Add(std::move(finished));
}

void Engine::Cancel(const std::string& attempt_id) {
  // First those that no executor was given: none would ever tell their end.
  const auto unstarted = std::find_if(unstarted_.begin(), unstarted_.end(), [&](const Launch& launch) {
    return launch.spec.attempt_id == attempt_id;
  });
  if (unstarted != unstarted_.end()) {
    unstarted_.erase(unstarted);
    EndUnstarted(attempt_id, AttemptOutcome::kCancelled, "The run was terminated before this task started");
    return;
  }
  const auto attempt = attempts_.find(attempt_id);
  if (attempt != attempts_.end()) (void)parts_.executors[attempt->second.place].Cancel(attempt_id);
}

}  // namespace penstock
