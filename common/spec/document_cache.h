// The pipelines in use, parsed: bounded, least recently used first out.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/spec/pipeline_spec.h"

namespace penstock {

// Thread-safe.
class DocumentCache {
 public:
  explicit DocumentCache(size_t documents_max) : documents_max_(documents_max) {}

  // The document with this digest, or nullptr.
  std::shared_ptr<const PipelineDocument> Find(absl::string_view sha256_hex);
  void Put(absl::string_view sha256_hex, std::shared_ptr<const PipelineDocument> document);

 private:
  using Entry = std::pair<std::string, std::shared_ptr<const PipelineDocument>>;

  const size_t documents_max_;
  absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> index_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
