// Lineage: what an artifact was made of, and what was made of it, over the links of all runs.
//
// An artifact is made of what the task that made it took. One that was imported is the same as one that a task
// put out at that URI. What graphs and loops hand on, and what the cache gave, makes no edge: the artifact is
// the same.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

enum class LineageDirection {
  kUp,    // everything that it was made of
  kDown,  // everything that was made of it
};

struct Lineage {
  std::vector<int64_t> artifact_ids;   // by distance from the first, which is the one that was asked for
  std::vector<ArtifactTaskRow> links;  // between these and the tasks that made or took them
  std::vector<std::pair<int64_t, int64_t>> imports;  // the imported artifact, and the one that was imported
  bool truncated = false;                            // there is more than was asked for
};

// At most `tasks_max` tasks, and the artifacts next to them, at most limits::kLineageNodes. Cycles, which only imports can
// make, end.
absl::StatusOr<Lineage> LineageRead(db::Tx& tx, int64_t artifact_id, LineageDirection direction,
                                    int tasks_max);

}  // namespace penstock
