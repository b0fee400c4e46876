#include "storage/experiment_search.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

absl::string_view ColumnOf(ExperimentSubject subject) {
  switch (subject) {
    case ExperimentSubject::kId:
      return "e.experiment_id";
    case ExperimentSubject::kName:
      return "e.name";
    case ExperimentSubject::kCreated:
      return "e.created_at_us";
    case ExperimentSubject::kUpdated:
      return "e.updated_at_us";
    case ExperimentSubject::kDescription:
      return "e.description";
    case ExperimentSubject::kTag:
      break;
  }
  return "";
}

bool IsTime(ExperimentSubject subject) {
  return subject == ExperimentSubject::kCreated || subject == ExperimentSubject::kUpdated;
}

std::string ConditionSql(const ExperimentCondition& condition, SearchSql& sql) {
  const absl::string_view column = ColumnOf(condition.subject);
  if (IsTime(condition.subject)) return MillisComparisonSql(column, condition.op, condition.number, sql);
  const bool is_null = condition.op == SearchOp::kIsNull;
  const bool any = is_null || condition.op == SearchOp::kIsNotNull;
  if (condition.subject != ExperimentSubject::kTag) {
    if (any) return absl::StrCat(column, is_null ? " = ''" : " <> ''");
    return TextComparisonSql(column, condition.op, condition.texts, sql);
  }
  const std::string rows =
      absl::StrCat("SELECT 1 FROM tags t WHERE t.owner_id = 'experiment/' || e.experiment_id AND t.name = ",
                   sql.Bind(condition.key));
  const std::string value =
      any ? "" : absl::StrCat(" AND ", TextComparisonSql("t.value", condition.op, condition.texts, sql));
  return absl::StrCat(is_null ? "NOT EXISTS (" : "EXISTS (", rows, value, ")");
}

}  // namespace

std::vector<SearchKey> ExperimentSearchKeys(const std::vector<ExperimentOrder>& orders) {
  std::vector<SearchKey> keys;
  for (const ExperimentOrder& order : orders) {
    keys.push_back({order.descending, !IsTime(order.subject), false});
  }
  return keys;
}

absl::StatusOr<ExperimentSearchPage> ExperimentSearch(db::Tx& tx, const ExperimentSearchQuery& query) {
  SearchSql sql;
  std::vector<std::string> columns = {"e.experiment_id", "e.created_at_us"};
  for (const ExperimentOrder& order : query.orders) columns.emplace_back(ColumnOf(order.subject));
  std::vector<std::string> states;
  for (const StorageState state : query.storage_states) states.emplace_back(Name(state));
  std::string text = absl::StrCat("SELECT ", absl::StrJoin(columns, ", "),
                                  " FROM experiments e WHERE e.storage_state IN (", sql.BindAll(states), ")");
  for (const ExperimentCondition& condition : query.conditions) {
    absl::StrAppend(&text, " AND ", ConditionSql(condition, sql));
  }
  const std::vector<SearchKey> keys = ExperimentSearchKeys(query.orders);
  SearchSorter sorter(keys, query.after, query.limit);
  RETURN_IF_ERROR(tx.Query(text, sql.params(), [&](const db::Row& row) {
    sorter.Add(PositionAt(row, keys));
    return absl::OkStatus();
  }));
  SearchPage sorted = sorter.Take();
  ExperimentSearchPage page;
  page.next = std::move(sorted.next);
  for (const SearchPosition& row : sorted.rows) page.experiment_ids.push_back(row.id);
  return page;
}

}  // namespace penstock
