// Things in use, kept by a text key: bounded, least recently used first out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
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
  explicit LruCache(size_t entries_max, int64_t bytes_max = INT64_MAX)
      : entries_max_(entries_max), bytes_max_(bytes_max) {}

  // The entry, or nullptr.
  std::shared_ptr<const T> Find(absl::string_view key) {
    absl::MutexLock lock(&mutex_);
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->value;
  }

  // Keeps an entry that is there already. `bytes` is what this one takes; if that is more than all may, it is not kept.
  void Put(absl::string_view key, std::shared_ptr<const T> value, int64_t bytes = 0) {
    absl::MutexLock lock(&mutex_);
    if (bytes > bytes_max_ || index_.contains(key)) return;
    entries_.push_front({std::string(key), std::move(value), bytes});
    index_[entries_.front().key] = entries_.begin();
    bytes_ += bytes;
    while (entries_.size() > entries_max_ || bytes_ > bytes_max_) Erase(std::prev(entries_.end()));
  }

  // Forgets the entries that take more than `bytes`.
  void RemoveLarger(int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto next = std::next(entry);
      if (entry->bytes > bytes) Erase(entry);
      entry = next;
    }
  }

  void Remove(absl::string_view key) {
    absl::MutexLock lock(&mutex_);
    if (const auto found = index_.find(key); found != index_.end()) Erase(found->second);
  }

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const T> value;
    int64_t bytes;
  };

  void Erase(typename std::list<Entry>::iterator entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    bytes_ -= entry->bytes;
    index_.erase(entry->key);
    entries_.erase(entry);
  }

  const size_t entries_max_;
  const int64_t bytes_max_;
  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_map<std::string, typename std::list<Entry>::iterator> index_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
