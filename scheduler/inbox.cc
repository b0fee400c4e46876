#include "scheduler/inbox.h"

#include <iterator>
#include <utility>
#include <variant>

namespace penstock {
namespace {

template <typename T>
void AddAll(std::vector<T> more, std::vector<T>* to) {
  std::move(more.begin(), more.end(), std::back_inserter(*to));
}

}  // namespace

void News::Append(News more) {
  AddAll(std::move(more.events), &events);
  AddAll(std::move(more.ends), &ends);
  AddAll(std::move(more.lookups), &lookups);
  changed_runs.merge(more.changed_runs);
}

void Inbox::Add(ExecutorEvent event) {
  absl::MutexLock lock(&mutex_);
  if (const auto* waiting = std::get_if<AttemptWaiting>(&event)) {
    waiting_.insert(waiting->attempt_id);
    has_event_to_hear_ = true;
  } else if (const auto* started = std::get_if<AttemptStarted>(&event)) {
    if (waiting_.erase(started->attempt_id) > 0) has_event_to_hear_ = true;
  } else {
    if (const auto* finished = std::get_if<AttemptFinished>(&event)) waiting_.erase(finished->attempt_id);
    has_event_to_hear_ = true;
  }
  news_.events.push_back(std::move(event));
}

void Inbox::Add(AttemptEnd end) {
  absl::MutexLock lock(&mutex_);
  news_.ends.push_back(std::move(end));
}

void Inbox::Add(CacheLookups lookups) {
  absl::MutexLock lock(&mutex_);
  AddAll(std::move(lookups), &news_.lookups);
}

void Inbox::AddChangedRun(absl::string_view run_id) {
  absl::MutexLock lock(&mutex_);
  news_.changed_runs.emplace(run_id);
}

News Inbox::Take() {
  absl::MutexLock lock(&mutex_);
  has_event_to_hear_ = false;
  return std::exchange(news_, {});
}

CacheLookups Inbox::TakeLookups() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(news_.lookups, {});
}

bool Inbox::HasSomethingToDo() const {
  return has_event_to_hear_ || !news_.ends.empty() || !news_.lookups.empty() || !news_.changed_runs.empty();
}

bool Inbox::Await(absl::Duration pause, bool only_stop) {
  absl::MutexLock lock(&mutex_);
  const auto something = [this]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stop_ || HasSomethingToDo(); };
  if (only_stop) {
    mutex_.AwaitWithTimeout(absl::Condition(&stop_), pause);
  } else {
    mutex_.AwaitWithTimeout(absl::Condition(&something), pause);
  }
  return stop_;
}

void Inbox::Stop() {
  absl::MutexLock lock(&mutex_);
  stop_ = true;
}

}  // namespace penstock
