// What the contract's tests, and others of executors, wait and listen with.
#include <poll.h>

#include <chrono>
#include <utility>

#include "tests/contract/executor_contract.h"

namespace penstock {

bool Eventually(const std::function<bool()>& condition, absl::Duration patience) {
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoMilliseconds(patience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    poll(nullptr, 0, 2);
  }
  return true;
}

Executor::EventSink EventLog::Sink() {
  return [this](ExecutorEvent event) { Add(std::move(event)); };
}

void EventLog::Add(ExecutorEvent event) {
  absl::MutexLock lock(&mutex_);
  if (const auto* started = std::get_if<AttemptStarted>(&event)) {
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

int EventLog::FinishedCount(const std::string& attempt_id) const {
  absl::MutexLock lock(&mutex_);
  const auto it = finished_.find(attempt_id);
  return it == finished_.end() ? 0 : static_cast<int>(it->second.size());
}

}  // namespace penstock
