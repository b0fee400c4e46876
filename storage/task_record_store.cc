#include "storage/task_record_store.h"

#include "storage/db/query.h"
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

}  // namespace

absl::Status TaskRecordPut(db::Tx& tx, const TaskRecordRow& row) {
  return tx.ExecuteLater(kPut, kColumns.Params(row), nullptr);
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
