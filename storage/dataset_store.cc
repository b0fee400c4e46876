#include "storage/dataset_store.h"

#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(
    db::Key("artifact_id", &DatasetRow::artifact_id), db::Column("experiment_id", &DatasetRow::experiment_id),
    db::Column("name", &DatasetRow::name), db::Column("digest", &DatasetRow::digest),
    db::Column("source_type", &DatasetRow::source_type), db::Column("source", &DatasetRow::source),
    db::Column("columns", &DatasetRow::columns), db::Column("profile", &DatasetRow::profile));
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO datasets ($columns) VALUES $rows");
constexpr char kFind[] =
    "SELECT artifact_id FROM datasets WHERE experiment_id = $1 AND name = $2 AND digest = $3";
constexpr char kFindMany[] = R"sql(
  SELECT name, digest, artifact_id FROM (VALUES $rows) AS keys CROSS JOIN datasets
  WHERE experiment_id = column1 AND name = column2 AND digest = column3)sql";
// Each once, however many tasks are linked with it.
constexpr db::SqlText kSelectOfRun = kColumns.Sql(R"sql(
  SELECT $columns FROM datasets
  WHERE artifact_id IN (SELECT l.artifact_id FROM artifact_tasks l WHERE l.run_id = $1) ORDER BY artifact_id)sql");
constexpr db::SqlText kSelectInputs = kColumns.Sql(R"sql(
  SELECT l.run_id, l.task_id, l.link_id, d.$columns
  FROM (VALUES $ids) AS ids CROSS JOIN artifact_tasks l CROSS JOIN datasets d
  WHERE l.run_id = column1 AND l.direction = 'INPUT' AND d.artifact_id = l.artifact_id
  ORDER BY l.link_id)sql");
constexpr char kSelectUses[] = R"sql(
  SELECT DISTINCT d.name, d.digest, COALESCE(t.value, '')
  FROM datasets d
  JOIN artifact_tasks l ON l.artifact_id = d.artifact_id AND l.direction = 'INPUT'
  LEFT JOIN input_tags t ON t.run_id = l.run_id AND t.task_id = l.task_id AND t.artifact_id = d.artifact_id
    AND t.name = 'mlflow.data.context'
  WHERE d.experiment_id = $1 ORDER BY 1, 2, 3 LIMIT $2)sql";

constexpr char kSelectTaskUses[] = R"sql(
  SELECT l.run_id, l.task_id, d.artifact_id, d.experiment_id, d.name, d.digest, COALESCE(t.value, '')
  FROM (VALUES $ids) AS ids CROSS JOIN artifact_tasks l CROSS JOIN datasets d
  LEFT JOIN input_tags t ON t.run_id = l.run_id AND t.task_id = l.task_id AND t.artifact_id = d.artifact_id
    AND t.name = 'mlflow.data.context'
  WHERE l.run_id = column1 AND l.direction = 'INPUT' AND d.artifact_id = l.artifact_id
  ORDER BY l.link_id)sql";

constexpr auto kTagColumns =
    db::Columns(db::Key("run_id", &InputTagRow::run_id), db::Key("task_id", &InputTagRow::task_id),
                db::Key("artifact_id", &InputTagRow::artifact_id), db::Key("name", &InputTagRow::name),
                db::Column("value", &InputTagRow::value));
constexpr db::SqlText kInsertTags =
    kTagColumns.Sql("INSERT INTO input_tags ($columns) VALUES $rows ON CONFLICT DO NOTHING");
constexpr db::SqlText kSelectTagsOfRun =
    kTagColumns.Sql("SELECT $columns FROM input_tags WHERE run_id = $1 ORDER BY task_id, artifact_id, name");
constexpr char kSetTag[] = R"sql(
  INSERT INTO input_tags (run_id, task_id, artifact_id, name, value) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (run_id, task_id, artifact_id, name) DO UPDATE SET value = excluded.value)sql";
constexpr char kSelectTags[] =
    "SELECT run_id, task_id, artifact_id, name, value FROM (VALUES $ids) AS ids CROSS JOIN input_tags "
    "WHERE run_id = column1";

constexpr char kInsertParameter[] =
    "INSERT INTO logged_parameters (run_id, task_id, name, value) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (run_id, task_id, name) DO NOTHING";
constexpr char kInsertParameters[] =
    "INSERT INTO logged_parameters (run_id, task_id, name, value) VALUES $rows";
constexpr char kGetParameter[] =
    "SELECT value FROM logged_parameters WHERE run_id = $1 AND task_id = $2 AND name = $3";
constexpr char kSelectParameters[] = "SELECT task_id, name, value FROM logged_parameters WHERE run_id = $1";

}  // namespace

absl::StatusOr<std::optional<int64_t>> DatasetFind(db::Tx& tx, absl::string_view experiment_id,
                                                   absl::string_view name, absl::string_view digest) {
  return db::QueryValue<int64_t>(tx, kFind, {experiment_id, name, digest});
}

absl::StatusOr<DatasetIds> DatasetsFind(db::Tx& tx, absl::string_view experiment_id,
                                        const std::vector<DatasetRow>& rows) {
  static const db::RowsStatement find(kFindMany, 3);
  std::vector<db::Param> params;
  for (const DatasetRow& row : rows) params.insert(params.end(), {experiment_id, row.name, row.digest});
  DatasetIds ids;
  RETURN_IF_ERROR(find.Query(tx, params, [&](const db::Row& row) {
    ids[{row.String(0), row.String(1)}] = row.Int64(2);
    return absl::OkStatus();
  }));
  return ids;
}

absl::Status DatasetInsert(db::Tx& tx, const DatasetRow& row) { return DatasetsInsert(tx, {row}); }

absl::Status DatasetsInsert(db::Tx& tx, const std::vector<DatasetRow>& rows) {
  static const db::RowsStatement insert(kInsert, kColumns.size());
  std::vector<db::Param> params;
  for (const DatasetRow& row : rows) kColumns.AppendParams(row, &params);
  return insert.ExecuteLater(tx, params);
}

absl::Status InputTagSet(db::Tx& tx, absl::string_view run_id, absl::string_view task_id, int64_t artifact_id,
                         absl::string_view name, absl::string_view value) {
  return tx.ExecuteLater(kSetTag, {run_id, task_id, artifact_id, name, value});
}

absl::Status InputTagsInsert(db::Tx& tx, const std::vector<InputTagRow>& rows) {
  static const db::RowsStatement insert(kInsertTags, kTagColumns.size());
  std::vector<db::Param> params;
  for (const InputTagRow& row : rows) kTagColumns.AppendParams(row, &params);
  return insert.ExecuteLater(tx, params);
}

absl::Status DatasetInputsLater(db::Tx& tx, const std::vector<std::string>& run_ids, DatasetInputs* inputs) {
  RETURN_IF_ERROR(db::QueryOfIdsLater(tx, kSelectInputs, run_ids, [inputs](const db::Row& row) {
    DatasetInputRow& input = (*inputs)[row.String(0)].emplace_back();
    input.run_id = row.String(0);
    input.task_id = row.String(1);
    kColumns.ReadInto(row, 3, &input.dataset);
    return absl::OkStatus();
  }));
  return db::QueryOfIdsLater(tx, kSelectTags, run_ids, [inputs](const db::Row& row) {
    for (DatasetInputRow& input : (*inputs)[row.String(0)]) {
      if (input.task_id != row.Text(1) || input.dataset.artifact_id != row.Int64(2)) continue;
      input.tags[row.String(3)] = row.String(4);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<DatasetRow>> DatasetsOfRun(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kSelectOfRun, {run_id}, kColumns);
}

absl::StatusOr<std::vector<InputTagRow>> InputTagsOfRun(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kSelectTagsOfRun, {run_id}, kTagColumns);
}

absl::StatusOr<std::vector<DatasetUse>> DatasetUses(db::Tx& tx, absl::string_view experiment_id, int limit) {
  std::vector<DatasetUse> uses;
  RETURN_IF_ERROR(tx.Query(kSelectUses, {experiment_id, limit}, [&](const db::Row& row) {
    DatasetUse& use = uses.emplace_back();
    use.dataset.experiment_id = std::string(experiment_id);
    use.dataset.name = row.String(0);
    use.dataset.digest = row.String(1);
    use.context = row.String(2);
    return absl::OkStatus();
  }));
  return uses;
}

absl::Status TaskDatasetUsesLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                                  TaskDatasetUses* uses) {
  return db::QueryOfIdsLater(tx, kSelectTaskUses, run_ids, [uses](const db::Row& row) {
    TaskDatasetUse& added = (*uses)[row.String(0)].emplace_back();
    added.task_id = row.String(1);
    added.use.dataset.artifact_id = row.Int64(2);
    added.use.dataset.experiment_id = row.String(3);
    added.use.dataset.name = row.String(4);
    added.use.dataset.digest = row.String(5);
    added.use.context = row.String(6);
    return absl::OkStatus();
  });
}

absl::StatusOr<std::string> LoggedParameterSet(db::Tx& tx, absl::string_view run_id,
                                               absl::string_view task_id, absl::string_view name,
                                               absl::string_view value) {
  ASSIGN_OR_RETURN(const int64_t inserted, tx.Execute(kInsertParameter, {run_id, task_id, name, value}));
  if (inserted > 0) return std::string(value);
  ASSIGN_OR_RETURN(const std::optional<std::string> known,
                   db::QueryValue<std::string>(tx, kGetParameter, {run_id, task_id, name}));
  return known.value_or("");
}

absl::Status LoggedParametersInsert(db::Tx& tx, absl::string_view run_id,
                                    const std::vector<LoggedParameterRow>& rows) {
  static const db::RowsStatement insert(kInsertParameters, 4);
  std::vector<db::Param> params;
  for (const LoggedParameterRow& row : rows) {
    params.insert(params.end(), {run_id, row.task_id, row.name, row.value});
  }
  return insert.ExecuteLater(tx, params);
}

absl::Status LoggedParametersLater(db::Tx& tx, absl::string_view run_id, LoggedParameters* parameters) {
  const db::Param params[] = {run_id};
  return tx.QueryLater(kSelectParameters, params, [parameters](const db::Row& row) {
    (*parameters)[row.String(0)][row.String(1)] = row.String(2);
    return absl::OkStatus();
  });
}

}  // namespace penstock
