// Things in use, kept by a text key: bounded, least recently used first out.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace penstock {

// Thread-safe. What was found stays alive for as long as the finder holds it.
template <typename T>
class LruCache {
 public:
  explicit LruCache(size_t entries_max) : entries_max_(entries_max) {}

  // The entry, or nullptr.
  std::shared_ptr<const T> Find(absl::string_view key) {
    absl::MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->second;
  }

  // Keeps an entry that is there already.
  void Put(absl::string_view key, std::shared_ptr<const T> value) {
    absl::MutexLock lock(&mutex_);
    if (index_.contains(key)) return;
    entries_.emplace_front(std::string(key), std::move(value));
    index_[entries_.front().first] = entries_.begin();
    if (entries_.size() <= entries_max_) return;
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }

  void Remove(absl::string_view key) {
    absl::MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    entries_.erase(found->second);
    index_.erase(found);
  }

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const T>>;

  const size_t entries_max_;
  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  absl::flat_hash_map<std::string, typename std::list<Entry>::iterator> index_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
