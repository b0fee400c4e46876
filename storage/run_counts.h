// How many runs there are by storage state and state: of all, of each experiment, of each namespace. Whoever
// changes one of these of a run changes the counts in the same transaction.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/state.h"
#include "storage/db/database.h"
#include "storage/list_resource.h"

namespace penstock {

// What lists know of the counts and of the indexes that go with them.
const ListCells& RunCells();

// Borrows its texts.
struct RunCountKey {
  absl::string_view experiment_id;
  absl::string_view namespace_;
  StorageState storage_state = StorageState::kAvailable;
  RunState state = RunState::kPending;
};

// What is to be added to the counts: of many runs alike, or in one experiment, as few rows as they have.
class RunCountsChange {
 public:
  // `runs` more, or less where it is negative.
  void Add(const RunCountKey& key, int64_t runs);
  absl::Status Write(db::Tx& tx) const;

 private:
  std::map<std::tuple<std::string, StorageState, RunState>, int64_t> runs_;  // by scope and states
};

// `runs` more, or less where it is negative.
absl::Status RunCountsAdd(db::Tx& tx, const RunCountKey& key, int64_t runs);

// `runs` of one experiment and namespace move to the states of `to`.
absl::Status RunCountsMove(db::Tx& tx, const RunCountKey& from, StorageState to_storage_state,
                           RunState to_state, int64_t runs);

}  // namespace penstock
