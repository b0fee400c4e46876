#include "common/spec/document_cache.h"

namespace penstock {

std::shared_ptr<const PipelineDocument> DocumentCache::Find(absl::string_view sha256_hex) {
  absl::MutexLock lock(&mutex_);
  const auto found = index_.find(sha256_hex);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void DocumentCache::Put(absl::string_view sha256_hex, std::shared_ptr<const PipelineDocument> document) {
  absl::MutexLock lock(&mutex_);
  if (index_.contains(sha256_hex)) return;
  entries_.emplace_front(std::string(sha256_hex), std::move(document));
  index_[entries_.front().first] = entries_.begin();
  if (entries_.size() > documents_max_) {
    index_.erase(entries_.back().first);
    entries_.pop_back();
  }
}

}  // namespace penstock
