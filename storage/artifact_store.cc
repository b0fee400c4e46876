#include "storage/artifact_store.h"

#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/setting_store.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr char kIdCounter[] = "artifact_ids";

constexpr auto kColumns = db::Columns(
    db::Key("artifact_id", &ArtifactRow::artifact_id), db::Column("run_id", &ArtifactRow::run_id),
    db::Column("name", &ArtifactRow::name), db::Column("schema_title", &ArtifactRow::schema_title),
    db::Column("schema_version", &ArtifactRow::schema_version), db::Column("uri", &ArtifactRow::uri),
    db::Column("custom_path", &ArtifactRow::custom_path), db::Column("metadata", &ArtifactRow::metadata),
    db::Column("created_at_us", &ArtifactRow::created_at), db::Column("import_key", &ArtifactRow::import_key),
    db::Column("content_sha256", &ArtifactRow::content_sha256),
    db::Column("content_stat", &ArtifactRow::content_stat));
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO artifacts ($columns) VALUES ($values)");
// One that is imported again keeps its row.
constexpr db::SqlText kInsertImported =
    kColumns.Sql("INSERT INTO artifacts ($columns) VALUES ($values) ON CONFLICT (artifact_id) DO NOTHING");
constexpr char kFindImported[] =
    "SELECT artifact_id FROM artifacts WHERE import_key = $1 AND import_key <> '' ORDER BY artifact_id DESC "
    "LIMIT 1";
constexpr db::SqlText kFind = kColumns.Sql("SELECT $columns FROM artifacts WHERE artifact_id = $1");
constexpr char kExists[] = "SELECT 1 FROM artifacts WHERE artifact_id = $1";
// By the tasks of the run and not by artifacts.run_id, so that those whose rows belong to other runs are
// there.
constexpr db::SqlText kList = kColumns.Sql(R"sql(
  SELECT $columns FROM artifacts
  WHERE artifact_id IN (SELECT artifact_id FROM artifact_tasks WHERE run_id = $1) ORDER BY artifact_id)sql");
constexpr db::SqlText kFindOutput = kColumns.Sql(R"sql(
  SELECT a.$columns FROM artifact_tasks l JOIN artifacts a ON a.artifact_id = l.artifact_id
  WHERE l.run_id = $1 AND l.task_id = $2 AND l.direction = 'OUTPUT' AND l.name = $3 AND l.position = 0)sql");
constexpr db::SqlText kListOutputs = kColumns.Sql(R"sql(
  SELECT l.name, a.$columns FROM artifact_tasks l JOIN artifacts a ON a.artifact_id = l.artifact_id
  WHERE l.run_id = $1 AND l.task_id = $2 AND l.direction = 'OUTPUT' ORDER BY l.name, l.position)sql");

constexpr auto kTaskColumns = db::Columns(
    db::Column("task_id", &ArtifactTaskRow::task_id), db::Column("direction", &ArtifactTaskRow::direction),
    db::Column("name", &ArtifactTaskRow::name), db::Column("position", &ArtifactTaskRow::position),
    db::Column("artifact_id", &ArtifactTaskRow::artifact_id));
constexpr db::SqlText kInsertTask =
    kTaskColumns.SqlFrom(2, "INSERT INTO artifact_tasks (run_id, $columns) VALUES ($1, $values)");
constexpr db::SqlText kListTasks = kTaskColumns.Sql(
    "SELECT $columns FROM artifact_tasks WHERE run_id = $1 ORDER BY task_id, direction, name, position");

}  // namespace

absl::StatusOr<int64_t> ArtifactIdReserve(db::Tx& tx, int64_t count) {
  // Writers come one after the other, so what is read back is what was added here.
  RETURN_IF_ERROR(CounterAdd(tx, kIdCounter, count));
  ASSIGN_OR_RETURN(const int64_t last, CounterGet(tx, kIdCounter));
  return last - count + 1;
}

absl::Status ArtifactInsert(db::Tx& tx, const ArtifactRow& row) {
  return tx.ExecuteLater(row.import_key.empty() ? kInsert : kInsertImported, kColumns.Params(row), nullptr);
}

absl::StatusOr<std::optional<int64_t>> ArtifactFindImported(db::Tx& tx, absl::string_view import_key) {
  return db::QueryValue<int64_t>(tx, kFindImported, {import_key});
}

absl::StatusOr<std::optional<ArtifactRow>> ArtifactFind(db::Tx& tx, int64_t artifact_id) {
  ASSIGN_OR_RETURN(std::vector<ArtifactRow> rows, db::QueryRows(tx, kFind, {artifact_id}, kColumns));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

absl::StatusOr<bool> ArtifactExists(db::Tx& tx, int64_t artifact_id) {
  return db::Exists(tx, kExists, {artifact_id});
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kList, {run_id}, kColumns);
}

absl::StatusOr<std::optional<ArtifactRow>> ArtifactOutputFind(db::Tx& tx, absl::string_view run_id,
                                                              absl::string_view task_id,
                                                              absl::string_view name) {
  return db::QueryRow(tx, kFindOutput, {run_id, task_id, name}, kColumns);
}

absl::StatusOr<NamedArtifacts> ArtifactOutputList(db::Tx& tx, absl::string_view run_id,
                                                  absl::string_view task_id) {
  NamedArtifacts artifacts;
  RETURN_IF_ERROR(tx.Query(kListOutputs, {run_id, task_id}, [&](const db::Row& row) {
    auto& [name, artifact] = artifacts.emplace_back();
    name = row.String(0);
    kColumns.ReadInto(row, 1, &artifact);
    return absl::OkStatus();
  }));
  return artifacts;
}

absl::Status ArtifactTaskInsert(db::Tx& tx, absl::string_view run_id, const ArtifactTaskRow& row) {
  return tx.ExecuteLater(kInsertTask, kTaskColumns.Params(row, run_id), nullptr);
}

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kListTasks, {run_id}, kTaskColumns);
}

}  // namespace penstock
