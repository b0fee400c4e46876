// Ids of new artifacts, which storage gives out in blocks.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "scheduler/plan/values/values.h"
#include "storage/store.h"

namespace penstock {

// Not thread-safe.
class ArtifactIds {
 public:
  explicit ArtifactIds(Store& store) : store_(store) {}

  // Gives an id to each artifact that has none. An error of the database.
  absl::Status Give(TaskOutputs& outputs);

 private:
  Store& store_;
  int64_t next_ = 0;
  int64_t left_ = 0;  // of the block
};

}  // namespace penstock
