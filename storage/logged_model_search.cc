#include "storage/logged_model_search.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

bool IsNumber(ModelSubject subject) {
  return subject == ModelSubject::kMetric || subject == ModelSubject::kCreated ||
         subject == ModelSubject::kUpdated;
}

std::string DatasetsSql(const std::vector<ModelDataset>& datasets, SearchSql& sql) {
  if (datasets.empty()) return "";
  std::vector<std::string> any;
  for (const ModelDataset& dataset : datasets) {
    std::string one = absl::StrCat("m.dataset_name = ", sql.Bind(dataset.name));
    if (!dataset.digest.empty()) absl::StrAppend(&one, " AND m.dataset_digest = ", sql.Bind(dataset.digest));
    any.push_back(std::move(one));
  }
  return absl::StrCat(" AND ((", absl::StrJoin(any, ") OR ("), "))");
}

// The value of a model, NULL where it has none.
std::string ValueSql(ModelSubject subject, absl::string_view key, const std::vector<ModelDataset>& datasets,
                     SearchSql& sql) {
  switch (subject) {
    case ModelSubject::kId:
      return "lm.model_id";
    case ModelSubject::kName:
      return "lm.name";
    case ModelSubject::kType:
      return "lm.model_type";
    case ModelSubject::kStatus:
      return "('LOGGED_MODEL_' || lm.status)";
    case ModelSubject::kSourceRun:
      return "lm.source_run_id";
    case ModelSubject::kCreated:
      return "lm.created_at_us";
    case ModelSubject::kUpdated:
      return "lm.updated_at_us";
    case ModelSubject::kMetric: {
      const std::string name = sql.Bind(key);
      return absl::StrCat(
          "(SELECT m.value FROM logged_model_metrics m WHERE m.model_id = lm.model_id AND m.name = ", name,
          DatasetsSql(datasets, sql), " ORDER BY m.step DESC, m.at_us DESC, m.value DESC LIMIT 1)");
    }
    case ModelSubject::kParameter:
      return absl::StrCat(
          "(SELECT p.value FROM logged_model_parameters p WHERE p.model_id = lm.model_id AND p.name = ",
          sql.Bind(key), ")");
    case ModelSubject::kTag:
      return absl::StrCat(
          "(SELECT t.value FROM tags t WHERE t.owner_id = 'logged_model/' || lm.model_id AND t.name = ",
          sql.Bind(key), ")");
  }
  return "NULL";
}

std::string ConditionSql(const ModelSearchQuery& query, const ModelCondition& condition, SearchSql& sql) {
  const std::string value = ValueSql(condition.subject, condition.key, query.datasets, sql);
  if (condition.op == SearchOp::kIsNull) return absl::StrCat(value, " IS NULL");
  if (condition.op == SearchOp::kIsNotNull) return absl::StrCat(value, " IS NOT NULL");
  if (condition.subject == ModelSubject::kMetric) {
    return NumberComparisonSql(value, condition.op, condition.number, sql);
  }
  if (IsNumber(condition.subject)) return MillisComparisonSql(value, condition.op, condition.number, sql);
  return TextComparisonSql(value, condition.op, condition.texts, sql);
}

}  // namespace

std::vector<SearchKey> ModelSearchKeys(const std::vector<ModelOrder>& orders) {
  std::vector<SearchKey> keys;
  for (const ModelOrder& order : orders) {
    keys.push_back({order.descending, !IsNumber(order.subject), order.subject == ModelSubject::kMetric});
  }
  return keys;
}

absl::StatusOr<ModelSearchPage> ModelSearch(db::Tx& tx, const ModelSearchQuery& query) {
  ModelSearchPage page;
  if (query.experiment_ids.empty()) return page;
  SearchSql sql;
  std::vector<std::string> columns = {"lm.model_id", "lm.created_at_us"};
  for (const ModelOrder& order : query.orders) {
    columns.push_back(ValueSql(order.subject, order.key, order.datasets, sql));
  }
  std::string text = absl::StrCat("SELECT ", absl::StrJoin(columns, ", "), " FROM logged_models lm");
  absl::StrAppend(&text, " WHERE lm.experiment_id IN (", sql.BindAll(query.experiment_ids), ")");
  if (!query.datasets.empty()) {
    absl::StrAppend(&text, " AND EXISTS (SELECT 1 FROM logged_model_metrics m WHERE m.model_id = lm.model_id",
                    DatasetsSql(query.datasets, sql), ")");
  }
  for (const ModelCondition& condition : query.conditions) {
    absl::StrAppend(&text, " AND ", ConditionSql(query, condition, sql));
  }
  const std::vector<SearchKey> keys = ModelSearchKeys(query.orders);
  SearchSorter sorter(keys, query.after, query.limit);
  RETURN_IF_ERROR(tx.Query(text, sql.params(), [&](const db::Row& row) {
    sorter.Add(PositionAt(row, keys));
    return absl::OkStatus();
  }));
  SearchPage sorted = sorter.Take();
  page.next = std::move(sorted.next);
  for (const SearchPosition& row : sorted.rows) page.model_ids.push_back(row.id);
  return page;
}

}  // namespace penstock
