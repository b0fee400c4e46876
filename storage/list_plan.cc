#include "storage/list_plan.h"

#include <algorithm>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

// A twentieth of what may be read: below this nothing better than a walk is looked for.
constexpr double kShortWalks = 20;
constexpr double kEntriesOfARow = 10;  // entries of an index that cost as much as a row

}  // namespace

ListPlan::ListPlan(db::Tx& tx, ListTotal& total, const ListColumns& columns)
    : tx_(tx),
      total_(total),
      base_(total.base()),
      selection_(total.base().selection()),
      columns_(columns),
      walk_(total.base(), tx.MergesUnions()) {}

// A short walk is taken as it is. For a long one the best range is searched, which costs counting, and is
// collected if that is expected to look at less.
absl::Status ListPlan::Rows(int limit, const std::optional<ListPosition>& after, ListOnRow on_row) {
  if (base_.size() == 0 || total_.rows() == 0) return absl::OkStatus();
  const double walk = RowsOfWalk(limit);
  if (walk > static_cast<double>(selection_.bounds.rows_read) / kShortWalks) {
    ASSIGN_OR_RETURN(const ListRange range, total_.BestRange());
    if (MayCollect(range) && RowsOfCollect(range) < walk) return Collect(range, limit, after, on_row);
  }
  bool ends = true;
  for (const ListWalk::From from : walk_.Parts(after)) {
    if (!ends || delivered_ == limit) break;
    ASSIGN_OR_RETURN(ends, Walk(limit - delivered_, from, after, on_row));
  }
  if (ends || delivered_ == limit) return absl::OkStatus();
  // The walk came to its bound. What it has found is delivered; the rest may still be had the other way.
  ASSIGN_OR_RETURN(const ListRange range, total_.BestRange());
  if (!MayCollect(range)) {
    return error::ListTooManyRows(selection_.bounds.rows_read, selection_.resource->name);
  }
  return Collect(range, limit - delivered_, last_.has_value() ? last_ : after, on_row);
}

// How many rows a walk looks at, if those that are wanted lie evenly among the others.
double ListPlan::RowsOfWalk(int limit) const {
  if (!walk_.passes_over() || !total_.rows().has_value()) return 0;
  const auto rows = static_cast<double>(walk_.index_size());
  return std::min(rows, rows / static_cast<double>(*total_.rows()) * limit);
}

// Of an index-only range all entries are looked at, which are cheaper than rows, and the rows that fit.
double ListPlan::RowsOfCollect(const ListRange& range) const {
  const auto rows = static_cast<double>(range.index_only ? total_.rows().value_or(0) : 0);
  return range.index_only ? rows + static_cast<double>(*range.count) / kEntriesOfARow
                          : static_cast<double>(*range.count);
}

bool ListPlan::MayCollect(const ListRange& range) const {
  if (!range.count.has_value() || *range.count > base_.RowsMax(range)) return false;
  return !range.index_only || (total_.rows().has_value() && *total_.rows() <= selection_.bounds.rows_read);
}

// Gives the next rows of a part of the walk. Whether it came to the end of the index, and not to its bound.
absl::StatusOr<bool> ListPlan::Walk(int limit, ListWalk::From from, const std::optional<ListPosition>& after,
                                    ListOnRow on_row) {
  const int64_t bound = selection_.bounds.rows_read;
  const int wanted = delivered_ + limit;
  const absl::string_view id = selection_.resource->id_column;
  {
    ListSql sql;
    const std::string rows =
        walk_.Sql("*", walk_.passes_over() ? bound : limit, from, after, /*in_order=*/true, sql);
    std::string text =
        absl::StrCat("SELECT ", columns_.names, ", order_value, ", id, " FROM (", rows, ") AS m");
    if (walk_.passes_over()) absl::StrAppend(&text, " WHERE ", walk_.OthersSql(sql), " LIMIT ", limit);
    RETURN_IF_ERROR(Deliver(text, sql, on_row));
  }
  if (!walk_.passes_over() || delivered_ == wanted) return true;
  // The page is not full, and the rows that were passed over do not tell why: the index is counted up to the
  // bound.
  ListSql sql;
  const std::string rows = walk_.Sql(id, bound, from, after, /*in_order=*/!walk_.is_by_cells(), sql);
  ASSIGN_OR_RETURN(
      const int64_t looked_at,
      db::QueryNumber(tx_, absl::StrCat("SELECT COUNT(*) FROM (", rows, ") AS m"), sql.params()));
  return looked_at < bound;
}

// Gives rows of the range, all of which are read and sorted.
absl::Status ListPlan::Collect(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                               ListOnRow on_row) {
  ListSql sql;
  const std::string text = CollectSql(range, limit, after, sql);
  return Deliver(text, sql, on_row);
}

std::string ListPlan::CollectSql(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                                 ListSql& sql) const {
  const ListResource& resource = *selection_.resource;
  std::string where = base_.RangeSql(range, sql);
  std::vector<std::string> rest;
  if (range.index_only) {
    // What the index has is enough to find the rows; only those are looked up.
    const absl::string_view lead = range.lead->field->column;
    const std::string columns =
        lead == resource.id_column ? std::string(lead) : absl::StrCat(resource.id_column, ", ", lead);
    where = absl::StrCat(resource.id_column, " IN (SELECT ", resource.id_column, " FROM (SELECT ", columns,
                         " FROM ", resource.table, " WHERE ", where, " LIMIT ", base_.RowsMax(range) + 1,
                         ") AS n WHERE ", range.lead->Sql(resource.id_column, sql), ")");
  } else {
    rest = base_.RestSql(range, base_.rest(), sql);
  }
  if (after.has_value()) {
    const std::string value =
        selection_.order->constant.empty() ? sql.Bind(after->value) : sql.Bind(absl::string_view(after->id));
    rest.push_back(absl::StrCat("(order_value, ", resource.id_column, ")",
                                selection_.descending ? " < " : " > ", "(", value, ", ",
                                sql.Bind(absl::string_view(after->id)), ")"));
  }
  return absl::StrCat("SELECT ", columns_.names, ", order_value, ", resource.id_column, " FROM (SELECT *, ",
                      ListOrderSql(selection_), " AS order_value FROM ", resource.table, " WHERE ", where,
                      " LIMIT ", selection_.bounds.rows_read + 1, ") AS m", rest.empty() ? "" : " WHERE ",
                      absl::StrJoin(rest, " AND "), ListOrderBySql(selection_, /*by_id_only=*/false),
                      " LIMIT ", limit);
}

// The rows must come in order. Those of a walk come as its subquery gives them, which both databases keep and
// SQL does not promise: so it is looked at.
absl::Status ListPlan::Deliver(const std::string& text, const ListSql& sql, ListOnRow on_row) {
  return tx_.Query(text, sql.params(), [&](const db::Row& row) -> absl::Status {
    ListPosition position;
    position.id = row.String(columns_.count + 1);
    if (!selection_.order->constant.empty()) {
      position.value = std::string(selection_.order->constant);
    } else if (selection_.order->type == FieldType::kTime) {
      position.value = row.Int64(columns_.count);
    } else {
      position.value = row.String(columns_.count);
    }
    if (last_.has_value()) {
      const auto before = std::tie(last_->value, last_->id);
      const auto now = std::tie(position.value, position.id);
      if (selection_.descending ? before <= now : now <= before) {
        return absl::InternalError(absl::StrCat("rows of a list came out of order from: ", text));
      }
    }
    last_ = position;
    ++delivered_;
    return on_row(row, position);
  });
}

}  // namespace penstock
