// Runs: the narrow rows that lists read, their configuration and their state history.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// Keys of KFP's list requests for runs.
const ListResource& RunResource();

// A run to be inserted; borrows both rows.
struct RunToInsert {
  const RunRow& row;
  const RunConfigRow& config;
  bool version_must_exist = true;
};

// Inserts runs with their configurations and first states, moves their experiments' last-run times and the
// counters, in as many statements as one run takes, or a few more. The specs must be stored before. What
// became of each stands in `outcomes`, and does not touch the others: NOT_FOUND if there is no such
// experiment, or if the row names a pipeline version that is not there though it must be; ALREADY_EXISTS if
// the id is taken.
absl::Status RunsInsert(db::Tx& tx, absl::Span<const RunToInsert> runs, std::vector<absl::Status>* outcomes);

// One run; gives its outcome, whatever that is the transaction may go on.
absl::Status RunInsert(db::Tx& tx, const RunRow& row, const RunConfigRow& config,
                       bool version_must_exist = true);

// NOT_FOUND.
absl::StatusOr<RunRow> RunGet(db::Tx& tx, absl::string_view run_id);
// Nothing if there is none.
absl::StatusOr<std::optional<RunRow>> RunFindByNumber(db::Tx& tx, int64_t number);
// Those of the ids that are there, by id; put off like RunConfigsLater.
using RunRows = std::map<std::string, RunRow>;
absl::Status RunsFindLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunRows* rows);
absl::StatusOr<RunConfigRow> RunConfigGet(db::Tx& tx, absl::string_view run_id);
// The same for the runs of a page, by id, in one statement; runs that do not exist are left out.
using RunConfigRows = std::map<std::string, RunConfigRow>;
absl::StatusOr<RunConfigRows> RunConfigs(db::Tx& tx, const std::vector<std::string>& run_ids);
// The same, put off: `configs` has to be there until Tx::Flush or Tx::Finish, which fills it.
absl::Status RunConfigsLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunConfigRows& configs);

// The run's states, oldest first; empty if there is no such run.
absl::StatusOr<std::vector<RunStateRow>> RunStates(db::Tx& tx, absl::string_view run_id);
// The same for many runs, by id; put off like RunConfigsLater.
using RunStateRows = std::map<std::string, std::vector<RunStateRow>>;
absl::Status RunStatesLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunStateRows& states);

// `query` is unscoped, or scoped to an experiment or a namespace. See ListQuery::Run.
absl::Status RunList(db::Tx& tx, const ListQuery& query, Page<RunRow>& page);

// Ids of at most `limit` runs in `state`, which is not final, that the engine drives; oldest first.
absl::StatusOr<std::vector<std::string>> RunIdsInState(db::Tx& tx, RunState state, int limit);

// Moves run `run_id` from `from` to `to` if it is still in `from` (compare-and-set), with its history; a
// final state sets finished_at. ABORTED if another writer moved it first: reload and decide again. NOT_FOUND
// if there is none.
absl::Status RunSetState(db::Tx& tx, absl::string_view run_id, RunState from, const RunStateRow& to);

// Makes a run that did not succeed PENDING again, with its history, so that the engine takes it up once more.
// ABORTED if it is in another state, NOT_FOUND if there is none.
absl::Status RunReopen(db::Tx& tx, absl::string_view run_id, absl::Time at);

// Moves a run that a client records from whatever state it is in to that of `to`, with its history if it is another
// one: the table of common/state does not bind clients. `finished_at` is the epoch for a run that goes on.
// FAILED_PRECONDITION for a run that the engine drives, NOT_FOUND if there is none.
absl::Status RunSetClientState(db::Tx& tx, absl::string_view run_id, const RunStateRow& to,
                               absl::Time finished_at);

// NOT_FOUND. The counts stay true.
absl::Status RunSetStorageState(db::Tx& tx, absl::string_view run_id, StorageState to);
absl::Status RunSetDescription(db::Tx& tx, absl::string_view run_id, absl::string_view description);
absl::Status RunSetDisplayName(db::Tx& tx, absl::string_view run_id, absl::string_view display_name);
// RunSetStorageState for all runs of an experiment that are available.
absl::Status RunsArchive(db::Tx& tx, absl::string_view experiment_id);
// The reverse, for all that are archived.
absl::Status RunsUnarchive(db::Tx& tx, absl::string_view experiment_id);

// Deletes the run and all rows that belong to it, and notes that its content is to be removed
// (content_removal_store.h). NOT_FOUND.
absl::Status RunDelete(db::Tx& tx, absl::string_view run_id, absl::Time now);

}  // namespace penstock
