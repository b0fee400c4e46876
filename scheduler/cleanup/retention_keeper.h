// Deletes old runs, as the retention policies say that are in force, by the same verb as everybody else. Only the holder of the
// scheduler's lease does it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "scheduler/lease.h"
#include "storage/retention_store.h"
#include "storage/store.h"

namespace penstock {

struct RetentionKeeperOptions {
  absl::Duration interval = absl::Seconds(60);  // between two rounds over all policies
  int runs_per_search = 2000;                   // that one step looks at
};

class RetentionKeeper {
 public:
  // All outlive it. The lease is held by somebody else of this process; its fence is checked here.
  RetentionKeeper(Store& store, const Lease& lease, const Clock& clock, RetentionKeeperOptions options)
      : store_(store), lease_(lease), clock_(clock), options_(options) {}
  RetentionKeeper(const RetentionKeeper&) = delete;
  RetentionKeeper& operator=(const RetentionKeeper&) = delete;

  struct StepResult {
    int deleted = 0;
    absl::Time wake_at = absl::InfiniteFuture();  // when there is more to do
  };
  // A bounded step of a round, if one is due. Not thread-safe. ABORTED if the lease or the policy changed meanwhile: the
  // next step finds out what it is now.
  absl::StatusOr<StepResult> RunOnce();

 private:
  absl::Status NextPolicy();
  absl::StatusOr<int> Delete(int64_t fence, const std::vector<RetentionRun>& runs, absl::Time now);

  Store& store_;
  const Lease& lease_;
  const Clock& clock_;
  const RetentionKeeperOptions options_;
  absl::Time next_round_ = absl::InfinitePast();
  std::optional<RetentionPolicyRow> policy_;  // that this round has come to; nothing between rounds
  RetentionPosition position_;
};

}  // namespace penstock
