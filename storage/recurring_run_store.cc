#include "storage/recurring_run_store.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/experiment_store.h"
#include "storage/pipeline_store.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

// What an edit leaves as it is, or changes in a way of its own.
constexpr auto kKeptColumns = db::Columns(
    db::Key("recurring_run_id", &RecurringRunRow::recurring_run_id),
    db::Column("experiment_id", &RecurringRunRow::experiment_id),
    db::Column("namespace", &RecurringRunRow::namespace_), db::Column("run_name", &RecurringRunRow::run_name),
    db::Column("created_at_us", &RecurringRunRow::created_at),
    db::Column("run_count", &RecurringRunRow::run_count), db::Column("revision", &RecurringRunRow::revision),
    db::Column("error_code", &RecurringRunRow::error_code),
    db::Column("error_message", &RecurringRunRow::error_message));
// What an edit writes anew.
constexpr auto kEditColumns = db::Columns(
    db::Column("display_name", &RecurringRunRow::display_name),
    db::Column("description", &RecurringRunRow::description),
    db::Column("service_account", &RecurringRunRow::service_account),
    db::Column("pipeline_id", &RecurringRunRow::pipeline_id),
    db::Column("pipeline_version_id", &RecurringRunRow::pipeline_version_id),
    db::Column<db::NullIfEmpty>("spec_sha256", &RecurringRunRow::spec_sha256),
    db::Column("pipeline_root", &RecurringRunRow::pipeline_root),
    db::Column("max_concurrency", &RecurringRunRow::max_concurrency),
    db::Column("no_catchup", &RecurringRunRow::no_catchup), db::Column("enabled", &RecurringRunRow::enabled),
    db::Column("enabled_at_us", &RecurringRunRow::enabled_at),
    db::Column("trigger_kind", &RecurringRunRow::trigger, &TriggerSpec::kind),
    db::Column("cron", &RecurringRunRow::trigger, &TriggerSpec::cron),
    db::Column("interval_seconds", &RecurringRunRow::trigger, &TriggerSpec::interval_seconds),
    db::Column("start_at_us", &RecurringRunRow::trigger, &TriggerSpec::start_at),
    db::Column("end_at_us", &RecurringRunRow::trigger, &TriggerSpec::end_at),
    db::Column("time_zone", &RecurringRunRow::trigger, &TriggerSpec::time_zone),
    db::Column("updated_at_us", &RecurringRunRow::updated_at),
    db::Column("next_due_at_us", &RecurringRunRow::next_due_at),
    db::Column("wake_at_us", &RecurringRunRow::wake_at),
    db::Column("parameters", &RecurringRunRow::parameters),
    db::Column("plugins_input", &RecurringRunRow::plugins_input),
    db::Column("cache_enabled", &RecurringRunRow::cache_enabled),
    db::Column("cache_max_age_us", &RecurringRunRow::cache_max_age));
constexpr auto kColumns = db::Join(kKeptColumns, kEditColumns);
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO recurring_runs ($columns) VALUES ($values)");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM recurring_runs WHERE recurring_run_id = $1");
constexpr db::SqlText kUpdate = kEditColumns.SqlFrom(3, R"sql(
  UPDATE recurring_runs SET $assignments, revision = revision + 1
  WHERE recurring_run_id = $1 AND revision = $2)sql");
constexpr char kSetEnabled[] = R"sql(
  UPDATE recurring_runs
  SET enabled = $2, enabled_at_us = CASE WHEN $2 = 1 THEN $3 ELSE enabled_at_us END, wake_at_us = CASE WHEN $2 = 1 THEN next_due_at_us END, updated_at_us = $3,
      revision = revision + 1
  WHERE recurring_run_id = $1 AND enabled <> $2)sql";
constexpr char kDisableAll[] = R"sql(
  UPDATE recurring_runs SET enabled = 0, wake_at_us = NULL, updated_at_us = $2, revision = revision + 1
  WHERE experiment_id = $1 AND enabled = 1)sql";
constexpr char kDelete[] = "DELETE FROM recurring_runs WHERE recurring_run_id = $1";
// Pages by place in the index, behind the last one that was read. `<> ''` lets a partial index of runs serve.
constexpr db::SqlText kDue = kColumns.Sql(R"sql(
  SELECT $columns,
    (SELECT COUNT(*) FROM runs u
     WHERE u.recurring_run_id = r.recurring_run_id AND u.recurring_run_id <> ''
       AND u.state IN ('PENDING', 'RUNNING', 'CANCELING')),
    (SELECT COUNT(*) FROM schedule_ticks t
     WHERE t.recurring_run_id = r.recurring_run_id AND t.due_at_us = r.next_due_at_us
       AND t.decision = 'OVERLAPPED'),
    (SELECT COUNT(*) FROM experiments e WHERE e.experiment_id = r.experiment_id)
  FROM recurring_runs r WHERE wake_at_us <= $1 AND (wake_at_us, recurring_run_id) > ($3, $4)
  ORDER BY wake_at_us, recurring_run_id LIMIT $2)sql");
constexpr int kDueCounts = kColumns.size();  // the position of the first of the three counts
constexpr int kDueAtOnce = 32;               // in one answer, which is in memory as a whole
constexpr char kNextWake[] =
    "SELECT wake_at_us FROM recurring_runs WHERE wake_at_us IS NOT NULL ORDER BY wake_at_us LIMIT 1";
// Whether it waits is decided here, where no run can end at the same time.
constexpr char kAdvance[] = R"sql(
  UPDATE recurring_runs
  SET next_due_at_us = $4, run_count = $5, error_code = $6, error_message = $7,
      wake_at_us = CASE
        WHEN $8 = 1 AND max_concurrency <=
          (SELECT COUNT(*) FROM runs u
           WHERE u.recurring_run_id = $1 AND u.recurring_run_id <> ''
             AND u.state IN ('PENDING', 'RUNNING', 'CANCELING')) THEN NULL
        ELSE CAST($4 AS BIGINT) END
  WHERE recurring_run_id = $1 AND revision = $2 AND next_due_at_us = $3)sql";
constexpr char kFail[] = R"sql(
  UPDATE recurring_runs
  SET enabled = 0, wake_at_us = NULL, updated_at_us = $2, revision = revision + 1, error_code = $3, error_message = $4
  WHERE recurring_run_id = $1)sql";
// One that is enabled, has a slot and no time to look at it is one that waits for a run.
constexpr char kRelease[] = R"sql(
  UPDATE recurring_runs SET wake_at_us = next_due_at_us
  WHERE recurring_run_id = (SELECT recurring_run_id FROM runs WHERE run_id = $1)
    AND enabled = 1 AND wake_at_us IS NULL AND next_due_at_us IS NOT NULL)sql";

constexpr char kCounter[] = "recurring_runs";

constexpr ListField kFields[] = {
    {"id", "recurring_run_id"},
    {"recurring_run_id", "recurring_run_id"},
    {"name", "display_name"},
    {"display_name", "display_name"},
    {"created_at", "created_at_us", FieldType::kTime},
    {"updated_at", "updated_at_us", FieldType::kTime},
    {"description", "description", FieldType::kText, true, {}, {}, /*is_long=*/true},
};

std::string ExperimentCounter(absl::string_view experiment_id) {
  return absl::StrCat("recurring_runs/experiment/", experiment_id);
}

db::Param OrNull(const std::optional<absl::Time>& time) {
  return db::Stored<std::optional<absl::Time>>::Write(time);
}

// The row as it is stored when it was made or edited: it is looked at when its next slot is due, if it is
// enabled.
RecurringRunRow WithWake(RecurringRunRow row) {
  row.wake_at = row.enabled ? row.next_due_at : std::nullopt;
  return row;
}

}  // namespace

const ListResource& RecurringRunResource() {
  static constexpr ListResource resource = {"recurring runs", "recurring_runs", "recurring_run_id", kFields};
  return resource;
}

absl::Status RecurringRunInsert(db::Tx& tx, const RecurringRunRow& row) {
  RETURN_IF_ERROR(ExperimentGet(tx, row.experiment_id).status());
  // No foreign keys: a schedule outlives its experiment and its pipeline, and its ticks then say why nothing
  // runs.
  if (!row.pipeline_version_id.empty()) {
    RETURN_IF_ERROR(PipelineVersionGetWithoutTags(tx, row.pipeline_version_id).status());
  }
  RETURN_IF_ERROR(tx.Execute(kInsert, kColumns.Params(WithWake(row))).status());
  return CountersAdd(tx, kCounter, ExperimentCounter(row.experiment_id), 1);
}

absl::StatusOr<RecurringRunRow> RecurringRunGet(db::Tx& tx, absl::string_view recurring_run_id) {
  ASSIGN_OR_RETURN(auto found, db::QueryRow(tx, kGet, {recurring_run_id}, kColumns));
  if (!found.has_value()) return error::RecurringRunNotFound(recurring_run_id);
  return *std::move(found);
}

absl::Status RecurringRunList(db::Tx& tx, absl::string_view experiment_id, const ListQuery& query,
                              Page<RecurringRunRow>& page) {
  return query.Run(tx, kColumns, experiment_id.empty() ? kCounter : ExperimentCounter(experiment_id), page);
}

absl::Status RecurringRunUpdate(db::Tx& tx, const RecurringRunRow& row, absl::string_view old_spec_sha256) {
  const RecurringRunRow stored = WithWake(row);
  ASSIGN_OR_RETURN(const int64_t changed,
                   tx.Execute(kUpdate, kEditColumns.Params(stored, row.recurring_run_id, row.revision)));
  if (changed == 0) {
    RETURN_IF_ERROR(RecurringRunGet(tx, row.recurring_run_id).status());
    return error::RecurringRunMoved(row.recurring_run_id);
  }
  return old_spec_sha256.empty() || old_spec_sha256 == row.spec_sha256
             ? absl::OkStatus()
             : SpecDeleteUnused(tx, old_spec_sha256);
}

absl::Status RecurringRunSetEnabled(db::Tx& tx, absl::string_view recurring_run_id, bool enabled,
                                    absl::Time now) {
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetEnabled, {recurring_run_id, enabled, now}));
  return changed > 0 ? absl::OkStatus() : RecurringRunGet(tx, recurring_run_id).status();
}

absl::Status RecurringRunsDisable(db::Tx& tx, absl::string_view experiment_id, absl::Time now) {
  return tx.Execute(kDisableAll, {experiment_id, now}).status();
}

absl::Status RecurringRunDelete(db::Tx& tx, absl::string_view recurring_run_id) {
  ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunGet(tx, recurring_run_id));
  RETURN_IF_ERROR(tx.Execute(kDelete, {recurring_run_id}).status());
  if (!row.spec_sha256.empty()) RETURN_IF_ERROR(SpecDeleteUnused(tx, row.spec_sha256));
  return CountersAdd(tx, kCounter, ExperimentCounter(row.experiment_id), -1);
}

absl::StatusOr<std::vector<DueRecurringRun>> RecurringRunsDue(db::Tx& tx, absl::Time now, int limit) {
  std::vector<DueRecurringRun> due;
  const auto left = [&] { return limit - static_cast<int>(due.size()); };
  // Rows bring their parameters along, up to megabytes each, so bytes end a batch as well.
  int64_t bytes = 0;
  for (bool more = true; more && left() > 0 && bytes < limits::kScheduleBytesPerPass;) {
    const int wanted = std::min(left(), kDueAtOnce);
    const absl::Time last = due.empty() ? absl::FromUnixMicros(INT64_MIN) : *due.back().row.wake_at;
    const std::string last_id = due.empty() ? "" : due.back().row.recurring_run_id;
    int found = 0;
    RETURN_IF_ERROR(tx.Query(kDue, {now, wanted, last, last_id}, [&](const db::Row& row) {
      ++found;
      due.push_back({kColumns.Read(row), row.Int64(kDueCounts), row.Int64(kDueCounts + 1) > 0,
                     row.Int64(kDueCounts + 2) > 0});
      bytes += due.back().row.parameters.size() + due.back().row.plugins_input.size();
      return absl::OkStatus();
    }));
    more = found == wanted;
  }
  return due;
}

absl::StatusOr<std::optional<absl::Time>> RecurringRunNextWake(db::Tx& tx) {
  return db::QueryValue<absl::Time>(tx, kNextWake, {});
}

// Compare-and-set by revision and slot: one that was edited or decided meanwhile does not move.
absl::Status RecurringRunsAdvance(db::Tx& tx, absl::Span<const RecurringRunMove> moves,
                                  std::vector<bool>* moved) {
  moved->assign(moves.size(), false);
  for (size_t i = 0; i < moves.size(); ++i) {
    const RecurringRunMove& move = moves[i];
    const RecurringRunRow& read = move.read->row;
    RETURN_IF_ERROR(tx.ExecuteLater(
        kAdvance,
        {read.recurring_run_id, read.revision, OrNull(read.next_due_at), OrNull(move.next_due_at),
         move.run_count, move.error_code, move.error_message, move.waits},
        [moved, i](int64_t changed) {
          (*moved)[i] = changed > 0;
          return absl::OkStatus();
        }));
  }
  return tx.Flush();
}

absl::Status RecurringRunFail(db::Tx& tx, absl::string_view recurring_run_id, int error_code,
                              absl::string_view error_message, absl::Time now) {
  return tx.ExecuteLater(kFail, {recurring_run_id, now, error_code, error_message});
}

absl::Status RecurringRunRelease(db::Tx& tx, absl::string_view run_id) {
  return tx.ExecuteLater(kRelease, {run_id});
}

}  // namespace penstock
