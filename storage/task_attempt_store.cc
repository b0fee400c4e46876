#include "storage/task_attempt_store.h"

#include <optional>
#include <utility>

#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/task_key.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr auto kInsertColumns = db::Columns(
    db::Key("run_id", &TaskAttemptRow::run_id), db::Key("task_id", &TaskAttemptRow::task_id),
    db::Key("number", &TaskAttemptRow::number), db::Column("attempt_id", &TaskAttemptRow::attempt_id),
    db::Column("log_path", &TaskAttemptRow::log_path),
    db::Column("created_at_us", &TaskAttemptRow::created_at), db::Column("holder", &TaskAttemptRow::holder),
    db::Column("setup_sha256", &TaskAttemptRow::setup_sha256));
constexpr auto kFinishColumns = db::Columns(
    db::Column("outcome", &TaskAttemptRow::outcome), db::Column("exit_code", &TaskAttemptRow::exit_code),
    db::Column("signal", &TaskAttemptRow::signal), db::Column("message", &TaskAttemptRow::message),
    db::Column("log_tail", &TaskAttemptRow::log_tail), db::Column("cpu_time_us", &TaskAttemptRow::cpu_time),
    db::Column("max_rss_bytes", &TaskAttemptRow::max_rss_bytes),
    db::Column("started_at_us", &TaskAttemptRow::started_at),
    db::Column("finished_at_us", &TaskAttemptRow::finished_at),
    db::Column("environment", &TaskAttemptRow::environment),
    db::Column("packages", &TaskAttemptRow::packages),
    db::Column("place_sha256", &TaskAttemptRow::place_sha256),
    db::Column("disrupted", &TaskAttemptRow::disrupted));
constexpr auto kColumns = db::Join(kInsertColumns, kFinishColumns);
constexpr db::SqlText kInsert = kInsertColumns.Sql(R"sql(
  INSERT INTO task_attempts
    ($columns, outcome, message, log_tail, cpu_time_us, max_rss_bytes, started_at_us, finished_at_us)
  VALUES ($values, '', '', '', 0, 0, 0, 0))sql");
// An outcome that is not empty is final.
constexpr db::SqlText kFinish = kFinishColumns.SqlFrom(4, R"sql(
  UPDATE task_attempts SET $assignments
  WHERE run_id = $1 AND task_id = $2 AND number = $3 AND outcome = '')sql");
constexpr char kExists[] = "SELECT 1 FROM task_attempts WHERE run_id = $1 AND task_id = $2 AND number = $3";
constexpr db::SqlText kList =
    kColumns.Sql("SELECT $columns FROM task_attempts WHERE run_id = $1 ORDER BY task_id, number");
constexpr db::SqlText kListAfter = kColumns.Sql(R"sql(
  SELECT $columns FROM task_attempts WHERE run_id = $1 AND task_id = $2 AND number > $3 ORDER BY number LIMIT $4)sql");
constexpr db::SqlText kSelectSome = kColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN task_attempts WHERE run_id = column1 AND task_id = column2
  ORDER BY task_id, number)sql");
// Number 0 stands for the newest.
constexpr db::SqlText kFind = kColumns.Sql(R"sql(
  SELECT $columns FROM task_attempts
  WHERE run_id = $1 AND task_id = $2 AND ($3 = 0 OR number = $3) ORDER BY number DESC LIMIT 1)sql");
constexpr char kTaskIsFromCache[] = R"sql(
  SELECT 1 FROM tasks t WHERE t.run_id = $1 AND t.task_id = $2 AND t.state = 'SUCCEEDED' AND t.cache_decision <> ''
    AND NOT EXISTS (SELECT 1 FROM task_attempts a WHERE a.run_id = $1 AND a.task_id = $2))sql";

}  // namespace

absl::Status TaskAttemptInsert(db::Tx& tx, const TaskAttemptRow& row) {
  tx.NoteChange(row.run_id);
  return tx.ExecuteLater(kInsert, kInsertColumns.Params(row), nullptr);
}

absl::Status TaskAttemptFinish(db::Tx& tx, const TaskAttemptRow& row) {
  tx.NoteChange(row.run_id);
  // The check may run after this call has returned, so it keeps what it needs of the row.
  const auto check = [&tx, run_id = row.run_id, task_id = row.task_id, number = row.number,
                      attempt_id = row.attempt_id](int64_t changed) -> absl::Status {
    if (changed > 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool exists, db::Exists(tx, kExists, {run_id, task_id, number}));
    return exists ? error::TaskAttemptEnded(attempt_id) : error::TaskNotFound(run_id, task_id);
  };
  return tx.ExecuteLater(kFinish, kFinishColumns.Params(row, row.run_id, row.task_id, row.number), check);
}

absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kList, {run_id}, kColumns);
}

absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptsAfter(db::Tx& tx, absl::string_view run_id,
                                                              absl::string_view task, int after, int limit) {
  ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, run_id, task));
  return db::QueryRows(tx, kListAfter, {run_id, task_id, after, limit}, kColumns);
}

absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptsOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectSome, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kColumns);
}

absl::StatusOr<TaskAttemptRow> TaskAttemptFind(db::Tx& tx, absl::string_view run_id, absl::string_view task,
                                               int number) {
  ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, run_id, task));
  ASSIGN_OR_RETURN(std::optional<TaskAttemptRow> found,
                   db::QueryRow(tx, kFind, {run_id, task_id, number}, kColumns));
  if (found.has_value()) return *std::move(found);
  if (number != 0) return error::TaskAttemptNotFound(task, number);
  ASSIGN_OR_RETURN(const bool from_cache, db::Exists(tx, kTaskIsFromCache, {run_id, task_id}));
  return from_cache ? error::TaskDidNotRun(task) : error::TaskNotStarted(task);
}

}  // namespace penstock
