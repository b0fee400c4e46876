#include "server/watch/watch_hub.h"

#include <algorithm>

#include "common/limits.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr int kThreads = 2;  // a large run does not keep the others waiting
// Between two reads of the same. What is dear is read less often.
constexpr absl::Duration kShortest = absl::Milliseconds(40);
constexpr absl::Duration kLongest = absl::Seconds(5);
constexpr int kRestFactor = 4;
constexpr absl::Duration kPoll = absl::Seconds(5);
constexpr absl::Duration kFresh = absl::Milliseconds(200);  // how old what a newcomer gets may be
constexpr absl::Duration kAgain = absl::Seconds(1);         // after an error that may pass
constexpr size_t kHeardMax = 1000;

// Threads wait for real time, whatever clock a test gives to handlers.
absl::Time Now() { return RealClock::Instance().Now(); }

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsAborted(status) ||
         absl::IsDeadlineExceeded(status);
}

}  // namespace

WatchHub::WatchHub(Deps& deps) : deps_(deps) {
  deps_.store.notifier().Listen(Topic::kRunChanges, [this](absl::string_view run_id) { Hear(run_id); });
  for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
}

WatchHub::~WatchHub() {
  Stop();
  deps_.store.notifier().StopListening(Topic::kRunChanges);
  for (std::thread& thread : threads_) thread.join();
}

void WatchHub::Hear(absl::string_view run_id) {
  absl::MutexLock lock(&mutex_);
  if (groups_.empty()) return;
  heard_.emplace(heard_.size() < kHeardMax ? run_id : "");
  wake_.Signal();
}

absl::Status WatchHub::Join(const std::string& key, const Maker& make, std::shared_ptr<Watcher> watcher) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return error::ServerStops();
  if (watchers_ >= limits::kWatchers) return error::WatchesTooMany(limits::kWatchers);
  std::shared_ptr<Group>& group = groups_[key];
  if (group == nullptr) {
    if (bytes_ >= limits::kWatchedBytes) {
      groups_.erase(key);
      return error::WatchedTooMuch();
    }
    group = std::make_shared<Group>();
    group->key = key;
    group->watched = make();
    group->run_id = group->watched->run_id();
    by_run_[group->run_id].insert(group.get());
  }
  ++watchers_;
  group->newcomers.push_back(std::move(watcher));
  if (!group->reading) SetDue(*group, std::min(group->due, Now()));
  wake_.Signal();
  return absl::OkStatus();
}

void WatchHub::Leave(const std::string& key, const Watcher& watcher) {
  absl::MutexLock lock(&mutex_);
  const auto found = groups_.find(key);
  if (found == groups_.end()) return;
  const std::shared_ptr<Group> group = found->second;
  for (auto* list : {&group->watchers, &group->newcomers}) {
    const auto left =
        std::remove_if(list->begin(), list->end(), [&](const auto& one) { return one.get() == &watcher; });
    watchers_ -= static_cast<int>(list->end() - left);
    list->erase(left, list->end());
  }
  if (group->watchers.empty() && group->newcomers.empty()) Remove(*group);
}

void WatchHub::Stop() {
  std::vector<std::shared_ptr<Watcher>> all;
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    wake_.SignalAll();
    while (!groups_.empty()) {
      const std::shared_ptr<Group> group = groups_.begin()->second;
      for (const auto* list : {&group->watchers, &group->newcomers}) {
        all.insert(all.end(), list->begin(), list->end());
      }
      Remove(*group);
    }
  }
  for (const auto& watcher : all) watcher->End(error::ServerStops());
}

// A thread that reads it goes on, and finds nobody to tell.
void WatchHub::Remove(Group& group) {
  SetDue(group, absl::InfiniteFuture());
  watchers_ -= static_cast<int>(group.watchers.size() + group.newcomers.size());
  group.watchers.clear();
  group.newcomers.clear();
  bytes_ -= group.bytes;
  group.bytes = 0;
  const auto of_run = by_run_.find(group.run_id);
  if (of_run != by_run_.end() && of_run->second.erase(&group) > 0 && of_run->second.empty()) {
    by_run_.erase(of_run);
  }
  const auto found = groups_.find(group.key);
  if (found != groups_.end() && found->second.get() == &group) groups_.erase(found);
}

void WatchHub::SetDue(Group& group, absl::Time due) {
  if (group.due != absl::InfiniteFuture()) due_.erase({group.due, &group});
  group.due = due;
  if (due != absl::InfiniteFuture()) due_.emplace(due, &group);
}

void WatchHub::Note(Group& group, absl::Time now) {
  group.changed = true;
  if (!group.reading) SetDue(group, std::min(group.due, std::max(now, group.not_before)));
}

void WatchHub::SpreadChanges(absl::Time now) {
  if (heard_.contains("")) {
    for (auto& [key, group] : groups_) Note(*group, now);
  } else if (!heard_.empty()) {
    heard_.emplace("");  // lists, which are of no run, may change with any
    for (const std::string& run_id : heard_) {
      const auto of_run = by_run_.find(run_id);
      if (of_run == by_run_.end()) continue;
      for (Group* group : of_run->second) Note(*group, now);
    }
  }
  heard_.clear();
}

void WatchHub::Work() {
  absl::MutexLock lock(&mutex_);
  while (!stopping_) {
    const absl::Time now = Now();
    SpreadChanges(now);
    const auto next = due_.begin();
    if (next == due_.end() || next->first > now) {
      wake_.WaitWithDeadline(&mutex_, next == due_.end() ? absl::InfiniteFuture() : next->first);
      continue;
    }
    const auto found = groups_.find(next->second->key);
    const std::shared_ptr<Group> group = found->second;
    SetDue(*group, absl::InfiniteFuture());
    group->reading = true;
    // Who comes after others gets what was read for them.
    const bool is_read =
        group->changed || now >= group->read_at + kFresh || group->read_at == absl::InfinitePast();
    if (is_read) {
      group->changed = false;
      group->read_at = now;
    }
    mutex_.Unlock();
    if (is_read) {
      Read(group);
    } else {
      Deliver(*group, Watched::News{}, absl::ZeroDuration());
    }
    mutex_.Lock();
  }
}

void WatchHub::Read(const std::shared_ptr<Group>& group) {
  const absl::Time begun = Now();
  absl::StatusOr<Watched::News> news;
  {
    RequestContext context{deps_, /*principal=*/"", deps_.clock.Now() + kAgain, [] { return false; },
                           deps_.memory.Begin()};
    news = group->watched->Read(context);
  }
  Deliver(*group, news, Now() - begun);
}

void WatchHub::Deliver(Group& group, const absl::StatusOr<Watched::News>& news, absl::Duration took) {
  std::vector<std::shared_ptr<Watcher>> told;
  std::vector<std::shared_ptr<Watcher>> newcomers;
  const bool is_over = news.ok() ? news->ended : !MayPass(news.status());
  {
    absl::MutexLock lock(&mutex_);
    newcomers = group.newcomers;
    if (is_over || news.ok()) told = group.watchers;
    if (is_over) {
      Remove(group);
    } else if (news.ok()) {
      group.watchers.insert(group.watchers.end(), newcomers.begin(), newcomers.end());
      group.newcomers.clear();
    } else {
      // Who has had something waits until it passes; the others hear of it.
      watchers_ -= static_cast<int>(newcomers.size());
      group.newcomers.clear();
      if (group.watchers.empty()) Remove(group);
    }
  }
  if (news.ok()) {
    if (news->change != nullptr) {
      for (const auto& watcher : told) watcher->Send(news->change);
    }
    if (!newcomers.empty()) {
      for (const WatchMessage& part : group.watched->Whole()) {
        for (const auto& watcher : newcomers) watcher->Send(part);
      }
    }
  }
  if (is_over || !news.ok()) {
    const absl::Status status = news.status();
    for (const auto* list : {&told, &newcomers}) {
      for (const auto& watcher : *list) watcher->End(status);
    }
  }
  absl::MutexLock lock(&mutex_);
  group.reading = false;
  const auto found = groups_.find(group.key);
  if (found == groups_.end() || found->second.get() != &group) return;
  bytes_ += group.watched->bytes() - group.bytes;
  group.bytes = group.watched->bytes();
  const absl::Time now = Now();
  if (took > absl::ZeroDuration()) {
    group.not_before = now + std::clamp(kRestFactor * took, kShortest, kLongest);
  }
  if (!news.ok()) {
    group.changed = true;
    group.not_before = now + kAgain;
  }
  absl::Time due = group.changed ? std::max(now, group.not_before) : group.read_at + kPoll;
  if (!group.newcomers.empty()) due = now;
  SetDue(group, due);
  wake_.Signal();
}

}  // namespace penstock
