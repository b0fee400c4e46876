#include "storage/run_search_sql.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace penstock {
namespace {

constexpr char kUserTag[] = "mlflow.user";
constexpr char kContextTag[] = "mlflow.data.context";

// The states under the names that clients know.
std::string StatusSql(const RunSearchQuery& query, SearchSql& sql) {
  if (query.status_names.empty()) return "r.state";
  std::string text = "(CASE r.state";
  for (const auto& [state, name] : query.status_names) {
    absl::StrAppend(&text, " WHEN ", sql.Bind(Name(state)), " THEN ", sql.Bind(name));
  }
  return absl::StrCat(text, " ELSE r.state END)");
}

std::string ArtifactUriSql(const RunSearchQuery& query, SearchSql& sql) {
  const std::string id = sql.Bind(query.default_experiment_id);
  return absl::StrCat(
      "((SELECT CASE WHEN e.artifact_location <> '' THEN e.artifact_location "
      "WHEN e.experiment_id = ",
      id, " THEN 'mlflow-artifacts:/0' ELSE 'mlflow-artifacts:/' || e.experiment_id END ",
      "FROM experiments e WHERE e.experiment_id = r.experiment_id) || '/' || r.run_id || '/artifacts')");
}

// What has its value in a column or an expression that is never NULL; else empty.
std::string ExpressionSql(const RunSearchQuery& query, RunSubject subject, SearchSql& sql) {
  switch (subject) {
    case RunSubject::kRunId:
      return "r.run_id";
    case RunSubject::kName:
      return "r.display_name";
    case RunSubject::kDescription:
      return "r.description";
    case RunSubject::kStatus:
      return StatusSql(query, sql);
    case RunSubject::kUser:
      return absl::StrCat("COALESCE((SELECT t.value FROM tags t WHERE t.owner_id = r.run_id AND t.name = ",
                          sql.Bind(kUserTag), "), '')");
    case RunSubject::kArtifactUri:
      return ArtifactUriSql(query, sql);
    default:
      return "";
  }
}

// The rows of another table that belong to the run and satisfy the condition.
std::string RowsSql(const RunCondition& condition, SearchSql& sql) {
  const bool any = condition.op == SearchOp::kIsNull || condition.op == SearchOp::kIsNotNull;
  const auto and_text = [&](absl::string_view column) {
    return any ? "" : absl::StrCat(" AND ", TextComparisonSql(column, condition.op, condition.texts, sql));
  };
  const std::string dataset =
      "SELECT 1 FROM artifact_tasks l JOIN datasets d ON d.artifact_id = l.artifact_id "
      "WHERE l.run_id = r.run_id AND l.direction = 'INPUT'";
  switch (condition.subject) {
    case RunSubject::kMetric: {
      const std::string rows = absl::StrCat(
          "SELECT 1 FROM run_metrics m WHERE m.run_id = r.run_id AND m.name = ", sql.Bind(condition.key));
      return any ? rows
                 : absl::StrCat(rows, " AND ",
                                NumberComparisonSql("m.value", condition.op, condition.number, sql));
    }
    case RunSubject::kParameter:
      return absl::StrCat("SELECT 1 FROM run_parameters p WHERE p.run_id = r.run_id AND p.name = ",
                          sql.Bind(condition.key), and_text("p.value"));
    case RunSubject::kTag:
      return absl::StrCat("SELECT 1 FROM tags t WHERE t.owner_id = r.run_id AND t.name = ",
                          sql.Bind(condition.key), and_text("t.value"));
    case RunSubject::kDatasetName:
      return dataset + and_text("d.name");
    case RunSubject::kDatasetDigest:
      return dataset + and_text("d.digest");
    default:
      return absl::StrCat("SELECT 1 FROM input_tags i WHERE i.run_id = r.run_id AND i.name = ",
                          sql.Bind(kContextTag), and_text("i.value"));
  }
}

std::string FirstOf(const std::string& place) { return absl::StrCat("substr(", place, ", 1, 128)"); }

// By an index on the beginning of the value.
std::string ValueLeadSql(absl::string_view table, absl::string_view id, const RunCondition& condition,
                         SearchSql& sql) {
  std::vector<std::string> starts;
  for (const std::string& text : condition.texts) starts.push_back(FirstOf(sql.Bind(text)));
  return absl::StrCat("SELECT ", id, " AS run_id FROM ", table, " WHERE name = ", sql.Bind(condition.key),
                      " AND ", FirstOf("value"), " IN (", absl::StrJoin(starts, ", "), ")");
}

std::string MetricLeadSql(const RunSearchQuery& query, const RunCondition& condition, SearchSql& sql) {
  return absl::StrCat("SELECT run_id FROM run_metrics WHERE experiment_id IN (",
                      sql.BindAll(query.experiment_ids), ") AND name = ", sql.Bind(condition.key), " AND ",
                      NumberComparisonSql("value", condition.op, condition.number, sql));
}

std::string DatasetLeadSql(const RunSearchQuery& query, const RunCondition& condition, SearchSql& sql) {
  const absl::string_view column = condition.subject == RunSubject::kDatasetName ? "d.name" : "d.digest";
  return absl::StrCat(
      "SELECT l.run_id FROM datasets d JOIN artifact_tasks l ON l.artifact_id = d.artifact_id "
      "WHERE d.experiment_id IN (",
      sql.BindAll(query.experiment_ids), ") AND l.direction = 'INPUT' AND ",
      TextComparisonSql(column, condition.op, condition.texts, sql));
}

}  // namespace

std::string RunConditionSql(const RunSearchQuery& query, const RunCondition& condition, SearchSql& sql) {
  if (condition.subject == RunSubject::kStart) {
    return MillisComparisonSql("r.scheduled_at_us", condition.op, condition.number, sql);
  }
  if (condition.subject == RunSubject::kEnd) {
    return absl::StrCat("r.finished_at_us <> 0 AND ",
                        MillisComparisonSql("r.finished_at_us", condition.op, condition.number, sql));
  }
  const std::string expression = ExpressionSql(query, condition.subject, sql);
  if (expression.empty()) {
    return absl::StrCat(condition.op == SearchOp::kIsNull ? "NOT EXISTS (" : "EXISTS (",
                        RowsSql(condition, sql), ")");
  }
  if (condition.op == SearchOp::kIsNull) return absl::StrCat(expression, " = ''");
  if (condition.op == SearchOp::kIsNotNull) return absl::StrCat(expression, " <> ''");
  return TextComparisonSql(expression, condition.op, condition.texts, sql);
}

std::string RunConditionsSql(const RunSearchQuery& query, absl::string_view except, SearchSql& sql) {
  std::string text;
  for (const RunCondition& condition : query.conditions) {
    if (!except.empty() && condition.subject == RunSubject::kMetric && condition.key == except) continue;
    absl::StrAppend(&text, " AND ", RunConditionSql(query, condition, sql));
  }
  return text;
}

std::string RunOrderSql(const RunSearchQuery& query, const RunOrder& order, SearchSql& sql) {
  switch (order.subject) {
    case RunSubject::kMetric:
      return absl::StrCat("(SELECT m.value FROM run_metrics m WHERE m.run_id = r.run_id AND m.name = ",
                          sql.Bind(order.key), ")");
    case RunSubject::kParameter:
      return absl::StrCat("(SELECT p.value FROM run_parameters p WHERE p.run_id = r.run_id AND p.name = ",
                          sql.Bind(order.key), ")");
    case RunSubject::kTag:
      return absl::StrCat(
          "(SELECT t.value FROM tags t WHERE t.owner_id = r.run_id AND t.name = ", sql.Bind(order.key), ")");
    case RunSubject::kStart:
      return "r.scheduled_at_us";
    case RunSubject::kEnd:
      return "NULLIF(r.finished_at_us, 0)";
    default:
      return ExpressionSql(query, order.subject, sql);
  }
}

std::string RunScopeSql(const RunSearchQuery& query, SearchSql& sql) {
  std::vector<std::string> states;
  for (const StorageState state : query.storage_states) states.emplace_back(Name(state));
  const std::string ids = sql.BindAll(query.experiment_ids);
  return absl::StrCat("r.experiment_id IN (", ids, ") AND r.storage_state IN (", sql.BindAll(states), ")");
}

std::optional<std::string> RunLeadSql(const RunSearchQuery& query, const RunCondition& condition,
                                      SearchSql& sql) {
  const bool is_equal = condition.op == SearchOp::kEqual || condition.op == SearchOp::kIn;
  switch (condition.subject) {
    case RunSubject::kMetric:
      if (condition.op == SearchOp::kNotEqual) return std::nullopt;
      return MetricLeadSql(query, condition, sql);
    case RunSubject::kTag:
      if (is_equal) return ValueLeadSql("tags", "owner_id", condition, sql);
      return std::nullopt;
    case RunSubject::kParameter:
      if (is_equal) return ValueLeadSql("run_parameters", "run_id", condition, sql);
      return std::nullopt;
    case RunSubject::kRunId:
      if (is_equal) {
        return absl::StrCat("SELECT run_id FROM runs WHERE run_id IN (", sql.BindAll(condition.texts), ")");
      }
      return std::nullopt;
    case RunSubject::kDatasetName:
    case RunSubject::kDatasetDigest:
      if (is_equal) return DatasetLeadSql(query, condition, sql);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace penstock
