// Runs of some experiments that satisfy conditions, in any order, page by page.
//
// What finds the rows: where few runs can satisfy the conditions, because the experiments have few or an index says so of a
// condition, those are read and sorted. Else the order is walked along its index, which only the start and metrics have; a
// page then looks at no more than limits::kSearchWalked entries, and may have less than it could, but a position to go on
// from. An order without an index sorts up to limits::kSearchSorted runs.
#pragma once

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/run_search_query.h"

namespace penstock {

// The ids of the rows are those of runs. error::SearchTooManyRows if the order has no index and there are too many runs to
// sort.
absl::StatusOr<SearchPage> RunSearch(db::Tx& tx, const RunSearchQuery& query);

}  // namespace penstock
