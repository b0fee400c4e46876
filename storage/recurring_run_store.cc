#include "storage/recurring_run_store.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/experiment_store.h"
#include "storage/pipeline_store.h"
#include "storage/setting_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

constexpr char kColumns[] =
    "recurring_run_id, experiment_id, namespace, display_name, description, run_name, service_account, "
    "pipeline_id, pipeline_version_id, spec_sha256, pipeline_root, max_concurrency, no_catchup, enabled, "
    "trigger_kind, cron, interval_seconds, start_at_us, end_at_us, time_zone, created_at_us, updated_at_us, "
    "next_due_at_us, wake_at_us, run_count, revision, error_code, error_message, parameters, plugins_input, "
    "cache_enabled, cache_max_age_us";
constexpr int kColumnCount = 32;
constexpr char kInsert[] = R"sql(
  INSERT INTO recurring_runs
    (recurring_run_id, experiment_id, namespace, display_name, description, run_name, service_account, pipeline_id,
     pipeline_version_id, spec_sha256, pipeline_root, max_concurrency, no_catchup, enabled, trigger_kind, cron,
     interval_seconds, start_at_us, end_at_us, time_zone, created_at_us, updated_at_us, next_due_at_us, wake_at_us,
     run_count, revision, error_code, error_message, parameters, plugins_input, cache_enabled, cache_max_age_us)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
          $24, $25, $26, $27, $28, $29, $30, $31, $32))sql";
constexpr char kUpdate[] = R"sql(
  UPDATE recurring_runs
  SET display_name = $3, description = $4, service_account = $5, pipeline_id = $6, pipeline_version_id = $7,
      spec_sha256 = $8, pipeline_root = $9, max_concurrency = $10, no_catchup = $11, enabled = $12,
      trigger_kind = $13, cron = $14, interval_seconds = $15, start_at_us = $16, end_at_us = $17, time_zone = $18,
      updated_at_us = $19, next_due_at_us = $20, wake_at_us = CASE WHEN CAST($12 AS BIGINT) = 1 THEN CAST($20 AS BIGINT) END,
      parameters = $21, plugins_input = $22, cache_enabled = $23, cache_max_age_us = $24, revision = revision + 1
  WHERE recurring_run_id = $1 AND revision = $2)sql";
constexpr char kSetEnabled[] = R"sql(
  UPDATE recurring_runs
  SET enabled = $2, wake_at_us = CASE WHEN $2 = 1 THEN next_due_at_us END, updated_at_us = $3,
      revision = revision + 1
  WHERE recurring_run_id = $1 AND enabled <> $2)sql";
constexpr char kDisableAll[] = R"sql(
  UPDATE recurring_runs SET enabled = 0, wake_at_us = NULL, updated_at_us = $2, revision = revision + 1
  WHERE experiment_id = $1 AND enabled = 1)sql";
constexpr char kDelete[] = "DELETE FROM recurring_runs WHERE recurring_run_id = $1";
constexpr char kDueFrom[] = R"sql(
  , (SELECT COUNT(*) FROM runs u
     WHERE u.recurring_run_id = r.recurring_run_id AND u.recurring_run_id <> ''
       AND u.state IN ('PENDING', 'RUNNING', 'CANCELING'))
  , (SELECT COUNT(*) FROM schedule_ticks t
     WHERE t.recurring_run_id = r.recurring_run_id AND t.due_at_us = r.next_due_at_us
       AND t.decision = 'OVERLAPPED')
  , (SELECT COUNT(*) FROM experiments e WHERE e.experiment_id = r.experiment_id)
  FROM recurring_runs r WHERE wake_at_us <= $1 AND (wake_at_us, recurring_run_id) > ($3, $4)
  ORDER BY wake_at_us, recurring_run_id LIMIT $2)sql";
constexpr int kDueAtOnce = 32;  // in one answer, which is in memory as a whole
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
  return time.has_value() ? db::Param(*time) : db::Param(db::Null{});
}
db::Param SpecOrNull(const std::string& spec_sha256) {
  return spec_sha256.empty() ? db::Param(db::Null{}) : db::Param(spec_sha256);
}
std::optional<absl::Time> TimeOrNothing(const db::Row& row, int column) {
  if (row.IsNull(column)) return std::nullopt;
  return row.Time(column);
}

RecurringRunRow Read(const db::Row& row) {
  RecurringRunRow read;
  read.recurring_run_id = row.String(0);
  read.experiment_id = row.String(1);
  read.namespace_ = row.String(2);
  read.display_name = row.String(3);
  read.description = row.String(4);
  read.run_name = row.String(5);
  read.service_account = row.String(6);
  read.pipeline_id = row.String(7);
  read.pipeline_version_id = row.String(8);
  if (!row.IsNull(9)) read.spec_sha256 = row.String(9);
  read.pipeline_root = row.String(10);
  read.max_concurrency = row.Int64(11);
  read.no_catchup = row.Int64(12) != 0;
  read.enabled = row.Int64(13) != 0;
  read.trigger.kind = TriggerKindFromName(row.Text(14)).value_or(TriggerKind::kOnce);
  read.trigger.cron = row.String(15);
  read.trigger.interval_seconds = row.Int64(16);
  read.trigger.start_at = TimeOrNothing(row, 17);
  read.trigger.end_at = TimeOrNothing(row, 18);
  read.trigger.time_zone = row.String(19);
  read.created_at = row.Time(20);
  read.updated_at = row.Time(21);
  read.next_due_at = TimeOrNothing(row, 22);
  read.wake_at = TimeOrNothing(row, 23);
  read.run_count = row.Int64(24);
  read.revision = row.Int64(25);
  read.error_code = static_cast<int>(row.Int64(26));
  read.error_message = row.String(27);
  read.parameters = row.String(28);
  read.plugins_input = row.String(29);
  read.cache_enabled = row.Int64(30) != 0;
  read.cache_max_age = absl::Microseconds(row.Int64(31));
  return read;
}

}  // namespace

const ListResource& RecurringRunResource() {
  static constexpr ListResource resource = {"recurring runs", "recurring_runs", "recurring_run_id", kFields};
  return resource;
}

absl::Status RecurringRunInsert(db::Tx& tx, const RecurringRunRow& row) {
  RETURN_IF_ERROR(ExperimentGet(tx, row.experiment_id).status());
  if (!row.pipeline_version_id.empty())
    RETURN_IF_ERROR(PipelineVersionGetWithoutTags(tx, row.pipeline_version_id).status());
  RETURN_IF_ERROR(tx.Execute(kInsert, {row.recurring_run_id,
                                       row.experiment_id,
                                       row.namespace_,
                                       row.display_name,
                                       row.description,
                                       row.run_name,
                                       row.service_account,
                                       row.pipeline_id,
                                       row.pipeline_version_id,
                                       SpecOrNull(row.spec_sha256),
                                       row.pipeline_root,
                                       row.max_concurrency,
                                       row.no_catchup,
                                       row.enabled,
                                       Name(row.trigger.kind),
                                       row.trigger.cron,
                                       row.trigger.interval_seconds,
                                       OrNull(row.trigger.start_at),
                                       OrNull(row.trigger.end_at),
                                       row.trigger.time_zone,
                                       row.created_at,
                                       row.updated_at,
                                       OrNull(row.next_due_at),
                                       row.enabled ? OrNull(row.next_due_at) : db::Param(db::Null{}),
                                       row.run_count,
                                       row.revision,
                                       row.error_code,
                                       row.error_message,
                                       row.parameters,
                                       row.plugins_input,
                                       row.cache_enabled,
                                       absl::ToInt64Microseconds(row.cache_max_age)})
                      .status());
  return CountersAdd(tx, kCounter, ExperimentCounter(row.experiment_id), 1);
}

absl::StatusOr<RecurringRunRow> RecurringRunGet(db::Tx& tx, absl::string_view recurring_run_id) {
  std::optional<RecurringRunRow> found;
  static const std::string sql =
      absl::StrCat("SELECT ", kColumns, " FROM recurring_runs WHERE recurring_run_id = $1");
  RETURN_IF_ERROR(tx.Query(sql, {recurring_run_id}, [&](const db::Row& row) {
    found = Read(row);
    return absl::OkStatus();
  }));
  if (!found.has_value()) return error::RecurringRunNotFound(recurring_run_id);
  return *std::move(found);
}

absl::Status RecurringRunList(db::Tx& tx, absl::string_view experiment_id, const ListQuery& query,
                              Page<RecurringRunRow>& page) {
  return query.Run(tx, kColumns, kColumnCount,
                   experiment_id.empty() ? std::string(kCounter) : ExperimentCounter(experiment_id), Read,
                   page);
}

absl::Status RecurringRunUpdate(db::Tx& tx, const RecurringRunRow& row, absl::string_view old_spec_sha256) {
  ASSIGN_OR_RETURN(const int64_t changed,
                   tx.Execute(kUpdate, {row.recurring_run_id,
                                        row.revision,
                                        row.display_name,
                                        row.description,
                                        row.service_account,
                                        row.pipeline_id,
                                        row.pipeline_version_id,
                                        SpecOrNull(row.spec_sha256),
                                        row.pipeline_root,
                                        row.max_concurrency,
                                        row.no_catchup,
                                        row.enabled,
                                        Name(row.trigger.kind),
                                        row.trigger.cron,
                                        row.trigger.interval_seconds,
                                        OrNull(row.trigger.start_at),
                                        OrNull(row.trigger.end_at),
                                        row.trigger.time_zone,
                                        row.updated_at,
                                        OrNull(row.next_due_at),
                                        row.parameters,
                                        row.plugins_input,
                                        row.cache_enabled,
                                        absl::ToInt64Microseconds(row.cache_max_age)}));
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
  static const std::string sql = absl::StrCat("SELECT ", kColumns, kDueFrom);
  const auto left = [&] { return limit - static_cast<int>(due.size()); };
  int64_t bytes = 0;
  for (bool more = true; more && left() > 0 && bytes < limits::kScheduleBytesPerPass;) {
    const int wanted = std::min(left(), kDueAtOnce);
    const absl::Time last = due.empty() ? absl::FromUnixMicros(INT64_MIN) : *due.back().row.wake_at;
    const std::string last_id = due.empty() ? "" : due.back().row.recurring_run_id;
    int found = 0;
    RETURN_IF_ERROR(tx.Query(sql, {now, wanted, last, last_id}, [&](const db::Row& row) {
      ++found;
      due.push_back({Read(row), row.Int64(kColumnCount), row.Int64(kColumnCount + 1) > 0,
                     row.Int64(kColumnCount + 2) > 0});
      bytes += due.back().row.parameters.size() + due.back().row.plugins_input.size();
      return absl::OkStatus();
    }));
    more = found == wanted;
  }
  return due;
}

absl::StatusOr<std::optional<absl::Time>> RecurringRunNextWake(db::Tx& tx) {
  std::optional<absl::Time> wake;
  RETURN_IF_ERROR(tx.Query(kNextWake, {}, [&](const db::Row& row) {
    wake = row.Time(0);
    return absl::OkStatus();
  }));
  return wake;
}

absl::Status RecurringRunsAdvance(db::Tx& tx, absl::Span<const RecurringRunMove> moves,
                                  std::vector<bool>& moved) {
  moved.assign(moves.size(), false);
  for (size_t i = 0; i < moves.size(); ++i) {
    const RecurringRunMove& move = moves[i];
    const RecurringRunRow& read = move.read->row;
    RETURN_IF_ERROR(tx.ExecuteLater(
        kAdvance,
        {read.recurring_run_id, read.revision, OrNull(read.next_due_at), OrNull(move.next_due_at),
         move.run_count, move.error_code, move.error_message, move.waits},
        [&moved, i](int64_t changed) {
          moved[i] = changed > 0;
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
