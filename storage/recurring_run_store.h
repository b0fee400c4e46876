// Recurring runs: what to run, when the next slot is due, and what is due now.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys of KFP's list requests for recurring runs.
const ListResource& RecurringRunResource();

// The spec that the row names must be stored before. NOT_FOUND if there is no such experiment, or if the row
// names a pipeline version that is not there.
absl::Status RecurringRunInsert(db::Tx& tx, const RecurringRunRow& row);

// NOT_FOUND.
absl::StatusOr<RecurringRunRow> RecurringRunGet(db::Tx& tx, absl::string_view recurring_run_id);

// `query` is unscoped, or scoped to `experiment_id` when that is not empty.
absl::Status RecurringRunList(db::Tx& tx, absl::string_view experiment_id, const ListQuery& query,
                              Page<RecurringRunRow>& page);

// Writes what can be edited and when it is due; raises the revision. `old_spec_sha256` is what the stored row
// named. NOT_FOUND; ABORTED if it was edited since it was read.
absl::Status RecurringRunUpdate(db::Tx& tx, const RecurringRunRow& row, absl::string_view old_spec_sha256);

// Enables or disables it; does nothing if it is so already. NOT_FOUND.
absl::Status RecurringRunSetEnabled(db::Tx& tx, absl::string_view recurring_run_id, bool enabled,
                                    absl::Time now);
// Disables all of an experiment.
absl::Status RecurringRunsDisable(db::Tx& tx, absl::string_view experiment_id, absl::Time now);

// Deletes it with its ticks; its runs stay. NOT_FOUND.
absl::Status RecurringRunDelete(db::Tx& tx, absl::string_view recurring_run_id);

struct DueRecurringRun {
  RecurringRunRow row;
  int64_t unfinished_runs = 0;
  bool waits = false;  // its next slot has waited for a run to end
  bool has_experiment = true;
};
// What has to be looked at by `now`, the longest due first: at most `limit`, and no more once their
// parameters and plugins pass limits::kScheduleBytesPerPass.
absl::StatusOr<std::vector<DueRecurringRun>> RecurringRunsDue(db::Tx& tx, absl::Time now, int limit);

// When the next one has to be looked at; nothing if none does.
absl::StatusOr<std::optional<absl::Time>> RecurringRunNextWake(db::Tx& tx);

// What is decided of a recurring run that was `read` as due.
struct RecurringRunMove {
  const DueRecurringRun* read = nullptr;
  std::optional<absl::Time> next_due_at;
  int64_t run_count = 0;
  int error_code = 0;  // google.rpc.Code
  std::string error_message;
  bool waits = false;  // for one of its runs to end: it is looked at again when one has
};
// Stores the moves, each of another recurring run; `moved[i]` is whether that was done. It is not if somebody
// edited the recurring run since it was read, or decided the same slot.
absl::Status RecurringRunsAdvance(db::Tx& tx, absl::Span<const RecurringRunMove> moves,
                                  std::vector<bool>* moved);

// Disables a recurring run that cannot go on, with the reason as its error.
absl::Status RecurringRunFail(db::Tx& tx, absl::string_view recurring_run_id, int error_code,
                              absl::string_view error_message, absl::Time now);

// A run has ended or is about to be deleted: if a recurring run made it and waits for that, it is looked at.
absl::Status RecurringRunRelease(db::Tx& tx, absl::string_view run_id);

}  // namespace penstock
