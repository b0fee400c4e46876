#include "scheduler/artifact_ids.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/artifact_store.h"

namespace penstock {
namespace {

// Ids that one write reserves, so that most passes need none for it. A restart leaves the rest unused.
constexpr int64_t kBlock = 256;

}  // namespace

absl::Status ArtifactIds::Give(TaskOutputs& outputs) {
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      if (!artifact.artifact_id.empty()) continue;
      if (left_ == 0) {
        RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
          ASSIGN_OR_RETURN(next_, ArtifactIdReserve(tx, kBlock));
          return absl::OkStatus();
        }));
        left_ = kBlock;
      }
      artifact.artifact_id = absl::StrCat(next_++);
      --left_;
    }
  }
  return absl::OkStatus();
}

}  // namespace penstock
