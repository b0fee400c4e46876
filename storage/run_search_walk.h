// Walks of an order along its index, for storage/run_search.h.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/run_search_query.h"

namespace penstock {

// Whether the order has an index: that of the start, or of one metric whose ties are as always.
bool RunOrderIsWalked(const std::vector<RunOrder>& orders);

struct RunWalk {
  std::vector<SearchPosition> rows;  // in order, at most as many as were wanted
  std::optional<SearchPosition>
      next;  // what was looked at ends here, and there may be more; nothing: there is none
};

// The first `limit` rows behind query.after, as far as limits::kSearchWalked entries lead.
absl::StatusOr<RunWalk> RunsWalk(db::Tx& tx, const RunSearchQuery& query, int limit);

}  // namespace penstock
