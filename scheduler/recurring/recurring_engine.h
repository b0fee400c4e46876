// Turns the due slots of recurring runs into runs. One transaction writes what became of a slot, the run, and
// when the next slot is due, so a death at any moment neither loses nor doubles one.
//
// Only the holder of the scheduler's lease does it. Hints make it fast, polling makes it correct.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "common/metrics.h"
#include "content/pipeline_roots.h"
#include "pipeline/spec/document_cache.h"
#include "runs/run_hints.h"
#include "scheduler/lease.h"
#include "scheduler/recurring/decide.h"
#include "storage/recurring_run_store.h"
#include "storage/store.h"

namespace penstock {

struct RecurringEngineOptions {
  int schedules_per_pass = 1000;
  absl::Duration poll_interval = absl::Seconds(1);  // also how soon a clock that was set is noticed
  PipelineRoots pipeline_roots;                     // where runs may keep their artifacts
};

class RecurringEngine {
 public:
  // All outlive it. The lease is held by somebody else of this process; its fence is checked here.
  RecurringEngine(Store& store, const Lease& lease, DocumentCache& documents, const Clock& clock,
                  Metrics& metrics, RecurringEngineOptions options);
  ~RecurringEngine();
  RecurringEngine(const RecurringEngine&) = delete;
  RecurringEngine& operator=(const RecurringEngine&) = delete;

  struct PassResult {
    bool leads = false;                           // false: another one has the lease, and nothing was done
    int schedules = 0;                            // that were looked at
    int ticks = 0;                                // rows written
    int fired = 0;                                // runs made
    absl::Time wake_at = absl::InfiniteFuture();  // when to look again
  };
  // One pass over what is due now, in batches of bounded size. Not thread-safe. ABORTED if something changed
  // meanwhile: nothing was written, and the next pass decides anew.
  absl::StatusOr<PassResult> RunOnce();

  // Passes until Stop is called, from any thread.
  void Run();
  void Stop();

 private:
  // What the runs of a schedule are made of now.
  struct Source {
    std::string pipeline_id;
    std::string pipeline_version_id;
    std::string spec_sha256;
    std::shared_ptr<const PipelineDocument> document;  // only of a latest version, to check parameters
    std::optional<Refusal> refusal;
  };
  struct Planned {
    const DueRecurringRun* due = nullptr;
    Source source;
    ScheduleDecision decision;
    absl::Status broken;  // its trigger cannot be read: it is disabled
  };

  struct RunToMake {
    RunRow row;
    RunConfigRow config;
    bool version_must_exist = true;
  };
  // What a transaction has written.
  struct Written {
    int ticks = 0;
    int fired = 0;
  };
  using Plans = absl::Span<const Planned* const>;

  absl::StatusOr<Source> LatestVersion(const std::string& pipeline_id);
  absl::StatusOr<Source> SourceOf(const DueRecurringRun& due, std::map<std::string, Source>* latest);
  absl::StatusOr<Planned> Plan(const DueRecurringRun& due, absl::Time now,
                               std::map<std::string, Source>* latest);
  absl::Status WriteAll(db::Tx& tx, int64_t fence, const std::vector<Planned>& plans, absl::Time now,
                        RunHints& hints, Written& written);
  absl::Status WriteTogether(db::Tx& tx, Plans plans, RunHints& hints, Written& written);
  absl::Status WriteTicks(db::Tx& tx, Plans plans, RunHints& hints, Written& written);
  static RecurringRunMove MoveOf(const Planned& plan);
  absl::StatusOr<RunToMake> RunOf(const Planned& plan, const ScheduleTickRow& tick) const;
  bool TimeToTrim(const std::string& recurring_run_id, size_t ticks);

  Store& store_;
  const Lease& lease_;
  DocumentCache& documents_;
  const Clock& clock_;
  Metrics& metrics_;
  const RecurringEngineOptions options_;
  const int wake_fd_;  // readable after a hint or Stop
  std::atomic<bool> stop_ = false;
  absl::flat_hash_map<std::string, size_t> ticks_since_trim_;  // by recurring run; used by RunOnce only
};

}  // namespace penstock
