// What the contract's tests, and others of executors, wait and listen with.
#include <poll.h>

#include <chrono>
#include <utility>

#include "tests/contract/executor_contract.h"

namespace penstock {

bool Eventually(const std::function<bool()>& condition, absl::Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(patience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    poll(nullptr, 0, 2);
  }
  return true;
}

Executor::EventSink EventLog::Sink() {
  return [this](ExecutorEvent event) { Add(std::move(event)); };
}

void EventLog::Add(ExecutorEvent event) {
  absl::MutexLock lock(&mutex_);
  ++events_[std::visit([](const auto& any) { return any.attempt_id; }, event)];
  if (const auto* never = std::get_if<AttemptNeverStarted>(&event)) {
    never_started_.insert(never->attempt_id);
  } else if (const auto* waiting = std::get_if<AttemptWaiting>(&event)) {
    waiting_[waiting->attempt_id] = *waiting;
  } else if (const auto* started = std::get_if<AttemptStarted>(&event)) {
    ++started_[started->attempt_id];
  } else if (auto* finished = std::get_if<AttemptFinished>(&event)) {
    finished_[finished->attempt_id].push_back(std::move(*finished));
  }
}

AttemptFinished EventLog::AwaitFinished(const std::string& attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto has_finished = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return finished_.count(attempt_id) > 0;
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&has_finished), kContractPatience)) {
    ADD_FAILURE() << "no end of attempt " << attempt_id;
    return {};
  }
  return finished_[attempt_id].front();
}

bool EventLog::AwaitStarted(const std::string& attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto has_started = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return started_.count(attempt_id) > 0;
  };
  return mutex_.AwaitWithTimeout(absl::Condition(&has_started), kContractPatience);
}

AttemptWaiting EventLog::AwaitWaiting(const std::string& attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto waits = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return waiting_.count(attempt_id) > 0; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&waits), kContractPatience)) {
    ADD_FAILURE() << "attempt " << attempt_id << " does not say that it waits";
    return {};
  }
  return waiting_[attempt_id];
}

bool EventLog::AwaitAnswer(const std::string& attempt_id, int count) {
  absl::MutexLock lock(&mutex_);
  const auto answered = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return events_[attempt_id] > count; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&answered), kContractPatience)) {
    ADD_FAILURE() << "no answer about attempt " << attempt_id;
  }
  return never_started_.count(attempt_id) > 0;
}

int EventLog::Count(const std::string& attempt_id) const {
  absl::MutexLock lock(&mutex_);
  const auto it = events_.find(attempt_id);
  return it == events_.end() ? 0 : it->second;
}

bool Fits(Executor& executor, const ResourceRequest& request) {
  constexpr char kProbe[] = "probe";
  const bool fits = executor.Reserve(kProbe, request);
  if (fits) executor.Unreserve(kProbe);
  return fits;
}

std::vector<std::string> Reattached(Executor& executor, EventLog& events,
                                    const std::vector<LaunchSpec>& specs) {
  std::vector<int> counts;
  for (const LaunchSpec& spec : specs) counts.push_back(events.Count(spec.attempt_id));
  executor.Reattach(specs);
  std::vector<std::string> never_started;
  for (size_t i = 0; i < specs.size(); ++i) {
    if (events.AwaitAnswer(specs[i].attempt_id, counts[i])) never_started.push_back(specs[i].attempt_id);
  }
  return never_started;
}

int EventLog::FinishedCount(const std::string& attempt_id) const {
  absl::MutexLock lock(&mutex_);
  const auto it = finished_.find(attempt_id);
  return it == finished_.end() ? 0 : static_cast<int>(it->second.size());
}

}  // namespace penstock
