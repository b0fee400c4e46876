// The lease by which one scheduler at a time drives the runs of a database.
//
// One object serves all engines of a process: one of them holds and renews the lease, and each checks its
// fence in every commit, so that nothing is written on the strength of a lease that was lost meanwhile.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/store.h"

namespace penstock {

// Thread-safe.
class Lease {
 public:
  // `holder` names this scheduler: the same after a restart on the same data directory, and nobody else's.
  Lease(Store& store, std::string holder, absl::Duration ttl = absl::Seconds(15))
      : store_(store), holder_(std::move(holder)), ttl_(ttl) {}
  // Gives it up.
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  const std::string& holder() const { return holder_; }

  // Takes the lease, or renews it once a third of its time is over. Returns its fence while it is ours: a new
  // number means that others may have driven the runs meanwhile. Nothing if another scheduler has it.
  absl::StatusOr<std::optional<int64_t>> Hold(absl::Time now);

  // The fence of the last Hold; nothing if it was not ours then.
  std::optional<int64_t> fence() const;

  // OK if the lease is ours, with this fence. ABORTED otherwise: the transaction must not go through.
  absl::Status Check(db::Tx& tx, int64_t fence) const;

 private:
  Store& store_;
  const std::string holder_;
  const absl::Duration ttl_;
  mutable absl::Mutex mutex_;
  std::optional<int64_t> fence_ ABSL_GUARDED_BY(mutex_);
  absl::Time renewed_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace penstock
