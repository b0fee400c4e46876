// Ownership with a fencing number: at most one holder of a name at a time, and each new holder's number is
// larger.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// Whoever holds it drives the runs of the database and decides its ticks.
inline constexpr char kSchedulerLease[] = "scheduler";

// The lease as it stands, whether it has expired or not; nothing if nobody has ever held it.
absl::StatusOr<std::optional<LeaseRow>> LeaseGet(db::Tx& tx, absl::string_view name);

// Takes or renews the lease `name` until `expires_at` if it is free, expired at `now`, or already `holder`'s.
// Returns the lease as it stands after the call: it is the caller's when its holder is `holder`.
absl::StatusOr<LeaseRow> LeaseAcquire(db::Tx& tx, absl::string_view name, absl::string_view holder,
                                      absl::Time now, absl::Time expires_at);

// OK if `holder` still has the lease with this fence. ABORTED otherwise: its writes must not go through.
absl::Status LeaseCheck(db::Tx& tx, absl::string_view name, absl::string_view holder, int64_t fence);

// Whether `holder` has the lease, whatever its fence.
absl::StatusOr<bool> LeaseIsHeldBy(db::Tx& tx, absl::string_view name, absl::string_view holder);

// Gives it up, if it is `holder`'s.
absl::Status LeaseRelease(db::Tx& tx, absl::string_view name, absl::string_view holder);

}  // namespace penstock
