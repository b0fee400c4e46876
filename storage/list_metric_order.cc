#include "storage/list_metric_order.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/list_total.h"

namespace penstock {
namespace {

constexpr int kChunkMax = 500;

// Of the index: ids of runs with their values.
using Entries = std::vector<std::pair<std::string, int64_t>>;

class MetricOrder {
 public:
  MetricOrder(db::Tx& tx, const ListBase& base, const ListColumns& columns, int limit)
      : tx_(tx), base_(base), selection_(base.selection()), columns_(columns), left_(limit) {}

  // The rows that have the metric, from its index in chunks: how many of a chunk are wanted shows only when the
  // runs themselves are read.
  absl::Status WithMetric(std::optional<ListPosition> after, ListOnRow on_row) {
    int64_t looked_at = 0;
    for (int chunk = left_; left_ > 0; chunk = std::min(chunk * 4, kChunkMax)) {
      ASSIGN_OR_RETURN(const Entries entries, ReadEntries(after, chunk));
      RETURN_IF_ERROR(Deliver(entries, on_row));
      if (static_cast<int>(entries.size()) < chunk) return absl::OkStatus();
      looked_at += chunk;
      if (left_ > 0 && looked_at >= selection_.bounds.rows_read) {
        return error::ListTooManyRows(selection_.bounds.rows_read, selection_.resource->name);
      }
      after = ListPosition{entries.back().second, entries.back().first};
    }
    return absl::OkStatus();
  }

  absl::Status WithoutMetric(const std::optional<ListPosition>& after, ListOnRow on_row) {
    if (left_ == 0) return absl::OkStatus();
    if (!after.has_value()) {
      ASSIGN_OR_RETURN(const bool all_have_it, AllHaveIt());
      if (all_have_it) return absl::OkStatus();
    }
    ListSelection selection = selection_;
    selection.metric.clear();
    ListPredicate& lacks = selection.predicates.emplace_back();
    lacks.kind = ListPredicate::Kind::kLacksMetric;
    lacks.values = {selection_.metric};
    ASSIGN_OR_RETURN(const ListBase base, ListBase::Read(tx_, selection, /*counter=*/""));
    ListTotal total = ListTotal::Known(tx_, base, std::nullopt);
    return ListPlan(tx_, total, columns_).Rows(left_, after, on_row);
  }

 private:
  std::string EntriesOf(ListSql& sql) const {
    std::string text =
        absl::StrCat("FROM run_metrics WHERE name = ", sql.Bind(absl::string_view(selection_.metric)),
                     " AND value <> ", INT64_MAX);
    if (base_.scope().has_value() && base_.scope()->column == "experiment_id") {
      absl::StrAppend(&text, " AND experiment_id = ", sql.Bind(absl::string_view(base_.scope()->value)));
    }
    return text;
  }

  absl::StatusOr<Entries> ReadEntries(const std::optional<ListPosition>& after, int limit) {
    ListSql sql;
    std::string text = absl::StrCat("SELECT run_id, value ", EntriesOf(sql));
    if (after.has_value()) {
      absl::StrAppend(&text, " AND (value, run_id) ", selection_.descending ? "<" : ">", " (",
                      sql.Bind(after->value));
      absl::StrAppend(&text, ", ", sql.Bind(absl::string_view(after->id)), ")");
    }
    const absl::string_view direction = ListDirectionSql(selection_);
    absl::StrAppend(&text, " ORDER BY value", direction, ", run_id", direction, " LIMIT ", limit);
    Entries entries;
    RETURN_IF_ERROR(tx_.Query(text, sql.params(), [&](const db::Row& row) {
      entries.emplace_back(row.String(0), row.Int64(1));
      return absl::OkStatus();
    }));
    return entries;
  }

  absl::Status Deliver(const Entries& entries, ListOnRow on_row) {
    if (entries.empty()) return absl::OkStatus();
    ListSql sql;
    std::vector<std::string> ids;
    for (size_t i = 0; i < entries.size(); ++i) {
      ids.push_back(absl::StrCat("(", sql.Bind(absl::string_view(entries[i].first)), ", ", i, ")"));
    }
    const absl::string_view id = selection_.resource->id_column;
    std::vector<std::string> conditions = {absl::StrCat(id, " = column1")};
    if (base_.scope().has_value()) conditions.push_back(base_.ScopeSql(sql));
    for (const ListPredicate& predicate : selection_.predicates) conditions.push_back(predicate.Sql(id, sql));
    const std::string text =
        absl::StrCat("SELECT ", columns_.names, ", column2 FROM (VALUES ", absl::StrJoin(ids, ", "),
                     ") AS n CROSS JOIN ", selection_.resource->table, " WHERE ",
                     absl::StrJoin(conditions, " AND "), " ORDER BY column2 LIMIT ", left_);
    return tx_.Query(text, sql.params(), [&](const db::Row& row) {
      const auto& [run_id, value] = entries[row.Int64(columns_.count)];
      --left_;
      return on_row(row, {value, run_id});
    });
  }

  // Whether no row of the base lacks the metric, as far as counts tell.
  absl::StatusOr<bool> AllHaveIt() {
    if (!base_.rest().empty() || base_.cells_are_restricted() || !base_.size_is_exact()) return false;
    if (base_.scope().has_value() && base_.scope()->column != "experiment_id") return false;
    if (base_.size() > selection_.bounds.entries_counted) return false;
    ListSql sql;
    const std::string entries = EntriesOf(sql);
    ASSIGN_OR_RETURN(const int64_t having,
                     db::QueryNumber(tx_, absl::StrCat("SELECT COUNT(*) ", entries), sql.params()));
    return having == base_.size();
  }

  db::Tx& tx_;
  const ListBase& base_;
  const ListSelection& selection_;
  const ListColumns columns_;
  int left_;
};

}  // namespace

absl::Status ListByMetric(db::Tx& tx, const ListBase& base, const ListColumns& columns, int limit,
                          const std::optional<ListPosition>& after, ListOnRow on_row) {
  if (base.size() == 0) return absl::OkStatus();
  MetricOrder order(tx, base, columns, limit);
  const bool had_it = after.has_value() && std::holds_alternative<int64_t>(after->value);
  if (after.has_value() && !had_it) return order.WithoutMetric(after, on_row);
  RETURN_IF_ERROR(order.WithMetric(after, on_row));
  return order.WithoutMetric(std::nullopt, on_row);
}

}  // namespace penstock
