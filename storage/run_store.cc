#include "storage/run_store.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/content_removal_store.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/recurring_run_store.h"
#include "storage/run_counts.h"
#include "storage/run_parameter_store.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/state_columns.h"
#include "storage/tag_store.h"
#include "storage/task_record_store.h"

namespace penstock {
namespace {

constexpr auto kGivenColumns = db::Columns(
    db::Key("run_id", &RunRow::run_id), db::Column("experiment_id", &RunRow::experiment_id),
    db::Column("namespace", &RunRow::namespace_), db::Column("display_name", &RunRow::display_name),
    db::Column("description", &RunRow::description), db::Column("storage_state", &RunRow::storage_state),
    db::Column("state", &RunRow::state), db::Column("service_account", &RunRow::service_account),
    db::Column("pipeline_id", &RunRow::pipeline_id),
    db::Column("pipeline_version_id", &RunRow::pipeline_version_id),
    db::Column("recurring_run_id", &RunRow::recurring_run_id),
    db::Column("created_at_us", &RunRow::created_at), db::Column("scheduled_at_us", &RunRow::scheduled_at),
    db::Column("finished_at_us", &RunRow::finished_at), db::Column("driver", &RunRow::driver));
constexpr auto kColumns = db::Join(kGivenColumns, db::Columns(db::Column("number", &RunRow::number)));
constexpr char kNumberCounter[] = "task_numbers";
constexpr db::SqlText kInsert =
    kColumns.Sql("INSERT INTO runs ($columns) VALUES $rows ON CONFLICT (run_id) DO NOTHING RETURNING run_id");
constexpr db::SqlText kFindByNumber = kColumns.Sql("SELECT $columns FROM runs WHERE number = $1");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM runs WHERE run_id = $1");

// Behind run_id.
constexpr auto kConfigColumns = db::Columns(db::Column("spec_sha256", &RunConfigRow::spec_sha256),
                                            db::Column("parameters", &RunConfigRow::parameters),
                                            db::Column("pipeline_root", &RunConfigRow::pipeline_root),
                                            db::Column("plugins_input", &RunConfigRow::plugins_input),
                                            db::Column("cache_enabled", &RunConfigRow::cache_enabled),
                                            db::Column("cache_max_age_us", &RunConfigRow::cache_max_age));
constexpr db::SqlText kInsertConfigs =
    kConfigColumns.Sql("INSERT INTO run_configs (run_id, $columns) VALUES $rows");
constexpr db::SqlText kSelectConfigs = kConfigColumns.Sql(
    "SELECT run_id, $columns FROM (VALUES $ids) AS ids CROSS JOIN run_configs WHERE run_id = column1");

// Behind run_id and sequence.
constexpr auto kStateColumns = db::Columns(db::Column("state", &RunStateRow::state),
                                           db::Column("updated_at_us", &RunStateRow::updated_at),
                                           db::Column("error_code", &RunStateRow::error_code),
                                           db::Column("error_message", &RunStateRow::error_message));
constexpr db::SqlText kInsertFirstStates =
    kStateColumns.Sql("INSERT INTO run_states (run_id, sequence, $columns) VALUES $rows");
// VALUES with a subselect: INSERT ... SELECT from the same table builds a temporary one.
constexpr db::SqlText kInsertState = kStateColumns.SqlFrom(2, R"sql(
  INSERT INTO run_states (run_id, sequence, $columns)
  VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM run_states WHERE run_id = $1), $values))sql");
constexpr db::SqlText kSelectStates = kStateColumns.Sql(
    "SELECT run_id, sequence, $columns FROM (VALUES $ids) AS ids CROSS JOIN run_states WHERE run_id = "
    "column1");

// Also makes sure that the version is still there, so that a caller may know it from before.
constexpr char kTouchExperiment[] = R"sql(
  UPDATE experiments
  SET last_run_created_at_us = CASE WHEN last_run_created_at_us < $2 THEN $2 ELSE last_run_created_at_us END
  WHERE experiment_id = $1
    AND ($3 = '' OR EXISTS (SELECT 1 FROM pipeline_versions v WHERE v.pipeline_version_id = $3)))sql";
constexpr char kExperimentExists[] = "SELECT 1 FROM experiments WHERE experiment_id = $1";
constexpr char kSetState[] =
    "UPDATE runs SET state = $3, finished_at_us = $4 WHERE run_id = $1 AND state = $2 "
    "RETURNING experiment_id, namespace, storage_state";
constexpr char kSelectInState[] =
    "SELECT run_id FROM runs WHERE driver = 'ENGINE' AND finished_at_us = 0 AND state = $1 "
    "ORDER BY created_at_us, run_id LIMIT $2";
constexpr char kSetStorageState[] =
    "UPDATE runs SET storage_state = $2 WHERE run_id = $1 AND storage_state <> $2 "
    "RETURNING experiment_id, namespace, state";
constexpr char kMoveExperiment[] =
    "UPDATE runs SET storage_state = $3 WHERE experiment_id = $1 AND storage_state = $2 "
    "RETURNING namespace, state, run_id";
constexpr db::SqlText kSelectSome =
    kColumns.Sql("SELECT $columns FROM (VALUES $ids) AS ids CROSS JOIN runs WHERE run_id = column1");
constexpr char kSetDisplayName[] = "UPDATE runs SET display_name = $2 WHERE run_id = $1";
constexpr char kSetDescription[] = "UPDATE runs SET description = $2 WHERE run_id = $1";
// What other runs have imported again, or otherwise share, stays for them.
constexpr char kGiveSharedArtifacts[] = R"sql(
  UPDATE artifacts
  SET run_id = (SELECT MIN(t.run_id) FROM artifact_tasks t
                WHERE t.artifact_id = artifacts.artifact_id AND t.run_id <> $1)
  WHERE run_id = $1 AND EXISTS (SELECT 1 FROM artifact_tasks t
                                WHERE t.artifact_id = artifacts.artifact_id AND t.run_id <> $1))sql";
// The run that has what another made is now where it comes from.
constexpr char kOwnSharedArtifacts[] = R"sql(
  UPDATE artifact_tasks SET role = 'OWN'
  WHERE role = 'CACHE' AND direction = 'OUTPUT' AND EXISTS (
    SELECT 1 FROM artifacts a
    WHERE a.artifact_id = artifact_tasks.artifact_id AND a.run_id = artifact_tasks.run_id)
    AND artifact_id IN (SELECT l.artifact_id FROM artifact_tasks l WHERE l.run_id = $1))sql";
constexpr char kDelete[] = "DELETE FROM runs WHERE run_id = $1";

constexpr ListField kFields[] = {
    {"id", "run_id"},
    {"run_id", "run_id"},
    {"name", "display_name"},
    {"display_name", "display_name"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"finished_at", "finished_at_us", FieldType::kTime},
    {"scheduled_at", "scheduled_at_us", FieldType::kTime},
    {"description", "description", FieldType::kText, true, {}, {}, /*is_long=*/true},
    {"storage_state", "storage_state"},
    // A run that was terminated is FAILED to KFP's clients.
    {"state", "state", FieldType::kText, true, "CANCELED", "FAILED"},
    {"status", "state", FieldType::kText, true, "CANCELED", "FAILED"},
    {"namespace", "namespace"},
    {"experiment_id", "experiment_id"},
    {"recurring_run_id", "recurring_run_id"},
    {"pipeline_id", "pipeline_id"},
    {"pipeline_version_id", "pipeline_version_id"},
    // As the field of a run is called.
    {"pipeline_version_reference.pipeline_id", "pipeline_id"},
    {"pipeline_version_reference.pipeline_version_id", "pipeline_version_id"},
};

absl::Status AppendState(db::Tx& tx, absl::string_view run_id, const RunStateRow& row) {
  return tx.ExecuteLater(kInsertState, kStateColumns.Params(row, run_id), nullptr);
}

// Compare-and-set of the state, with the counts. ABORTED if the run is not in `from`, NOT_FOUND if there is
// none.
absl::Status MoveRun(db::Tx& tx, absl::string_view run_id, RunState from, RunState to,
                     absl::Time finished_at) {
  tx.NoteChange(run_id);
  std::optional<RunRow> moved;
  RETURN_IF_ERROR(tx.Query(kSetState, {run_id, Name(from), Name(to), finished_at}, [&](const db::Row& row) {
    moved.emplace();
    moved->experiment_id = row.String(0);
    moved->namespace_ = row.String(1);
    moved->storage_state = db::Get<StorageState>(row, 2);
    return absl::OkStatus();
  }));
  if (!moved.has_value()) {
    RETURN_IF_ERROR(RunGet(tx, run_id).status());
    return error::RunMoved(run_id);
  }
  const StorageState storage_state = moved->storage_state;
  return RunCountsMove(tx, {moved->experiment_id, moved->namespace_, storage_state, from}, storage_state, to,
                       1);
}

// The storage state of all runs of an experiment, with the counts.
absl::Status MoveRuns(db::Tx& tx, absl::string_view experiment_id, StorageState from, StorageState to) {
  std::map<std::pair<std::string, RunState>, int64_t> moved;
  RETURN_IF_ERROR(tx.Query(kMoveExperiment, {experiment_id, Name(from), Name(to)}, [&](const db::Row& row) {
    ++moved[{row.String(0), db::Get<RunState>(row, 1)}];
    tx.NoteChange(row.Text(2));
    return absl::OkStatus();
  }));
  for (const auto& [key, runs] : moved) {
    const auto& [name_space, state] = key;
    RETURN_IF_ERROR(RunCountsMove(tx, {experiment_id, name_space, from, state}, to, state, runs));
  }
  return absl::OkStatus();
}

// Moves the last-run times of the experiments of new runs, once for each experiment and version. Runs that
// lack either are refused.
absl::Status TouchExperiments(db::Tx& tx, absl::Span<const RunToInsert> runs,
                              std::vector<absl::Status>* outcomes) {
  struct Touch {
    absl::Time latest = absl::InfinitePast();
    int64_t touched = 0;
    bool experiment_exists = false;
  };
  std::map<std::pair<absl::string_view, absl::string_view>, Touch> touches;
  const auto touch_of = [&](const RunToInsert& run) -> Touch& {
    const absl::string_view version = run.row.pipeline_version_id;
    return touches[{run.row.experiment_id, run.version_must_exist ? version : absl::string_view()}];
  };
  for (const RunToInsert& run : runs) {
    Touch& touch = touch_of(run);
    touch.latest = std::max(touch.latest, run.row.created_at);
  }
  for (auto& [key, touch] : touches) {
    RETURN_IF_ERROR(tx.ExecuteLater(kTouchExperiment, {key.first, touch.latest, key.second},
                                    [&touched = touch.touched](int64_t changed) {
                                      touched = changed;
                                      return absl::OkStatus();
                                    }));
  }
  RETURN_IF_ERROR(tx.Flush());
  // Nothing was touched: the experiment or the version is missing. Asked only then, to say which.
  for (auto& [key, touch] : touches) {
    if (touch.touched > 0) continue;
    RETURN_IF_ERROR(
        tx.Query(kExperimentExists, {key.first}, [&exists = touch.experiment_exists](const db::Row&) {
          exists = true;
          return absl::OkStatus();
        }));
  }
  for (size_t i = 0; i < runs.size(); ++i) {
    const Touch& touch = touch_of(runs[i]);
    if (touch.touched > 0) continue;
    (*outcomes)[i] = touch.experiment_exists ? error::PipelineVersionNotFound(runs[i].row.pipeline_version_id)
                                             : error::ExperimentNotFound(runs[i].row.experiment_id);
  }
  return absl::OkStatus();
}

// A taken id is no error of the database, so that the transaction may go on.
absl::Status InsertRows(db::Tx& tx, absl::Span<const RunToInsert> runs, int64_t first_number,
                        std::vector<absl::Status>* outcomes) {
  static const db::RowsStatement insert(kInsert, kColumns.size());
  std::vector<db::Param> params;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!(*outcomes)[i].ok()) continue;
    kGivenColumns.AppendParams(runs[i].row, &params);
    params.emplace_back(first_number + static_cast<int64_t>(i));
  }
  absl::flat_hash_set<std::string> inserted;
  RETURN_IF_ERROR(insert.Query(tx, params, [&](const db::Row& row) {
    inserted.insert(row.String(0));
    return absl::OkStatus();
  }));
  for (size_t i = 0; i < runs.size(); ++i) {
    // Of two runs with one id the first is inserted.
    if ((*outcomes)[i].ok() && inserted.erase(runs[i].row.run_id) == 0) {
      (*outcomes)[i] = error::RunIdTaken(runs[i].row.run_id);
    }
  }
  return absl::OkStatus();
}

}  // namespace

const ListResource& RunResource() {
  static const ListResource resource = {
      "runs", "runs", "run_id", kFields, /*has_tags=*/true, /*has_metrics=*/true, &RunCells()};
  return resource;
}

absl::Status RunsInsert(db::Tx& tx, absl::Span<const RunToInsert> runs, std::vector<absl::Status>* outcomes) {
  outcomes->assign(runs.size(), absl::OkStatus());
  // Writers come one after the other, so what is read back is what was added here. Numbers of runs that are refused
  // stay unused.
  const auto count = static_cast<int64_t>(runs.size());
  int64_t last_number = 0;
  RETURN_IF_ERROR(CounterAdd(tx, kNumberCounter, count));
  RETURN_IF_ERROR(CounterGetLater(tx, kNumberCounter, &last_number));
  RETURN_IF_ERROR(TouchExperiments(tx, runs, outcomes));
  RETURN_IF_ERROR(InsertRows(tx, runs, last_number - count + 1, outcomes));
  static const db::RowsStatement insert_configs(kInsertConfigs, 1 + kConfigColumns.size());
  static const db::RowsStatement insert_states(kInsertFirstStates, 2 + kStateColumns.size());
  std::vector<db::Param> configs;
  std::vector<db::Param> states;
  std::vector<RunStateRow> first_states;  // which the parameters borrow
  // Growing would move them.
  first_states.reserve(runs.size());
  RunCountsChange counts;
  RunParametersBatch parameters;
  for (size_t i = 0; i < runs.size(); ++i) {
    if (!(*outcomes)[i].ok()) continue;
    const RunRow& row = runs[i].row;
    tx.NoteChange(row.run_id);
    configs.emplace_back(row.run_id);
    kConfigColumns.AppendParams(runs[i].config, &configs);
    states.insert(states.end(), {row.run_id, 1});
    kStateColumns.AppendParams(first_states.emplace_back(RunStateRow{row.state, row.created_at, 0, ""}),
                               &states);
    counts.Add({row.experiment_id, row.namespace_, row.storage_state, row.state}, 1);
    RETURN_IF_ERROR(parameters.Add(row.run_id, runs[i].config.parameters, runs[i].config.parameter_defaults));
  }
  RETURN_IF_ERROR(parameters.Write(tx));
  RETURN_IF_ERROR(insert_configs.ExecuteLater(tx, configs));
  RETURN_IF_ERROR(insert_states.ExecuteLater(tx, states));
  return counts.Write(tx);
}

absl::Status RunInsert(db::Tx& tx, const RunRow& row, const RunConfigRow& config, bool version_must_exist) {
  std::vector<absl::Status> outcomes;
  RETURN_IF_ERROR(RunsInsert(tx, {RunToInsert{row, config, version_must_exist}}, &outcomes));
  return outcomes.front();
}

absl::StatusOr<RunRow> RunGet(db::Tx& tx, absl::string_view run_id) {
  ASSIGN_OR_RETURN(std::optional<RunRow> found, db::QueryRow(tx, kGet, {run_id}, kColumns));
  if (!found.has_value()) return error::RunNotFound(run_id);
  return *std::move(found);
}

absl::StatusOr<std::optional<RunRow>> RunFindByNumber(db::Tx& tx, int64_t number) {
  return db::QueryRow(tx, kFindByNumber, {number}, kColumns);
}

absl::Status RunsFindLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunRows* rows) {
  return db::QueryOfIdsLater(tx, kSelectSome, run_ids, [rows](const db::Row& row) {
    kColumns.ReadInto(row, 0, &(*rows)[row.String(0)]);
    return absl::OkStatus();
  });
}

absl::StatusOr<RunConfigRow> RunConfigGet(db::Tx& tx, absl::string_view run_id) {
  ASSIGN_OR_RETURN(auto configs, RunConfigs(tx, {std::string(run_id)}));
  if (configs.empty()) return error::RunNotFound(run_id);
  return std::move(configs.begin()->second);
}

absl::StatusOr<RunConfigRows> RunConfigs(db::Tx& tx, const std::vector<std::string>& run_ids) {
  RunConfigRows configs;
  RETURN_IF_ERROR(RunConfigsLater(tx, run_ids, configs));
  RETURN_IF_ERROR(tx.Flush());
  return configs;
}

absl::Status RunConfigsLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunConfigRows& configs) {
  return db::QueryOfIdsLater(tx, kSelectConfigs, run_ids, [&configs](const db::Row& row) {
    kConfigColumns.ReadInto(row, 1, &configs[row.String(0)]);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<RunStateRow>> RunStates(db::Tx& tx, absl::string_view run_id) {
  RunStateRows states;
  RETURN_IF_ERROR(RunStatesLater(tx, {std::string(run_id)}, states));
  RETURN_IF_ERROR(tx.Flush());
  return std::move(states[std::string(run_id)]);
}

absl::Status RunStatesLater(db::Tx& tx, const std::vector<std::string>& run_ids, RunStateRows& states) {
  return db::QueryOfIdsLater(tx, kSelectStates, run_ids, [&states](const db::Row& row) {
    std::vector<RunStateRow>& of_run = states[row.String(0)];
    RunStateRow state = kStateColumns.Read(row, 2);
    state.sequence = row.Int64(1);
    // The statement has no order: sorting all runs' states would cost more than putting each in its place.
    const auto is_later = [&state](const RunStateRow& one) { return one.sequence > state.sequence; };
    of_run.insert(std::find_if(of_run.begin(), of_run.end(), is_later), std::move(state));
    return absl::OkStatus();
  });
}

absl::Status RunList(db::Tx& tx, const ListQuery& query, Page<RunRow>& page) {
  return query.Run(tx, kColumns, /*counter=*/"", page);
}

absl::StatusOr<std::vector<std::string>> RunIdsInState(db::Tx& tx, RunState state, int limit) {
  std::vector<std::string> ids;
  RETURN_IF_ERROR(tx.Query(kSelectInState, {Name(state), limit}, [&](const db::Row& row) {
    ids.push_back(row.String(0));
    return absl::OkStatus();
  }));
  return ids;
}

absl::Status RunSetState(db::Tx& tx, absl::string_view run_id, RunState from, const RunStateRow& to) {
  if (!MayMove(from, to.state)) {
    return absl::InternalError(
        absl::StrCat("run ", run_id, " may not move from ", Name(from), " to ", Name(to.state)));
  }
  // The epoch stands for a run that has not ended.
  const absl::Time finished_at = IsFinal(to.state) ? to.updated_at : absl::UnixEpoch();
  RETURN_IF_ERROR(MoveRun(tx, run_id, from, to.state, finished_at));
  // A schedule may wait for this end.
  if (IsFinal(to.state)) RETURN_IF_ERROR(RecurringRunRelease(tx, run_id));
  return AppendState(tx, run_id, to);
}

absl::Status RunReopen(db::Tx& tx, absl::string_view run_id, absl::Time at) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  if (!MayReopen(row.state, RunState::kPending)) return error::RunNotRetryable(run_id, Name(row.state));
  RETURN_IF_ERROR(MoveRun(tx, run_id, row.state, RunState::kPending, absl::UnixEpoch()));
  return AppendState(tx, run_id, {RunState::kPending, at, 0, ""});
}

absl::Status RunSetClientState(db::Tx& tx, absl::string_view run_id, const RunStateRow& to,
                               absl::Time finished_at) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  if (row.driver != RunDriver::kClient) return error::RunDrivenByEngine(run_id);
  RETURN_IF_ERROR(MoveRun(tx, run_id, row.state, to.state, finished_at));
  return row.state == to.state ? absl::OkStatus() : AppendState(tx, run_id, to);
}

absl::Status RunSetStorageState(db::Tx& tx, absl::string_view run_id, StorageState to) {
  tx.NoteChange(run_id);
  std::optional<RunRow> moved;
  RETURN_IF_ERROR(tx.Query(kSetStorageState, {run_id, Name(to)}, [&](const db::Row& row) {
    moved.emplace();
    moved->experiment_id = row.String(0);
    moved->namespace_ = row.String(1);
    moved->state = db::Get<RunState>(row, 2);
    return absl::OkStatus();
  }));
  if (!moved.has_value()) return RunGet(tx, run_id).status();  // it was in `to` already, or is not there
  const StorageState from =
      to == StorageState::kArchived ? StorageState::kAvailable : StorageState::kArchived;
  return RunCountsMove(tx, {moved->experiment_id, moved->namespace_, from, moved->state}, to, moved->state,
                       1);
}

absl::Status RunsArchive(db::Tx& tx, absl::string_view experiment_id) {
  return MoveRuns(tx, experiment_id, StorageState::kAvailable, StorageState::kArchived);
}

absl::Status RunsUnarchive(db::Tx& tx, absl::string_view experiment_id) {
  return MoveRuns(tx, experiment_id, StorageState::kArchived, StorageState::kAvailable);
}

absl::Status RunSetDescription(db::Tx& tx, absl::string_view run_id, absl::string_view description) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetDescription, {run_id, description}));
  return changed == 0 ? error::RunNotFound(run_id) : absl::OkStatus();
}

absl::Status RunSetDisplayName(db::Tx& tx, absl::string_view run_id, absl::string_view display_name) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetDisplayName, {run_id, display_name}));
  return changed == 0 ? error::RunNotFound(run_id) : absl::OkStatus();
}

absl::Status RunDelete(db::Tx& tx, absl::string_view run_id, absl::Time now) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  ASSIGN_OR_RETURN(const RunConfigRow config, RunConfigGet(tx, run_id));
  // Both look the run up, and the artifacts would go with it.
  ASSIGN_OR_RETURN(const int64_t given, tx.Execute(kGiveSharedArtifacts, {run_id}));
  if (given > 0) RETURN_IF_ERROR(tx.ExecuteLater(kOwnSharedArtifacts, {run_id}));
  ASSIGN_OR_RETURN(const int64_t artifacts, ContentRemovalAdd(tx, row, config, now));
  if (artifacts > 0) RETURN_IF_ERROR(CounterAdd(tx, "artifacts", -artifacts));
  RETURN_IF_ERROR(RecurringRunRelease(tx, run_id));
  RETURN_IF_ERROR(tx.Execute(kDelete, {run_id}).status());
  // No foreign key takes these along: tags have owners of several kinds, and specs are shared.
  RETURN_IF_ERROR(TagsDelete(tx, run_id));
  RETURN_IF_ERROR(TagsDeleteBelow(tx, TaskTagOwner(run_id, "")));
  RETURN_IF_ERROR(RecordedTasksForget(tx, run_id));
  RETURN_IF_ERROR(SpecDeleteUnused(tx, config.spec_sha256));
  return RunCountsAdd(tx, {row.experiment_id, row.namespace_, row.storage_state, row.state}, -1);
}

}  // namespace penstock
