#include "scheduler/cleanup/cleanup_engine.h"

#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr absl::Duration kFailurePause = absl::Seconds(1);

}  // namespace

CleanupEngine::CleanupEngine(Store& store, const Lease& lease, ContentRemover& remover,
                             RetentionKeeper& retention, CleanTemporary clean_temporary, const Clock& clock,
                             Metrics& metrics, CleanupEngineOptions options)
    : store_(store),
      lease_(lease),
      remover_(remover),
      retention_(retention),
      clean_temporary_(std::move(clean_temporary)),
      clock_(clock),
      metrics_(metrics),
      options_(options) {}

absl::StatusOr<absl::Time> CleanupEngine::RunOnce() {
  ASSIGN_OR_RETURN(const ContentRemover::PassResult removed, remover_.RunOnce());
  // Whoever leads tidies up; the others look again soon.
  if (!removed.leads) return clock_.Now() + options_.poll_interval;
  ASSIGN_OR_RETURN(const RetentionKeeper::StepResult kept, retention_.RunOnce());
  const absl::Time now = clock_.Now();
  ASSIGN_OR_RETURN(const absl::Time temporary, RunTemporary(now));
  if (now >= next_forget_) {
    next_forget_ = now + options_.forget_interval;
    RETURN_IF_ERROR(ForgetReports(now));
  }
  return std::min({removed.wake_at, kept.wake_at, temporary});
}

absl::StatusOr<absl::Time> CleanupEngine::RunTemporary(absl::Time now) {
  if (now < next_temporary_) return next_temporary_;
  const auto more = clean_temporary_(now - absl::Seconds(limits::kTemporarySeconds));
  // What cannot be removed now is met again in the next round.
  if (!more.ok()) spdlog::warn("temporary files stay: {}", LogValue(more.status().ToString()));
  if (!more.ok() || !*more) next_temporary_ = now + options_.temporary_interval;
  return more.ok() && *more ? now : next_temporary_;
}

absl::Status CleanupEngine::ForgetReports(absl::Time now) {
  const std::optional<int64_t> fence = lease_.fence();
  if (!fence.has_value()) return absl::OkStatus();
  return store_.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(lease_.Check(tx, *fence));
    return ContentRemovalsForget(tx, now - absl::Hours(24 * limits::kRemovalReportDays),
                                 limits::kRemovalReports);
  });
}

void CleanupEngine::Run() {
  while (true) {
    const auto wake_at = RunOnce();
    absl::Duration pause = options_.poll_interval;
    if (wake_at.ok()) {
      pause = std::clamp(*wake_at - clock_.Now(), absl::ZeroDuration(), options_.poll_interval);
    } else if (!absl::IsAborted(wake_at.status())) {
      metrics_.engine_errors.Increment();
      spdlog::error("cleaning up failed: {}", LogValue(wake_at.status().ToString()));
      pause = kFailurePause;
    }
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stop_), pause)) return;
  }
}

void CleanupEngine::Stop() {
  absl::MutexLock lock(&mutex_);
  stop_ = true;
}

}  // namespace penstock
