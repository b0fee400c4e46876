// Tells all who watch something of its changes, with one read of the database for all who watch the same.
//
// Hints (Topic::kRunChanges) make it fast: what a hint names is read at once. Polling makes it correct: what had no hint
// is read every few seconds.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "server/context.h"
#include "server/watch/watched.h"

namespace penstock {

// One who watches. Its calls come one after the other, from threads of the hub, and must return at once.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void Send(WatchMessage message) = 0;
  // The last call.
  virtual void End(const absl::Status& status) = 0;
};

// Thread-safe.
class WatchHub {
 public:
  using Maker = std::function<std::unique_ptr<Watched>()>;

  // `deps` outlives it.
  explicit WatchHub(Deps& deps);
  ~WatchHub();

  // From now on `watcher` hears of what `key` names: first all of it, then what changes. `make` makes that if nobody
  // watches it yet. RESOURCE_EXHAUSTED if too much is watched already, UNAVAILABLE after Stop: then it hears nothing.
  absl::Status Join(const std::string& key, const Maker& make, std::shared_ptr<Watcher> watcher);

  // May be called at any time, also by a watcher that has been ended. What is on its way to it still comes.
  void Leave(const std::string& key, const Watcher& watcher);

  // Ends all who watch, and refuses whoever comes later.
  void Stop();

 private:
  // Those who watch the same.
  struct Group {
    std::string key;
    std::unique_ptr<Watched> watched;  // of the thread that reads, while `reading`
    std::string run_id;
    std::vector<std::shared_ptr<Watcher>> watchers;
    std::vector<std::shared_ptr<Watcher>> newcomers;  // who have had nothing yet
    bool reading = false;
    bool changed = false;  // since the last read began
    absl::Time read_at = absl::InfinitePast();
    absl::Time not_before = absl::InfinitePast();  // of the next read
    absl::Time due = absl::InfiniteFuture();       // as in due_
    int64_t bytes = 0;
  };
  using Groups = absl::flat_hash_map<std::string, std::shared_ptr<Group>>;

  void Hear(absl::string_view run_id);
  void Work();
  void SpreadChanges(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Note(Group& group, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetDue(Group& group, absl::Time due) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Read(const std::shared_ptr<Group>& group);
  void Deliver(Group& group, const absl::StatusOr<Watched::News>& news, absl::Duration took);
  void Remove(Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Deps& deps_;
  absl::Mutex mutex_;
  absl::CondVar wake_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int watchers_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  Groups groups_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<std::string, absl::flat_hash_set<Group*>> by_run_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, Group*>> due_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::string> heard_ ABSL_GUARDED_BY(mutex_);  // runs; an empty one stands for all
  std::vector<std::thread> threads_;
};

}  // namespace penstock
