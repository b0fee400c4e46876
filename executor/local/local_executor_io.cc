// The I/O thread of LocalExecutor: events of the supervisor, and what to do when it dies.
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "executor/local/launch.h"
#include "executor/local/local_executor.h"
#include "executor/local/machine.h"
#include "executor/parts/launch_request.h"
#include "executor/posix/start_files.h"
#include "executor/python/env_store.h"
#include "executor/python/installed.h"
#include "spdlog/spdlog.h"

namespace penstock {
namespace {

constexpr int kFirstRetryMs = 50;
constexpr int kMaxRetryMs = 5'000;
// While somebody waits for an environment, whose record is a file that nobody announces.
constexpr int kLookForEnvironmentsMs = 100;
// While a launcher may bring or upload something: it tells of what takes longer than that, in a file too.
constexpr int kLookForProgressMs = 1'000;

bool IsEnvKey(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

void LocalExecutor::Run() {
  int failures = 0;
  std::vector<wire::Event> events;
  while (true) {
    RunnerLink* link = nullptr;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) return;
      events.insert(events.end(), std::make_move_iterator(queued_.begin()),
                    std::make_move_iterator(queued_.end()));
      queued_.clear();
      link = link_.get();
    }
    // Without the lock: outputs are read, and the engine is told.
    for (wire::Event& event : events) Handle(std::move(event));
    events.clear();
    TellBuiltEnvironments();
    TellProgress();
    ResumeParked();
    MeasureIfWanted();
    if (link == nullptr) {
      Reconnect(&failures);
    } else if (WaitForInput(link) && !link->Read(&events)) {
      spdlog::error("the supervisor of local tasks, process {}, is gone", link->runner_pid());
      absl::MutexLock lock(&mutex_);
      link_.reset();
    }
  }
}

// Waits for the supervisor or for Wake. True if the supervisor has something to say.
bool LocalExecutor::WaitForInput(RunnerLink* link) {
  pollfd waiting[2] = {{.fd = link->fd(), .events = POLLIN}, {.fd = wake_.get(), .events = POLLIN}};
  int patience_ms = -1;
  {
    absl::MutexLock lock(&mutex_);
    if (room_wanted_at_ms_ > 0) patience_ms = kMeasureAgainMs;
    if (!launching_.empty()) patience_ms = kLookForProgressMs;
    if (!awaiting_env_.empty() || !parked_.empty()) patience_ms = kLookForEnvironmentsMs;
    link->Flush();
    if (link->has_unsent()) waiting[0].events |= POLLOUT;
  }
  if (poll(waiting, 2, patience_ms) <= 0) return false;
  if (waiting[1].revents != 0) {
    uint64_t count = 0;
    [[maybe_unused]] const ssize_t n = read(wake_.get(), &count, sizeof(count));
  }
  return (waiting[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
}

void LocalExecutor::Reconnect(int* failures) {
  RunnerSnapshot snapshot;
  absl::StatusOr<std::unique_ptr<RunnerLink>> link =
      RunnerLink::Connect(runner_dir_, options_.runner_path, HelloOf(options_), &snapshot);
  if (link.ok()) {
    *failures = 0;
    spdlog::info("the supervisor of local tasks is process {}", (*link)->runner_pid());
    Adopt(*std::move(link), snapshot);
    return;
  }
  if ((*failures)++ == 0) spdlog::error("{}", std::string(link.status().message()));
  pollfd waiting = {.fd = wake_.get(), .events = POLLIN};
  poll(&waiting, 1, std::min(kFirstRetryMs << std::min(*failures, 7), kMaxRetryMs));
  uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = read(wake_.get(), &count, sizeof(count));
}

// Takes a new connection and brings together what we believe and what the supervisor knows.
void LocalExecutor::Adopt(std::unique_ptr<RunnerLink> link, const RunnerSnapshot& snapshot) {
  absl::MutexLock lock(&mutex_);
  link_ = std::move(link);
  welcome_ = snapshot.welcome;
  std::unordered_map<std::string, const wire::Event*> known;
  for (const wire::Event& event : snapshot.events) {
    std::visit(
        [&](const auto& message) {
          // Of two events of an attempt the later one stays.
          if constexpr (requires { message.id; }) known[message.id] = &event;
        },
        event);
  }
  unclaimed_.clear();
  for (const auto& [id, event] : known) {
    if (Known(id) == nullptr) {
      unclaimed_.emplace(id, *event);
    } else {
      queued_.push_back(*event);
    }
  }
  for (auto& [id, attempt] : attempts_) {
    if (attempt.phase != Phase::kSent && attempt.phase != Phase::kRunning) continue;
    if (known.count(id) == 0) {
      if (attempt.phase == Phase::kRunning) {
        QueueEnd(id, wire::Ending::kLost, "The supervisor that ran it died and left no record of it.");
        continue;
      }
      if (attempt.was_sent && MayHaveRun(id)) {
        QueueEnd(id, wire::Ending::kLost,
                 "The supervisor's records do not have it; whether it ran is not known.");
        continue;
      }
      link_->Send(attempt.frame);  // no supervisor has read it
      attempt.was_sent = true;
    }
    if (attempt.cancel_requested) link_->Send(wire::CancelRequest{.id = id});
  }
}

void LocalExecutor::Handle(wire::Event event) {
  if (const auto* started = std::get_if<wire::Started>(&event)) {
    HandleStarted(*started);
  } else if (auto* finished = std::get_if<wire::Finished>(&event)) {
    HandleFinished(std::move(*finished));
  }
}

void LocalExecutor::HandleStarted(const wire::Started& started) {
  {
    absl::MutexLock lock(&mutex_);
    Attempt* const attempt = Known(started.id);
    if (attempt == nullptr) {
      unclaimed_.emplace(started.id, started);
      return;
    }
    if (attempt->phase == Phase::kFinished) return;
    attempt->phase = Phase::kRunning;
    attempt->frame = {};
    if (awaiting_env_.count(started.id) > 0) {
      return;  // it runs penstock-env; TellBuiltEnvironments says when its command begins
    }
  }
  sink_(AttemptStarted{.attempt_id = started.id, .at = absl::FromUnixMicros(started.at_us)});
}

// An environment says by its record that it is there: whoever waited for it goes on by itself.
void LocalExecutor::TellBuiltEnvironments() {
  std::map<std::string, std::string> awaiting;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [id, key] : awaiting_env_) {
      const Attempt* const attempt = Known(id);
      if (attempt != nullptr && attempt->phase == Phase::kRunning) awaiting.emplace(id, key);
    }
  }
  for (const auto& [id, key] : awaiting) {
    if (!python_.IsBuilt(key)) continue;
    {
      absl::MutexLock lock(&mutex_);
      awaiting_env_.erase(id);
    }
    sink_(AttemptStarted{.attempt_id = id, .at = clock_.Now()});
  }
}

// A launcher that is at it for long says how far it is; the file is gone when the command runs, or all is done.
void LocalExecutor::TellProgress() {
  std::map<std::string, std::string> launching;
  const int64_t now_ms = absl::ToUnixMillis(clock_.Now());
  {
    absl::MutexLock lock(&mutex_);
    if (launching_.empty() && progress_.empty()) return;
    if (now_ms >= progress_at_ms_ && now_ms - progress_at_ms_ < kLookForProgressMs) return;
    launching = launching_;
  }
  progress_at_ms_ = now_ms;
  std::erase_if(progress_, [&](const auto& told) { return !launching.contains(told.first); });
  for (const auto& [id, work_dir] : launching) {
    std::string text =
        ReadStartFile(work_dir, std::string_view(kLaunchProgressFile.data(), kLaunchProgressFile.size()));
    std::string& told = progress_[id];
    if (text == told) continue;
    const bool was_at_it = !std::exchange(told, text).empty();
    if (!text.empty()) {
      sink_(AttemptWaiting{.attempt_id = id, .reason = AttemptWait::kContent, .message = std::move(text)});
    } else if (was_at_it) {
      sink_(AttemptStarted{.attempt_id = id, .at = clock_.Now()});
    }
  }
}

std::optional<LocalExecutor::Ended> LocalExecutor::TakeEnded(wire::Finished& finished) {
  absl::MutexLock lock(&mutex_);
  Attempt* const attempt = Known(finished.id);
  if (attempt == nullptr) {
    std::string id = finished.id;
    unclaimed_.insert_or_assign(std::move(id), std::move(finished));
    return std::nullopt;
  }
  Ended ended;
  launching_.erase(finished.id);
  if (auto awaited = awaiting_env_.extract(finished.id); !awaited.empty()) {
    ended.awaited_env = std::move(awaited.mapped());
  }
  if (attempt->phase == Phase::kFinished) return std::nullopt;
  attempt->phase = Phase::kFinished;
  attempt->frame = {};
  slots_.Release(attempt->charge);
  ended.outputs = std::move(attempt->outputs);
  ended.log_path = std::move(attempt->log_path);
  ended.image = std::move(attempt->image);
  ended.work_dir = attempt->work_dir;
  ended.may_begin_as_env = attempt->may_begin_as_env;
  ended.timeout = attempt->timeout;
  return ended;
}

void LocalExecutor::HandleFinished(wire::Finished finished) {
  const std::optional<Ended> ended = TakeEnded(finished);
  if (!ended.has_value()) return;
  // It began and ended between two looks at the environments.
  if (!ended->awaited_env.empty() && python_.IsBuilt(ended->awaited_env)) {
    sink_(AttemptStarted{.attempt_id = finished.id, .at = absl::FromUnixMicros(finished.started_at_us)});
  }
  AttemptFinished event = FinishedEvent(finished, ended->timeout);
  if (event.outcome == AttemptOutcome::kSucceeded) {
    if (!ended->outputs.empty()) event.outputs = ReadOutputs(ended->outputs);
  } else if (finished.ending != wire::Ending::kNotStarted && !ended->log_path.empty()) {
    event.log_tail = ReadLogTail(ended->log_path);
  }
  if (event.outcome == AttemptOutcome::kFailed) ExplainFailure(finished, *ended, &event);
  // It built an environment for others too, which would fail in the same way.
  if (!ended->awaited_env.empty() && finished.exit_code == kStartFailedExit) {
    FailParked(ended->awaited_env, event.message);
  }
  NamePackages(*ended, &event);
  if (finished.ending != wire::Ending::kNotStarted) event.place = Place();
  sink_(std::move(event));
}

// This machine, read once, with the interpreter that tasks find first.
std::shared_ptr<const AttemptPlace> LocalExecutor::Place() {
  std::shared_ptr<const Interpreter> interpreter = python_.KnownInterpreter();
  if (place_ != nullptr && place_interpreter_ == interpreter) return place_;
  auto place = std::make_shared<AttemptPlace>();
  place->machine = place_ != nullptr ? place_->machine : ReadMachine();
  if (interpreter != nullptr) place->interpreter = *interpreter;
  place_interpreter_ = std::move(interpreter);
  place_ = std::move(place);
  return place_;
}

void LocalExecutor::ExplainFailure(const wire::Finished& finished, const Ended& ended,
                                   AttemptFinished* event) const {
  std::string why;
  // What an attempt begins as has left the reason in a file. Without it the code is the task's own.
  if (finished.ending == wire::Ending::kExited && finished.exit_code == kStartFailedExit) {
    why = ReadStartFile(ended.work_dir, kStartErrorFile);
  }
  if (why.empty()) {
    const std::string log_end =
        event->log_tail.empty() ? "" : ReadLogTail(ended.log_path, limits::kLogCauseBytes);
    why = WithCause(event->message, finished, log_end, {ended.image, options_.python});
  }
  event->message = std::move(why);
  const std::string notes = ReadStartFile(ended.work_dir, kInputNotesFile);
  if (!notes.empty()) event->message += " " + notes;
}

// Before the work directory is given up; and the shared environment may be removed later too.
void LocalExecutor::NamePackages(const Ended& ended, AttemptFinished* event) const {
  EnvRecord record;
  if (ended.may_begin_as_env) {
    event->environment = ReadStartFile(ended.work_dir, kEnvironmentFile);
    if (!IsEnvKey(event->environment) ||
        !EnvStore(options_.data_dir + "/envs").ReadRecord(event->environment, &record)) {
      event->environment.clear();
    }
  }
  event->packages = PackagesText(record.packages, python_.OwnPackages(ended.work_dir));
}

}  // namespace penstock
