// What can be done to runs, each in one place, for single calls, calls on many runs and schedules alike: whether
// it may be done, the rows, and who is to hear of it.
//
// All work in the caller's transaction, and leave it usable when they refuse. What they add to `hints` is for
// after the commit (WriteRuns).
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "runs/run_hints.h"
#include "storage/run_store.h"

namespace penstock {

// Inserts new runs, as RunsInsert does. Those that were inserted are for the engine.
absl::Status RunsCreate(db::Tx& tx, absl::Span<const RunToInsert> runs, RunHints& hints,
                        std::vector<absl::Status>* outcomes);
// One run; gives its outcome.
absl::Status RunCreate(db::Tx& tx, const RunToInsert& run, RunHints& hints);

// Whether a run in this state can be terminated: one that is PENDING or RUNNING.
bool IsTerminable(RunState state);
// Moves it to CANCELING; the engine ends what runs of it. Nothing if it has ended or is being terminated, so that who
// cleans up need not know; NOT_FOUND if there is none.
absl::Status RunTerminate(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints);

// Makes a run that did not succeed PENDING again; the engine goes on with what did not succeed. error::RunNotRetryable
// if it is in another state, NOT_FOUND if there is none.
absl::Status RunRetry(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints);

// NOT_FOUND.
absl::Status RunArchive(db::Tx& tx, absl::string_view run_id);

// FAILED_PRECONDITION if the run's experiment is archived, NOT_FOUND if there is no such run.
absl::Status RunMayBeUnarchived(db::Tx& tx, const RunRow& row);
absl::Status RunUnarchive(db::Tx& tx, absl::string_view run_id);

// Deletes it with everything that belongs to it: its rows now, its content after that (scheduler/cleanup/). The engine
// ends what runs of it. NOT_FOUND.
absl::Status RunDelete(db::Tx& tx, absl::string_view run_id, absl::Time now, RunHints& hints);

}  // namespace penstock
