#include "scheduler/cleanup/retention_keeper.h"

#include <algorithm>

#include "absl/types/span.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "runs/run_verbs.h"

namespace penstock {

absl::StatusOr<RetentionKeeper::StepResult> RetentionKeeper::RunOnce() {
  StepResult result;
  const absl::Time now = clock_.Now();
  const std::optional<int64_t> fence = lease_.fence();
  if (!fence.has_value() || (!policy_.has_value() && now < next_round_)) {
    result.wake_at = next_round_;
    return result;
  }
  if (!policy_.has_value()) RETURN_IF_ERROR(NextPolicy());
  if (!policy_.has_value()) {
    result.wake_at = next_round_ = now + options_.interval;
    return result;
  }
  std::vector<RetentionRun> runs;
  RetentionPosition position;
  const absl::Status searched = store_.Read([&](db::Tx& tx) {
    runs.clear();
    position = position_;
    return RetentionSearch(tx, *policy_, now).Next(options_.runs_per_search, &position, &runs);
  });
  absl::StatusOr<int> deleted = searched.ok() ? Delete(*fence, runs, now) : searched;
  if (!deleted.ok()) {
    // Not tried again at once: the round ends, and the next one reads all policies afresh.
    policy_.reset();
    next_round_ = now + options_.interval;
    return deleted.status();
  }
  result.deleted = *deleted;
  position_ = position;
  if (position.at_end) RETURN_IF_ERROR(NextPolicy());
  if (!policy_.has_value()) next_round_ = now + options_.interval;
  result.wake_at = policy_.has_value() ? now : next_round_;
  return result;
}

// Moves to the policy behind this one, or to the first; to none behind the last.
absl::Status RetentionKeeper::NextPolicy() {
  const std::string after = policy_.has_value() ? policy_->policy_id : "";
  policy_.reset();
  position_ = {};
  std::vector<RetentionPolicyRow> next;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(next, RetentionPoliciesInForce(tx, after, 1));
    return absl::OkStatus();
  }));
  if (!next.empty()) policy_ = std::move(next.front());
  return absl::OkStatus();
}

absl::StatusOr<int> RetentionKeeper::Delete(int64_t fence, const std::vector<RetentionRun>& runs,
                                            absl::Time now) {
  int all = 0;
  for (size_t begin = 0; begin < runs.size(); begin += limits::kRetentionBatch) {
    const auto batch = absl::MakeConstSpan(runs).subspan(begin, limits::kRetentionBatch);
    int deleted = 0;
    RETURN_IF_ERROR(WriteRuns(store_, [&](db::Tx& tx, RunHints& hints) -> absl::Status {
      deleted = 0;
      RETURN_IF_ERROR(lease_.Check(tx, fence));
      for (const RetentionRun& run : batch) {
        const auto row = RunGet(tx, run.run_id);
        if (absl::IsNotFound(row.status())) continue;
        RETURN_IF_ERROR(row.status());
        // It may have been retried, or archived, since it was found.
        if (!IsOfPolicy(*policy_, *row)) continue;
        RETURN_IF_ERROR(RunDelete(tx, run.run_id, now, hints));
        ++deleted;
      }
      return RetentionPolicyApplied(tx, *policy_, deleted, now);
    }));
    all += deleted;
  }
  if (runs.empty()) {
    RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) -> absl::Status {
      RETURN_IF_ERROR(lease_.Check(tx, fence));
      return RetentionPolicyApplied(tx, *policy_, 0, now);
    }));
  }
  if (all > 0) {
    spdlog::info("runs deleted by a retention policy policy={} runs={}", LogValue(policy_->policy_id), all);
  }
  return all;
}

}  // namespace penstock
