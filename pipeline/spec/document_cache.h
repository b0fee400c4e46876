// The pipelines in use, parsed, by their digest.
#pragma once

#include <memory>

#include "common/limits.h"
#include "common/lru_cache.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// Bounded in number, and in the bytes that all of them take. Thread-safe.
class DocumentCache {
 public:
  explicit DocumentCache(size_t entries_max) : documents_(entries_max, limits::kCachedDocumentBytes) {}

  // The pipeline, or nullptr.
  std::shared_ptr<const PipelineDocument> Find(absl::string_view sha256_hex) {
    return documents_.Find(sha256_hex);
  }
  void Put(absl::string_view sha256_hex, std::shared_ptr<const PipelineDocument> document) {
    if (documents_.Find(sha256_hex) != nullptr) return;  // what it takes is dear to find out
    int64_t bytes = document->canonical_json.capacity() + document->spec.SpaceUsedLong() +
                    document->deployment.SpaceUsedLong();
    if (document->platform.has_value()) bytes += document->platform->SpaceUsedLong();
    documents_.Put(sha256_hex, std::move(document), bytes);
  }

  // Forgets the large ones, which are parsed again when somebody wants them.
  void RemoveLarge() { documents_.RemoveLarger(limits::kCachedDocumentIdleBytes); }

 private:
  LruCache<PipelineDocument> documents_;
};

}  // namespace penstock
