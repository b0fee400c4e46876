// The ticks of recurring runs: one row for each slot that was decided, by its time.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys for lists of ticks.
const ListResource& ScheduleTickResource();

// Stores what became of slots, no two of which are the same. `stored[i]` is false if that slot is decided
// already: nothing is changed then, and the caller must not start a run for it. A slot that waits
// (kOverlapped) may be decided anew.
absl::Status ScheduleTicksPut(db::Tx& tx, absl::Span<const ScheduleTickRow> rows, std::vector<bool>* stored);

// `query` is scoped to a recurring run.
absl::Status ScheduleTickList(db::Tx& tx, const ListQuery& query, Page<ScheduleTickRow>& page);

// The slot that waits is passed over for `reason`.
absl::Status ScheduleTickGiveUp(db::Tx& tx, absl::string_view recurring_run_id, TickReason reason,
                                absl::Time now);

// Keeps the newest `count` ticks of a recurring run.
absl::Status ScheduleTicksKeep(db::Tx& tx, absl::string_view recurring_run_id, int64_t count);

}  // namespace penstock
