#include "storage/artifact_store.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/setting_store.h"
#include "storage/state_columns.h"
#include "storage/task_key.h"

namespace penstock {
namespace {

constexpr char kIdCounter[] = "artifact_ids";

constexpr char kCounter[] = "artifacts";
constexpr char kLinkCounter[] = "link_ids";

constexpr auto kKeptColumns = db::Columns(
    db::Key("artifact_id", &ArtifactRow::artifact_id), db::Column("uuid", &ArtifactRow::uuid),
    db::Column<db::NullIfEmpty>("run_id", &ArtifactRow::run_id),
    db::Column("namespace", &ArtifactRow::namespace_), db::Column("schema_title", &ArtifactRow::schema_title),
    db::Column("schema_version", &ArtifactRow::schema_version), db::Column("uri", &ArtifactRow::uri),
    db::Column("custom_path", &ArtifactRow::custom_path),
    db::Column("content_sha256", &ArtifactRow::content_sha256),
    db::Column("content_stat", &ArtifactRow::content_stat),
    db::Column("import_key", &ArtifactRow::import_key),
    db::Column("created_at_us", &ArtifactRow::created_at));
// What a client may change.
constexpr auto kEditColumns = db::Columns(
    db::Column("name", &ArtifactRow::name), db::Column("description", &ArtifactRow::description),
    db::Column("metadata", &ArtifactRow::metadata), db::Column("size_bytes", &ArtifactRow::size_bytes));
constexpr auto kColumns = db::Join(kKeptColumns, kEditColumns);
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO artifacts ($columns) VALUES ($values)");
// One that is imported again keeps its row.
constexpr db::SqlText kInsertImported =
    kColumns.Sql("INSERT INTO artifacts ($columns) VALUES ($values) ON CONFLICT (artifact_id) DO NOTHING");
constexpr char kCountImported[] = R"sql(
  INSERT INTO counters (name, value)
  SELECT 'artifacts', 1 WHERE NOT EXISTS (SELECT 1 FROM artifacts WHERE artifact_id = $1)
  ON CONFLICT (name) DO UPDATE SET value = counters.value + excluded.value)sql";
constexpr db::SqlText kUpdate =
    kEditColumns.SqlFrom(2, "UPDATE artifacts SET $assignments WHERE artifact_id = $1");
constexpr db::SqlText kFindByUuid = kColumns.Sql("SELECT $columns FROM artifacts WHERE uuid = $1");
constexpr db::SqlText kSelectSome = kColumns.Sql(
    "SELECT $columns FROM (VALUES $rows) AS ids CROSS JOIN artifacts WHERE artifact_id = CAST(column1 AS "
    "BIGINT)");
constexpr db::SqlText kFindByUri = kColumns.Sql(R"sql(
  SELECT $columns FROM artifacts WHERE substr(uri, 1, 128) = substr($1, 1, 128) AND uri || '' = $1
  ORDER BY uuid LIMIT $2)sql");
constexpr db::SqlText kSelectAfter = kColumns.Sql(
    "SELECT $columns FROM artifacts WHERE artifact_id > $1 AND ($2 = '' OR schema_title = $2) "
    "ORDER BY artifact_id LIMIT $3");
constexpr db::SqlText kSelectBefore =
    kColumns.Sql("SELECT $columns FROM artifacts WHERE artifact_id < $1 ORDER BY artifact_id DESC LIMIT $2");
// From title to title by the index, however many artifacts each has.
constexpr char kNextTitle[] =
    "SELECT schema_title FROM artifacts WHERE schema_title > $1 ORDER BY schema_title LIMIT 1";
// By URI, or by name where there is none. The appended nothing keeps the index on whole texts out of it.
constexpr absl::string_view kSame =
    "namespace || '' = $3 AND schema_title || '' = $4 AND schema_version = $5 AND description = $6 AND "
    "metadata = $7 "
    "ORDER BY artifact_id LIMIT 1";
constexpr db::SqlText kSelectSame = kColumns.Sql("SELECT $columns FROM artifacts WHERE ");
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
  WHERE l.run_id = $1 AND l.task_id = $2 AND l.direction = 'OUTPUT' AND l.position < 16777216
  ORDER BY l.name, l.position)sql");
static_assert(kRecordedPosition == 16'777'216);  // as in kListOutputs

constexpr auto kTaskColumns = db::Columns(
    db::Column("run_id", &ArtifactTaskRow::run_id), db::Column("task_id", &ArtifactTaskRow::task_id),
    db::Column("direction", &ArtifactTaskRow::direction), db::Column("name", &ArtifactTaskRow::name),
    db::Column("position", &ArtifactTaskRow::position),
    db::Column("artifact_id", &ArtifactTaskRow::artifact_id),
    db::Column("io_type", &ArtifactTaskRow::io_type),
    db::Column("producer_task", &ArtifactTaskRow::producer_task),
    db::Column("producer_iteration", &ArtifactTaskRow::producer_iteration),
    db::Column("role", &ArtifactTaskRow::role));
constexpr auto kStoredTaskColumns =
    db::Join(kTaskColumns, db::Columns(db::Column("link_id", &ArtifactTaskRow::link_id)));
constexpr db::SqlText kInsertTask = kTaskColumns.Sql(
    "INSERT INTO artifact_tasks ($columns, link_id) "
    "VALUES ($values, (SELECT value FROM counters WHERE name = 'link_ids'))");
constexpr char kLinked[] =
    "SELECT 1 FROM artifact_tasks WHERE run_id = $1 AND task_id = $2 AND direction = $3 AND artifact_id = $4";
constexpr char kLastPosition[] =
    "SELECT MAX(position) FROM artifact_tasks WHERE run_id = $1 AND task_id = $2 AND direction = $3 AND name "
    "= $4";
constexpr db::SqlText kListTasks = kStoredTaskColumns.Sql(
    "SELECT $columns FROM artifact_tasks WHERE run_id = $1 ORDER BY task_id, direction, name, position");
constexpr db::SqlText kListOfTask = kStoredTaskColumns.Sql(
    "SELECT $columns FROM artifact_tasks WHERE run_id = $1 AND task_id = $2 ORDER BY direction, name, "
    "position");
constexpr db::SqlText kSelectOfTasks = kStoredTaskColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN artifact_tasks WHERE run_id = column1 AND task_id = column2
  ORDER BY run_id, task_id, direction, name, position)sql");
constexpr db::SqlText kSelectTasks = kStoredTaskColumns.Sql("SELECT $columns FROM artifact_tasks WHERE ");

constexpr ListField kFields[] = {
    {"id", "uuid"},
    {"artifact_id", "uuid"},
    {"name", "name"},
    {"type", "schema_title"},
    {"schema_title", "schema_title"},
    {"uri", "uri", FieldType::kText, true, {}, {}, /*is_long=*/true},
    {"run_id", "run_id"},
    {"namespace", "namespace"},
    {"created_at", "created_at_us", FieldType::kTime},
};

// "$1, $2" for the values, which become parameters.
template <typename Values>
std::string PlacesOf(const Values& values, std::vector<db::Param>* params) {
  std::vector<std::string> places;
  for (const auto& value : values) {
    params->emplace_back(value);
    places.push_back(absl::StrCat("$", params->size()));
  }
  return absl::StrJoin(places, ", ");
}

// As SQL; borrows the filter.
std::string ConditionsOf(const ArtifactTaskFilter& filter, std::vector<db::Param>* params) {
  std::vector<std::string> conditions;
  if (!filter.artifact_ids.empty()) {
    conditions.push_back(absl::StrCat("artifact_id IN (", PlacesOf(filter.artifact_ids, params), ")"));
  }
  if (!filter.run_ids.empty()) {
    conditions.push_back(absl::StrCat("run_id IN (", PlacesOf(filter.run_ids, params), ")"));
  }
  if (!filter.task_ids.empty()) {
    const std::string places = PlacesOf(filter.task_ids, params);
    conditions.push_back(
        absl::StrCat("(task_id IN (", places, ") OR (run_id IN (", places, ") AND task_id = ''))"));
  }
  if (!filter.io_type.empty()) {
    params->emplace_back(filter.io_type);
    conditions.push_back(absl::StrCat("io_type = $", params->size()));
  }
  return absl::StrJoin(conditions, " AND ");
}

}  // namespace

absl::StatusOr<int64_t> ArtifactIdReserve(db::Tx& tx, int64_t count) {
  return CounterReserve(tx, kIdCounter, count);
}

absl::Status ArtifactInsert(db::Tx& tx, const ArtifactRow& row) {
  if (row.import_key.empty()) {
    RETURN_IF_ERROR(CounterAdd(tx, kCounter, 1));
    return tx.ExecuteLater(kInsert, kColumns.Params(row), nullptr);
  }
  RETURN_IF_ERROR(tx.ExecuteLater(kCountImported, {row.artifact_id}));
  return tx.ExecuteLater(kInsertImported, kColumns.Params(row), nullptr);
}

absl::Status ArtifactUpdate(db::Tx& tx, const ArtifactRow& row) {
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kUpdate, kEditColumns.Params(row, row.artifact_id)));
  return changed > 0 ? absl::OkStatus() : error::ArtifactIdNotFound(row.uuid);
}

const ListResource& ArtifactResource() {
  static constexpr ListResource resource = {"artifacts", "artifacts", "uuid", kFields};
  return resource;
}

absl::Status ArtifactsPage(db::Tx& tx, const ListQuery& query, Page<ArtifactRow>& page) {
  return query.Run(tx, kColumns, kCounter, page);
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

absl::StatusOr<std::optional<ArtifactRow>> ArtifactFindByText(db::Tx& tx, absl::string_view id) {
  int64_t number = 0;
  if (absl::SimpleAtoi(id, &number)) return ArtifactFind(tx, number);
  return db::QueryRow(tx, kFindByUuid, {id}, kColumns);
}

absl::StatusOr<ArtifactRow> ArtifactGetByText(db::Tx& tx, absl::string_view id) {
  ASSIGN_OR_RETURN(std::optional<ArtifactRow> row, ArtifactFindByText(tx, id));
  if (!row.has_value()) return error::ArtifactIdNotFound(id);
  return *std::move(row);
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactsFind(db::Tx& tx, const std::vector<int64_t>& artifact_ids) {
  static const db::RowsStatement select(kSelectSome, 1);
  std::vector<ArtifactRow> rows;
  if (artifact_ids.empty()) return rows;
  const std::vector<db::Param> params(artifact_ids.begin(), artifact_ids.end());
  RETURN_IF_ERROR(select.Query(tx, params, [&](const db::Row& row) {
    kColumns.ReadInto(row, 0, &rows.emplace_back());
    return absl::OkStatus();
  }));
  std::sort(rows.begin(), rows.end(),
            [](const ArtifactRow& a, const ArtifactRow& b) { return a.artifact_id < b.artifact_id; });
  return rows;
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactsByUri(db::Tx& tx, absl::string_view uri, int limit) {
  return db::QueryRows(tx, kFindByUri, {uri, limit}, kColumns);
}

absl::StatusOr<std::optional<ArtifactRow>> ArtifactFindSame(db::Tx& tx, const ArtifactRow& row) {
  static const std::string by_uri = absl::StrCat(
      absl::string_view(kSelectSame),
      "substr(uri, 1, 128) = substr($1, 1, 128) AND uri || '' = $1 AND name || '' = $2 AND ", kSame);
  static const std::string by_name =
      absl::StrCat(absl::string_view(kSelectSame), "name = $2 AND uri || '' = $1 AND ", kSame);
  return db::QueryRow(tx, row.uri.empty() ? by_name : by_uri,
                      {row.uri, row.name, row.namespace_, row.schema_title, row.schema_version,
                       row.description, row.metadata},
                      kColumns);
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactsAfter(db::Tx& tx, int64_t after,
                                                        absl::string_view schema_title, int limit) {
  return db::QueryRows(tx, kSelectAfter, {after, schema_title, limit}, kColumns);
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactsBefore(db::Tx& tx, int64_t before, int limit) {
  return db::QueryRows(tx, kSelectBefore, {before, limit}, kColumns);
}

absl::StatusOr<std::vector<std::string>> ArtifactSchemaTitles(db::Tx& tx, int limit) {
  std::vector<std::string> titles;
  std::string last;
  while (static_cast<int>(titles.size()) < limit) {
    ASSIGN_OR_RETURN(auto next, db::QueryValue<std::string>(tx, kNextTitle, {last}));
    if (!next.has_value()) break;
    last = *std::move(next);
    titles.push_back(last);
  }
  return titles;
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

absl::Status ArtifactTaskInsert(db::Tx& tx, const ArtifactTaskRow& row) {
  tx.NoteChange(row.run_id);
  RETURN_IF_ERROR(CounterAdd(tx, kLinkCounter, 1));
  return tx.ExecuteLater(kInsertTask, kTaskColumns.Params(row), nullptr);
}

absl::Status ArtifactTaskRecord(db::Tx& tx, const ArtifactTaskRow& row) {
  ASSIGN_OR_RETURN(const bool linked,
                   db::Exists(tx, kLinked, {row.run_id, row.task_id, Name(row.direction), row.artifact_id}));
  if (linked) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::optional<std::optional<int64_t>> last,
                   db::QueryValue<std::optional<int64_t>>(
                       tx, kLastPosition, {row.run_id, row.task_id, Name(row.direction), row.name}));
  ArtifactTaskRow added = row;
  const int64_t next = last.value_or(std::nullopt).value_or(-1) + 1;
  added.position = static_cast<int>(std::max<int64_t>(kRecordedPosition, next));
  return ArtifactTaskInsert(tx, added);
}

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kListTasks, {run_id}, kStoredTaskColumns);
}

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskListOf(db::Tx& tx, absl::string_view run_id,
                                                                absl::string_view task_id) {
  return db::QueryRows(tx, kListOfTask, {run_id, task_id}, kStoredTaskColumns);
}

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTasksOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectOfTasks, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kStoredTaskColumns);
}

absl::StatusOr<int64_t> ArtifactTaskLatestId(db::Tx& tx) { return CounterGet(tx, kLinkCounter); }

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTasksAfter(db::Tx& tx, const ArtifactTaskFilter& filter,
                                                                int64_t after, bool descending, int limit) {
  std::vector<db::Param> params;
  const std::string conditions = ConditionsOf(filter, &params);
  params.emplace_back(after);
  params.emplace_back(limit);
  const std::string sql = absl::StrCat(absl::string_view(kSelectTasks), conditions, " AND link_id ",
                                       descending ? "<" : ">", " $", params.size() - 1, " ORDER BY link_id",
                                       descending ? " DESC" : "", " LIMIT $", params.size());
  return db::QueryRows(tx, sql, db::Params(params), kStoredTaskColumns);
}

absl::StatusOr<int64_t> ArtifactTaskCount(db::Tx& tx, const ArtifactTaskFilter& filter, int64_t count_max) {
  std::vector<db::Param> params;
  const std::string conditions = ConditionsOf(filter, &params);
  params.emplace_back(count_max + 1);
  const std::string sql = absl::StrCat("SELECT COUNT(*) FROM (SELECT 1 FROM artifact_tasks WHERE ",
                                       conditions, " LIMIT $", params.size(), ") AS counted");
  ASSIGN_OR_RETURN(const int64_t count, db::QueryNumber(tx, sql, db::Params(params)));
  return count > count_max ? -1 : count;
}

}  // namespace penstock
