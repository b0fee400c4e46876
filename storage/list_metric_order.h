// Pages of runs in the order of a metric: those that have it, along the index of its values, then those that do not, by
// id. NaN counts as not having it, so that in both directions the best value comes first.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "storage/db/database.h"
#include "storage/list_base.h"
#include "storage/list_plan.h"
#include "storage/list_walk.h"

namespace penstock {

// At most `limit` rows of the base's selection, which names a metric, after `after`: its value is a number where the row
// has the metric. FAILED_PRECONDITION if that would look at too many others.
absl::Status ListByMetric(db::Tx& tx, const ListBase& base, const ListColumns& columns, int limit,
                          const std::optional<ListPosition>& after, ListOnRow on_row);

}  // namespace penstock
