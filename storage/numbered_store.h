// Runs and tasks by their numbers, for clients that know no other ids (ML Metadata's): a run's number is that of its
// root, and both count from one counter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

struct NumberedTask {
  int64_t number = 0;
  TaskKey key;  // without a task id: the root
};

// Those that are there, by number.
absl::StatusOr<std::vector<NumberedTask>> NumberedTasksFind(db::Tx& tx, const std::vector<int64_t>& numbers);
// The same by key, in any order.
absl::StatusOr<std::vector<NumberedTask>> NumberedTasksOf(db::Tx& tx, const std::vector<TaskKey>& keys);
// The first `limit` behind `after`, or before it, in that order.
absl::StatusOr<std::vector<NumberedTask>> NumberedTasksAfter(db::Tx& tx, int64_t after, bool descending,
                                                             int limit);

// A link, told by numbers.
struct NumberedLink {
  int64_t link_id = 0;
  int64_t artifact_id = 0;
  int64_t number = 0;  // of the task, or of the root
  Direction direction = Direction::kOutput;
  std::string name;
  absl::Time at;  // when the task started or ended, or the run came into being if it has not
};

// Of one artifact, the first `limit` by link_id.
absl::StatusOr<std::vector<NumberedLink>> NumberedLinksOfArtifact(db::Tx& tx, int64_t artifact_id, int limit);
// Of tasks and roots, by link_id.
absl::StatusOr<std::vector<NumberedLink>> NumberedLinksOfTasks(db::Tx& tx, const std::vector<TaskKey>& keys);

// Numbers of the runs whose tasks take or make the artifact: the first `limit`.
absl::StatusOr<std::vector<int64_t>> RunNumbersOfArtifact(db::Tx& tx, int64_t artifact_id, int limit);

}  // namespace penstock
