#include "storage/task_record_store.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/setting_store.h"
#include "storage/task_key.h"

namespace penstock {
namespace {

// Bytes, which no text column would take.
struct AsBlob {
  static db::Param Write(const std::string& value) { return db::Blob{value}; }
  static void Read(const db::Row& row, int column, std::string* value) {
    const absl::string_view bytes = row.Bytes(column);
    value->assign(bytes.data(), bytes.size());
  }
};

constexpr auto kColumns =
    db::Columns(db::Key("run_id", &TaskRecordRow::run_id), db::Key("task_id", &TaskRecordRow::task_id),
                db::Column("namespace", &TaskRecordRow::namespace_),
                db::Column("cache_fingerprint", &TaskRecordRow::cache_fingerprint),
                db::Column<AsBlob>("record", &TaskRecordRow::record));
constexpr db::SqlText kPut = kColumns.Sql(
    "INSERT INTO task_records ($columns) VALUES ($values) ON CONFLICT (run_id, task_id) DO UPDATE SET "
    "$excluded");
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO task_records ($columns) VALUES $rows");
constexpr db::SqlText kList =
    kColumns.Sql("SELECT $columns FROM task_records WHERE run_id = $1 ORDER BY task_id");
constexpr char kBytes[] = "SELECT COALESCE(SUM(length(record)), 0) FROM task_records WHERE run_id = $1";
constexpr char kCount[] = "SELECT COUNT(*) FROM task_records WHERE run_id = $1";
constexpr char kCounted[] = "SELECT value FROM counters WHERE name = $1";
constexpr db::SqlText kSelectSome = kColumns.Sql(
    "SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN task_records WHERE run_id = column1 AND task_id "
    "= column2");
// Ids of tasks that came later are greater.
constexpr char kFindCached[] = R"sql(
  SELECT r.run_id, r.task_id FROM task_records r CROSS JOIN tasks t
  WHERE r.namespace = $1 AND r.cache_fingerprint = $2 AND r.cache_fingerprint <> ''
    AND t.run_id = r.run_id AND t.task_id = r.task_id AND t.state = 'SUCCEEDED'
  ORDER BY r.task_id DESC LIMIT 1)sql";
constexpr auto kKeyColumns =
    db::Columns(db::Column("run_id", &TaskKey::run_id), db::Column("task_id", &TaskKey::task_id));

std::string CounterOf(absl::string_view run_id) { return absl::StrCat("recorded_tasks/", run_id); }

}  // namespace

absl::Status TaskRecordPut(db::Tx& tx, const TaskRecordRow& row) {
  return tx.ExecuteLater(kPut, kColumns.Params(row), nullptr);
}

absl::Status TaskRecordsInsert(db::Tx& tx, const std::vector<TaskRecordRow>& rows) {
  static const db::RowsStatement insert(kInsert, kColumns.size());
  std::vector<db::Param> params;
  for (const TaskRecordRow& row : rows) kColumns.AppendParams(row, &params);
  return insert.ExecuteLater(tx, params);
}

absl::StatusOr<std::vector<TaskRecordRow>> TaskRecordList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kList, {run_id}, kColumns);
}

absl::StatusOr<int64_t> TaskRecordBytes(db::Tx& tx, absl::string_view run_id) {
  return db::QueryNumber(tx, kBytes, {run_id});
}

absl::StatusOr<int64_t> RecordedTaskAdd(db::Tx& tx, absl::string_view run_id) {
  const std::string counter = CounterOf(run_id);
  ASSIGN_OR_RETURN(const std::optional<int64_t> counted, db::QueryValue<int64_t>(tx, kCounted, {counter}));
  if (counted.has_value()) {
    RETURN_IF_ERROR(CounterAdd(tx, counter, 1));
    return *counted + 1;
  }
  // The first since the run was made, imported, or stored by a program that did not count.
  ASSIGN_OR_RETURN(const int64_t known, db::QueryNumber(tx, kCount, {run_id}));
  RETURN_IF_ERROR(CounterAdd(tx, counter, known + 1));
  return known + 1;
}

absl::Status RecordedTasksForget(db::Tx& tx, absl::string_view run_id) {
  return CounterDelete(tx, CounterOf(run_id));
}

absl::StatusOr<std::vector<TaskRecordRow>> TaskRecordsOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectSome, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kColumns);
}

absl::StatusOr<std::optional<TaskKey>> TaskRecordFindCached(db::Tx& tx, absl::string_view namespace_,
                                                            absl::string_view fingerprint) {
  return db::QueryRow(tx, kFindCached, {namespace_, fingerprint}, kKeyColumns);
}

}  // namespace penstock
