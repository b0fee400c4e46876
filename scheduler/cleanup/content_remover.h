// Removes the content of deleted runs, as their rows in content_removals say: its own folders, but for what other rows name,
// and what is left of runs deleted before whose artifacts it had.
//
// All of it can be done again: a death at any moment loses at most the count of what went since the last commit. Only the
// holder of the scheduler's lease does it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "content/content_store.h"
#include "scheduler/attempts_in_work.h"
#include "scheduler/cleanup/removal_folders.h"
#include "scheduler/lease.h"
#include "storage/content_removal_store.h"
#include "storage/store.h"

namespace penstock {

struct ContentRemoverOptions {
  int removals_per_pass = 256;
  int64_t entries_per_call = 20'000;
  absl::Duration pass_time = absl::Seconds(2);  // after which a pass notes down what it did
  int threads = 8;                              // disks and stores do several removals in the time of one
  // How long after the start attempts that an earlier server began may still write.
  absl::Duration settle_time = absl::Seconds(15);
};

class ContentRemover {
 public:
  // All outlive it. The lease is held by somebody else of this process; its fence is checked here.
  ContentRemover(Store& store, const Lease& lease, ContentStore& content, const AttemptsInWork& in_work,
                 const Clock& clock, ContentRemoverOptions options);
  ContentRemover(const ContentRemover&) = delete;
  ContentRemover& operator=(const ContentRemover&) = delete;

  struct PassResult {
    bool leads = false;  // false: another one has the lease, and nothing was done
    int removals = 0;    // that were looked at
    int done = 0;
    absl::Time wake_at = absl::InfiniteFuture();  // when to look again
  };
  // One pass over what is due, of bounded size. Not thread-safe. ABORTED if the lease was lost meanwhile: what was removed
  // is removed, and the next one finds that out.
  absl::StatusOr<PassResult> RunOnce();

 private:
  struct Part {
    RemovalFolder folder;
    std::vector<ContentReference> references;
    bool owner_is_there = false;  // its run exists: it is left alone
  };
  struct Job {
    ContentRemovalRow row;
    std::vector<Part> parts;
    bool waits = false;  // for attempts
    bool is_worked = false;
    absl::Status error;  // if it could not be found out where all of it lies
  };
  struct Kept {
    std::string uri;
    std::string reason;
  };

  absl::Status ReadDue(int64_t fence, absl::Time now, PassResult* result, std::vector<Job>* jobs);
  bool Waits(const ContentRemovalRow& row, absl::Time now) const;
  void PlanParts(std::vector<Job>* jobs);
  absl::StatusOr<const std::vector<ContentEntry>*> Listed(const std::string& uri);
  absl::Status ReadReferences(std::vector<Job>* jobs);
  size_t WorkSome(absl::Time until, std::vector<Job>* jobs);
  void Work(Job& job, absl::Time now);
  absl::StatusOr<bool> RemovePart(Part& part, ContentRemovalRow& row, std::vector<Kept>* kept);
  static void Fail(const absl::Status& status, absl::Time now, ContentRemovalRow& row);
  absl::Status WriteAll(int64_t fence, const std::vector<Job>& jobs);

  Store& store_;
  const Lease& lease_;
  ContentStore& content_;
  const AttemptsInWork& in_work_;
  const Clock& clock_;
  const ContentRemoverOptions options_;
  const absl::Time began_at_;
  std::string default_experiment_id_;                        // of MLflow's paths
  std::map<std::string, std::vector<ContentEntry>> listed_;  // by URI, in this pass
};

}  // namespace penstock
