// The thread that tidies up behind the others: content of deleted runs, runs that policies delete, and what deaths have left in
// the data directory. Each in bounded steps, one after the other.
#pragma once

#include <functional>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "scheduler/cleanup/content_remover.h"
#include "scheduler/cleanup/retention_keeper.h"

namespace penstock {

// Removes a bounded number of files that nobody uses and that are older than `before`; whether there may be more. Called from
// the thread of the engine alone.
using CleanTemporary = std::function<absl::StatusOr<bool>(absl::Time before)>;

struct CleanupEngineOptions {
  absl::Duration poll_interval = absl::Seconds(1);
  absl::Duration temporary_interval = absl::Hours(6);  // between two rounds over the data directory
  absl::Duration forget_interval = absl::Minutes(10);  // between two rounds over old reports
};

class CleanupEngine {
 public:
  // All outlive it.
  CleanupEngine(Store& store, const Lease& lease, ContentRemover& remover, RetentionKeeper& retention,
                CleanTemporary clean_temporary, const Clock& clock, Metrics& metrics,
                CleanupEngineOptions options);
  CleanupEngine(const CleanupEngine&) = delete;
  CleanupEngine& operator=(const CleanupEngine&) = delete;

  // One step of each part that is due; when there is more to do. Not thread-safe.
  absl::StatusOr<absl::Time> RunOnce();

  // Steps until Stop is called, from any thread.
  void Run();
  void Stop();

 private:
  absl::StatusOr<absl::Time> RunTemporary(absl::Time now);
  absl::Status ForgetReports(absl::Time now);

  Store& store_;
  const Lease& lease_;
  ContentRemover& remover_;
  RetentionKeeper& retention_;
  const CleanTemporary clean_temporary_;
  const Clock& clock_;
  Metrics& metrics_;
  const CleanupEngineOptions options_;
  absl::Time next_temporary_ = absl::InfinitePast();
  absl::Time next_forget_ = absl::InfinitePast();
  absl::Mutex mutex_;
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace penstock
