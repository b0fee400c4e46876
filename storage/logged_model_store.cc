#include "storage/logged_model_store.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/ordered_double.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/state_columns.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(
    db::Key("model_id", &LoggedModelRow::model_id),
    db::Column("experiment_id", &LoggedModelRow::experiment_id), db::Column("name", &LoggedModelRow::name),
    db::Column("model_type", &LoggedModelRow::model_type),
    db::Column("source_run_id", &LoggedModelRow::source_run_id),
    db::Column("status", &LoggedModelRow::status), db::Column("artifact_id", &LoggedModelRow::artifact_id),
    db::Column("created_at_us", &LoggedModelRow::created_at),
    db::Column("updated_at_us", &LoggedModelRow::updated_at));
constexpr db::SqlText kInsert = kColumns.Sql("INSERT INTO logged_models ($columns) VALUES $rows");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM logged_models WHERE model_id = $1");
constexpr db::SqlText kSelectSome = kColumns.Sql(
    "SELECT $columns FROM (VALUES $ids) AS ids CROSS JOIN logged_models WHERE model_id = column1");
constexpr db::SqlText kSelectLinked = kColumns.Sql(R"sql(
  SELECT $columns FROM logged_models WHERE model_id IN (SELECT l.model_id FROM model_links l WHERE l.run_id = $1))sql");
// The artifact of a model is as old as the model, by which an index finds it.
constexpr db::SqlText kSelectOfArtifacts = kColumns.Sql(R"sql(
  SELECT m.$columns FROM runs r CROSS JOIN artifact_tasks l CROSS JOIN artifacts a CROSS JOIN logged_models m
  WHERE r.run_id = $1 AND l.run_id = $1 AND a.artifact_id = l.artifact_id AND a.schema_title = 'system.Model'
    AND m.experiment_id = r.experiment_id AND m.created_at_us = a.created_at_us AND m.artifact_id = a.artifact_id)sql");
constexpr char kUpdate[] = "UPDATE logged_models SET status = $2, updated_at_us = $3 WHERE model_id = $1";
constexpr char kDelete[] = "DELETE FROM logged_models WHERE model_id = $1";

constexpr char kInsertParameter[] =
    "INSERT INTO logged_model_parameters (model_id, name, value) VALUES ($1, $2, $3) "
    "ON CONFLICT (model_id, name) DO NOTHING";
constexpr char kInsertParameters[] =
    "INSERT INTO logged_model_parameters (model_id, name, value) VALUES $rows";
constexpr char kGetParameter[] =
    "SELECT value FROM logged_model_parameters WHERE model_id = $1 AND name = $2";
constexpr char kSelectParameters[] =
    "SELECT model_id, name, value FROM (VALUES $ids) AS ids CROSS JOIN logged_model_parameters "
    "WHERE model_id = column1";

constexpr auto kMetricColumns = db::Columns(
    db::Key("model_id", &LoggedModelMetricRow::model_id), db::Key("name", &LoggedModelMetricRow::name),
    db::Key("dataset_name", &LoggedModelMetricRow::dataset_name),
    db::Key("dataset_digest", &LoggedModelMetricRow::dataset_digest),
    db::Column("run_id", &LoggedModelMetricRow::run_id),
    db::Column("step", &LoggedModelMetricRow::latest, &MetricPoint::step),
    db::Column("at_us", &LoggedModelMetricRow::latest, &MetricPoint::at),
    db::Column("value", &LoggedModelMetricRow::latest, &MetricPoint::value));
constexpr db::SqlText kSetMetric = kMetricColumns.Sql(R"sql(
  INSERT INTO logged_model_metrics ($columns) VALUES ($values)
  ON CONFLICT (model_id, name, dataset_name, dataset_digest) DO UPDATE SET $excluded
    WHERE (logged_model_metrics.step, logged_model_metrics.at_us, logged_model_metrics.value) <
          (excluded.step, excluded.at_us, excluded.value))sql");
constexpr db::SqlText kInsertMetrics =
    kMetricColumns.Sql("INSERT INTO logged_model_metrics ($columns) VALUES $rows");
constexpr db::SqlText kSelectMetrics = kMetricColumns.Sql(
    "SELECT $columns FROM (VALUES $ids) AS ids CROSS JOIN logged_model_metrics WHERE model_id = column1 "
    "ORDER BY name, dataset_name, dataset_digest");

constexpr auto kLinkColumns =
    db::Columns(db::Key("run_id", &ModelLinkRow::run_id), db::Key("task_id", &ModelLinkRow::task_id),
                db::Key("direction", &ModelLinkRow::direction), db::Key("model_id", &ModelLinkRow::model_id),
                db::Column("step", &ModelLinkRow::step));
constexpr db::SqlText kSetLink = kLinkColumns.Sql(
    "INSERT INTO model_links ($columns) VALUES ($values) "
    "ON CONFLICT (run_id, task_id, direction, model_id) DO UPDATE SET $excluded");
constexpr db::SqlText kInsertLinks = kLinkColumns.Sql("INSERT INTO model_links ($columns) VALUES $rows");
constexpr db::SqlText kSelectLinks = kLinkColumns.Sql(
    "SELECT $columns FROM (VALUES $ids) AS ids CROSS JOIN model_links WHERE run_id = column1 ORDER BY step, "
    "model_id");

template <typename Columns, typename Row>
absl::Status InsertRows(db::Tx& tx, const db::RowsStatement& insert, const Columns& columns,
                        const std::vector<Row>& rows) {
  std::vector<db::Param> params;
  for (const Row& row : rows) columns.AppendParams(row, &params);
  return insert.ExecuteLater(tx, params);
}

}  // namespace

std::string LoggedModelTagOwner(absl::string_view model_id) {
  return absl::StrCat("logged_model/", model_id);
}

absl::Status LoggedModelInsert(db::Tx& tx, const LoggedModelRow& row) {
  return LoggedModelsInsert(tx, {row});
}

absl::Status LoggedModelsInsert(db::Tx& tx, const std::vector<LoggedModelRow>& rows) {
  static const db::RowsStatement insert(kInsert, kColumns.size());
  return InsertRows(tx, insert, kColumns, rows);
}

absl::Status LoggedModelParametersInsert(db::Tx& tx, const std::vector<LoggedModelParameterRow>& rows) {
  static const db::RowsStatement insert(kInsertParameters, 3);
  std::vector<db::Param> params;
  for (const LoggedModelParameterRow& row : rows) {
    params.insert(params.end(), {row.model_id, row.name, row.value});
  }
  return insert.ExecuteLater(tx, params);
}

absl::Status LoggedModelMetricsInsert(db::Tx& tx, const std::vector<LoggedModelMetricRow>& rows) {
  static const db::RowsStatement insert(kInsertMetrics, kMetricColumns.size());
  return InsertRows(tx, insert, kMetricColumns, rows);
}

absl::Status ModelLinksInsert(db::Tx& tx, const std::vector<ModelLinkRow>& rows) {
  static const db::RowsStatement insert(kInsertLinks, kLinkColumns.size());
  return InsertRows(tx, insert, kLinkColumns, rows);
}

absl::StatusOr<LoggedModelRow> LoggedModelGet(db::Tx& tx, absl::string_view model_id) {
  ASSIGN_OR_RETURN(std::optional<LoggedModelRow> found, db::QueryRow(tx, kGet, {model_id}, kColumns));
  if (!found.has_value()) return error::LoggedModelNotFound(model_id);
  return *std::move(found);
}

absl::Status LoggedModelUpdate(db::Tx& tx, const LoggedModelRow& row) {
  return tx.ExecuteLater(kUpdate, {row.model_id, row.status, row.updated_at});
}

absl::Status LoggedModelDelete(db::Tx& tx, absl::string_view model_id) {
  ASSIGN_OR_RETURN(const int64_t deleted, tx.Execute(kDelete, {model_id}));
  if (deleted == 0) return error::LoggedModelNotFound(model_id);
  return TagsDelete(tx, LoggedModelTagOwner(model_id));
}

absl::StatusOr<std::string> LoggedModelParameterSet(db::Tx& tx, absl::string_view model_id,
                                                    absl::string_view name, absl::string_view value) {
  ASSIGN_OR_RETURN(const int64_t inserted, tx.Execute(kInsertParameter, {model_id, name, value}));
  if (inserted > 0) return std::string(value);
  ASSIGN_OR_RETURN(const std::optional<std::string> known,
                   db::QueryValue<std::string>(tx, kGetParameter, {model_id, name}));
  return known.value_or("");
}

absl::Status LoggedModelMetricSet(db::Tx& tx, const LoggedModelMetricRow& row) {
  return tx.ExecuteLater(kSetMetric, kMetricColumns.Params(row), nullptr);
}

absl::Status ModelLinkSet(db::Tx& tx, const ModelLinkRow& row) {
  return tx.ExecuteLater(kSetLink, kLinkColumns.Params(row), nullptr);
}

absl::Status LoggedModelsFindLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                   LoggedModelRows* models) {
  return db::QueryOfIdsLater(tx, kSelectSome, model_ids, [models](const db::Row& row) {
    kColumns.ReadInto(row, 0, &(*models)[row.String(0)]);
    return absl::OkStatus();
  });
}

absl::Status LoggedModelsOfRunLater(db::Tx& tx, absl::string_view run_id, LoggedModelRows* models) {
  const db::Param params[] = {run_id};
  for (const absl::string_view sql :
       {absl::string_view(kSelectLinked), absl::string_view(kSelectOfArtifacts)}) {
    RETURN_IF_ERROR(tx.QueryLater(sql, params, [models](const db::Row& row) {
      kColumns.ReadInto(row, 0, &(*models)[row.String(0)]);
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

absl::Status LoggedModelParametersLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                        LoggedModelParameters* parameters) {
  return db::QueryOfIdsLater(tx, kSelectParameters, model_ids, [parameters](const db::Row& row) {
    (*parameters)[row.String(0)][row.String(1)] = row.String(2);
    return absl::OkStatus();
  });
}

absl::Status LoggedModelMetricsLater(db::Tx& tx, const std::vector<std::string>& model_ids,
                                     LoggedModelMetrics* metrics) {
  return db::QueryOfIdsLater(tx, kSelectMetrics, model_ids, [metrics](const db::Row& row) {
    kMetricColumns.ReadInto(row, 0, &(*metrics)[row.String(0)].emplace_back());
    return absl::OkStatus();
  });
}

absl::Status ModelLinksLater(db::Tx& tx, const std::vector<std::string>& run_ids, ModelLinks* links) {
  return db::QueryOfIdsLater(tx, kSelectLinks, run_ids, [links](const db::Row& row) {
    kLinkColumns.ReadInto(row, 0, &(*links)[row.String(0)].emplace_back());
    return absl::OkStatus();
  });
}

}  // namespace penstock
