#include "scheduler/lease.h"

#include "common/log.h"
#include "common/status_macros.h"
#include "storage/lease_store.h"

namespace penstock {

Lease::~Lease() {
  if (!fence().has_value()) return;
  // Only a courtesy to the next one: a lease that is not given back runs out.
  (void)store_.Write([&](db::Tx& tx) { return LeaseRelease(tx, kSchedulerLease, holder_); });
}

std::optional<int64_t> Lease::fence() const {
  absl::MutexLock lock(&mutex_);
  return fence_;
}

absl::StatusOr<std::optional<int64_t>> Lease::Hold(absl::Time now) {
  {
    absl::MutexLock lock(&mutex_);
    // A process trusts its lease for less than its length.
    if (fence_.has_value() && now < renewed_at_ + ttl_ / 3) return fence_;
  }
  // Not under the lock: those who ask for the fence do not wait for the database.
  LeaseRow row;
  RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(row, LeaseAcquire(tx, kSchedulerLease, holder_, now, now + ttl_));
    return absl::OkStatus();
  }));
  absl::MutexLock lock(&mutex_);
  if (row.holder == holder_) {
    fence_ = row.fence;
    renewed_at_ = now;
  } else {
    if (fence_.has_value()) {
      spdlog::warn("another scheduler has taken the runs over holder={}", LogValue(row.holder));
    }
    fence_.reset();
  }
  return fence_;
}

absl::Status Lease::Check(db::Tx& tx, int64_t fence) const {
  return LeaseCheck(tx, kSchedulerLease, holder_, fence);
}

}  // namespace penstock
