#include "storage/lease_store.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

// A renewal keeps the fence; a take-over raises it.
constexpr char kAcquire[] = R"sql(
  INSERT INTO leases (name, holder, fence, expires_at_us) VALUES ($1, $2, 1, $4)
  ON CONFLICT (name) DO UPDATE
    SET fence = leases.fence + (CASE WHEN leases.holder = excluded.holder THEN 0 ELSE 1 END),
        holder = excluded.holder, expires_at_us = excluded.expires_at_us
    WHERE leases.holder = excluded.holder OR leases.expires_at_us <= $3)sql";
constexpr char kSelect[] = "SELECT holder, fence, expires_at_us FROM leases WHERE name = $1";
// The row stays, so that the fence goes on from where it is.
constexpr char kRelease[] =
    "UPDATE leases SET holder = '', expires_at_us = 0 WHERE name = $1 AND holder = $2";

}  // namespace

absl::StatusOr<std::optional<LeaseRow>> LeaseGet(db::Tx& tx, absl::string_view name) {
  std::optional<LeaseRow> lease;
  RETURN_IF_ERROR(tx.Query(kSelect, {name}, [&](const db::Row& row) {
    lease = LeaseRow{row.String(0), row.Int64(1), row.Time(2)};
    return absl::OkStatus();
  }));
  return lease;
}

absl::StatusOr<LeaseRow> LeaseAcquire(db::Tx& tx, absl::string_view name, absl::string_view holder,
                                      absl::Time now, absl::Time expires_at) {
  // Changes nothing while another's lease is good: who holds it is seen by reading.
  RETURN_IF_ERROR(tx.Execute(kAcquire, {name, holder, now, expires_at}).status());
  ASSIGN_OR_RETURN(auto lease, LeaseGet(tx, name));
  if (!lease.has_value()) return absl::InternalError(absl::StrCat("lease ", name, " vanished"));
  return *std::move(lease);
}

// Whatever the time: a lease that has run out and that nobody took over still has one holder.
absl::Status LeaseCheck(db::Tx& tx, absl::string_view name, absl::string_view holder, int64_t fence) {
  ASSIGN_OR_RETURN(const auto lease, LeaseGet(tx, name));
  if (!lease.has_value() || lease->holder != holder || lease->fence != fence) {
    return error::LeaseTakenOver(name);
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> LeaseIsHeldBy(db::Tx& tx, absl::string_view name, absl::string_view holder) {
  ASSIGN_OR_RETURN(const auto lease, LeaseGet(tx, name));
  return lease.has_value() && lease->holder == holder;
}

absl::Status LeaseRelease(db::Tx& tx, absl::string_view name, absl::string_view holder) {
  return tx.Execute(kRelease, {name, holder}).status();
}

}  // namespace penstock
