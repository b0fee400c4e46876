#include "storage/list_plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr double kShortWalks =
    20;  // a twentieth of what may be read; below this nothing better is looked for
constexpr double kEntriesOfARow = 10;  // entries of an index that cost as much as a row
constexpr int kGroupsAtOnce = 100;

}  // namespace

absl::Status ListPlan::Prepare(absl::string_view counter) { return counts_.Prepare(counter); }

absl::StatusOr<std::optional<int64_t>> ListPlan::Total() {
  ASSIGN_OR_RETURN(total_, counts_.Total());
  return total_;
}

absl::Status ListPlan::Rows(int limit, const std::optional<ListPosition>& after, OnRow on_row) {
  if (counts_.base() == 0 || total_ == 0) return absl::OkStatus();
  if (IsGrouped()) return GroupRows(limit, after, on_row);
  const Walk walk = MakeWalk();
  ListRange range;
  const double expected = ExpectedWalk(walk, limit);
  if (expected > static_cast<double>(selection_.bounds.rows_read) / kShortWalks) {
    ASSIGN_OR_RETURN(range, counts_.BestRange());
    const double rows = range.index_only
                            ? static_cast<double>(total_.value_or(0) + *range.count / kEntriesOfARow)
                            : static_cast<double>(range.count.value_or(0));
    if (MayCollect(range) && rows < expected) return Collect(range, limit, after, on_row);
  }
  bool ends = true;
  for (const From from : Parts(walk, after)) {
    if (!ends || delivered_ == limit) break;
    ASSIGN_OR_RETURN(ends, RunWalk(walk, limit - delivered_, from, after, on_row));
  }
  if (ends || delivered_ == limit) return absl::OkStatus();
  ASSIGN_OR_RETURN(range, counts_.BestRange());
  if (!MayCollect(range)) return TooManyRows();
  return Collect(range, limit - delivered_, last_.has_value() ? last_ : after, on_row);
}

absl::Status ListPlan::TooManyRows() const {
  return absl::FailedPreconditionError(absl::StrCat("filter: ", selection_.bounds.rows_read, " ",
                                                    selection_.resource->name,
                                                    " were looked at (limits::kListRowsRead) and do not fill "
                                                    "the page, so the search ends: narrow it by another "
                                                    "predicate, or sort by the key that is filtered"));
}

std::string ListPlan::OrderSql() const {
  return selection_.order->constant.empty() ? OrderExpression(*selection_.order)
                                            : std::string(selection_.resource->id_column);
}

std::string ListPlan::ByOrder(From from) const {
  const absl::string_view id = selection_.resource->id_column;
  const bool by_id = from == From::kSameValue || OrderSql() == id;
  return absl::StrCat(" ORDER BY ", by_id ? "" : absl::StrCat("order_value", Direction(), ", "), id,
                      Direction());
}

// The rows must come in order: a walk's come as its subquery gives them.
absl::Status ListPlan::Deliver(const std::string& text, const ListSql& sql, OnRow on_row) {
  return tx_.Query(text, sql.params(), [&](const db::Row& row) -> absl::Status {
    ListPosition position;
    position.id = row.String(column_count_ + 1);
    if (!selection_.order->constant.empty()) {
      position.value = std::string(selection_.order->constant);
    } else if (selection_.order->type == FieldType::kTime) {
      position.value = row.Int64(column_count_);
    } else {
      position.value = row.String(column_count_);
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

// --- A walk along an index ---

ListPlan::Walk ListPlan::MakeWalk() const {
  Walk walk;
  const absl::string_view column = selection_.order->column;
  const std::optional<ListScope>& scope = counts_.scope();
  if (selection_.resource->cells == nullptr) {
    walk.in_scope = true;
  } else {
    walk.in_scope = scope.has_value() && counts_.HasIndex(scope->column, column);
    walk.by_cells = walk.in_scope || counts_.HasIndex("", column);
    walk.passes_over =
        (!walk.in_scope && scope.has_value()) || (!walk.by_cells && counts_.cells_are_restricted());
  }
  for (const ListPredicate* predicate : counts_.rest()) {
    const bool bounds = predicate->OnColumn(column) && predicate->IsOneRange();
    (bounds ? walk.bounds : walk.others).push_back(predicate);
    if (bounds && predicate->kind == ListPredicate::Kind::kOneOf &&
        selection_.order->type == FieldType::kText) {
      walk.of_one_value = true;
    }
  }
  if (!walk.others.empty()) walk.passes_over = true;
  return walk;
}

// One range of an index. `position` is the condition on where it begins.
std::string ListPlan::ArmSql(const Walk& walk, absl::string_view select, const ListCounts::Cell* cell,
                             const std::string& position, ListSql& sql) const {
  std::vector<std::string> parts;
  if (walk.in_scope && counts_.scope().has_value()) parts.push_back(counts_.ScopeSql(sql));
  if (cell != nullptr) {
    const ListCells& cells = *selection_.resource->cells;
    parts.push_back(absl::StrCat(cells.first, " = ", sql.Bind(absl::string_view(cell->first))));
    parts.push_back(absl::StrCat(cells.second, " = ", sql.Bind(absl::string_view(cell->second))));
  }
  for (const ListPredicate* predicate : walk.bounds) {
    parts.push_back(predicate->Sql(selection_.resource->id_column, sql));
  }
  if (!position.empty()) parts.push_back(position);
  return absl::StrCat("SELECT ", select, ", ", OrderSql(), " AS order_value FROM ",
                      selection_.resource->table, parts.empty() ? "" : " WHERE ",
                      absl::StrJoin(parts, " AND "));
}

std::vector<ListPlan::From> ListPlan::Parts(const Walk& walk,
                                            const std::optional<ListPosition>& after) const {
  if (walk.of_one_value) return {From::kSameValue};
  if (!after.has_value()) return {From::kStart};
  if (selection_.order->is_long) return {From::kSameValue, From::kNextValue};
  return {From::kAfter};
}

std::string ListPlan::PositionSql(From from, const std::optional<ListPosition>& after, ListSql& sql) const {
  const absl::string_view id = selection_.resource->id_column;
  const absl::string_view beyond = selection_.descending ? " < " : " > ";
  const std::string order = OrderSql();
  if (!after.has_value()) return "";
  if (from == From::kNextValue) return absl::StrCat(order, beyond, sql.Bind(after->value));
  const std::string last_id = sql.Bind(absl::string_view(after->id));
  if (order == id) return absl::StrCat(id, beyond, last_id);
  const std::string value = sql.Bind(after->value);
  if (from == From::kSameValue) return absl::StrCat(order, " = ", value, " AND ", id, beyond, last_id);
  return absl::StrCat("(", order, ", ", id, ")", beyond, "(", value, ", ", last_id, ")");
}

std::string ListPlan::WalkSql(const Walk& walk, absl::string_view select, int64_t limit, From from,
                              const std::optional<ListPosition>& after, ListSql& sql, bool in_order) const {
  const std::string position = PositionSql(from, after, sql);
  std::vector<std::string> arms;
  if (!walk.by_cells) arms.push_back(ArmSql(walk, select, nullptr, position, sql));
  for (const ListCounts::Cell& cell : counts_.cells()) {
    if (walk.by_cells) arms.push_back(ArmSql(walk, select, &cell, position, sql));
  }
  const std::string end = absl::StrCat(in_order ? ByOrder(from) : "", " LIMIT ", limit);
  if (arms.size() > 1 && !tx_.MergesUnions()) {
    for (std::string& arm : arms) arm = absl::StrCat("(", arm, end, ")");
  }
  return absl::StrCat(absl::StrJoin(arms, " UNION ALL "), end);
}

std::string ListPlan::OthersSql(const Walk& walk, ListSql& sql) const {
  std::vector<std::string> parts;
  if (!walk.in_scope && counts_.scope().has_value()) parts.push_back(counts_.ScopeSql(sql));
  if (!walk.by_cells && counts_.cells_are_restricted()) parts.push_back(counts_.CellsSql(sql));
  for (const ListPredicate* predicate : walk.others) {
    parts.push_back(predicate->Sql(selection_.resource->id_column, sql));
  }
  return absl::StrJoin(parts, " AND ");
}

// How many rows it looks at, if those that are wanted lie evenly among the others.
double ListPlan::ExpectedWalk(const Walk& walk, int limit) const {
  if (!walk.passes_over || !total_.has_value()) return 0;
  const auto rows = static_cast<double>(
      walk.in_scope || selection_.resource->cells == nullptr ? counts_.base() : counts_.all());
  return std::min(rows, rows / static_cast<double>(*total_) * limit);
}

// Whether it came to the end of the index, and not to its bound.
absl::StatusOr<bool> ListPlan::RunWalk(const Walk& walk, int limit, From from,
                                       const std::optional<ListPosition>& after, OnRow on_row) {
  const int64_t bound = selection_.bounds.rows_read;
  const int wanted = delivered_ + limit;
  const absl::string_view id = selection_.resource->id_column;
  {
    ListSql sql;
    const std::string inner = WalkSql(walk, "*", walk.passes_over ? bound : limit, from, after, sql);
    std::string text = absl::StrCat("SELECT ", columns_, ", order_value, ", id, " FROM (", inner, ") AS m");
    if (walk.passes_over) absl::StrAppend(&text, " WHERE ", OthersSql(walk, sql), " LIMIT ", limit);
    RETURN_IF_ERROR(Deliver(text, sql, on_row));
  }
  if (!walk.passes_over || delivered_ == wanted) return true;
  int64_t rows = 0;
  ListSql sql;
  const std::string inner = WalkSql(walk, id, bound, from, after, sql, /*in_order=*/!walk.by_cells);
  RETURN_IF_ERROR(tx_.Query(absl::StrCat("SELECT COUNT(*) FROM (", inner, ") AS m"), sql.params(),
                            [&](const db::Row& row) {
                              rows = row.Int64(0);
                              return absl::OkStatus();
                            }));
  return rows < bound;
}

// --- All rows of a filter, sorted ---

bool ListPlan::MayCollect(const ListRange& range) const {
  if (!range.count.has_value() || *range.count > counts_.RowsMax(range)) return false;
  return !range.index_only || (total_.has_value() && *total_ <= selection_.bounds.rows_read);
}

std::string ListPlan::CollectSql(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                                 ListSql& sql) const {
  const ListResource& resource = *selection_.resource;
  std::string where = counts_.RangeSql(range, sql);
  std::vector<std::string> rest;
  if (range.index_only) {
    // What the index has is enough to find the rows; only those are looked up.
    const absl::string_view lead = range.lead->field->column;
    const std::string columns =
        lead == resource.id_column ? std::string(lead) : absl::StrCat(resource.id_column, ", ", lead);
    where = absl::StrCat(resource.id_column, " IN (SELECT ", resource.id_column, " FROM (SELECT ", columns,
                         " FROM ", resource.table, " WHERE ", where, " LIMIT ", counts_.RowsMax(range) + 1,
                         ") AS n WHERE ", range.lead->Sql(resource.id_column, sql), ")");
  } else {
    rest = counts_.RestSql(range, counts_.rest(), sql);
  }
  if (after.has_value()) {
    const std::string value =
        selection_.order->constant.empty() ? sql.Bind(after->value) : sql.Bind(absl::string_view(after->id));
    rest.push_back(absl::StrCat("(order_value, ", resource.id_column, ")",
                                selection_.descending ? " < " : " > ", "(", value, ", ",
                                sql.Bind(absl::string_view(after->id)), ")"));
  }
  return absl::StrCat("SELECT ", columns_, ", order_value, ", resource.id_column, " FROM (SELECT *, ",
                      OrderSql(), " AS order_value FROM ", resource.table, " WHERE ", where, " LIMIT ",
                      selection_.bounds.rows_read + 1, ") AS m", rest.empty() ? "" : " WHERE ",
                      absl::StrJoin(rest, " AND "), ByOrder(From::kAfter), " LIMIT ", limit);
}

absl::Status ListPlan::Collect(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                               OnRow on_row) {
  ListSql sql;
  const std::string text = CollectSql(range, limit, after, sql);
  return Deliver(text, sql, on_row);
}

// --- Orders by a column of cells or scopes: one value after the other, the rows of each by id ---

bool ListPlan::IsGrouped() const {
  const ListCells* cells = selection_.resource->cells;
  const absl::string_view column = selection_.order->column;
  return cells != nullptr &&
         (column == cells->first || column == cells->second || counts_.IsScopeColumn(column));
}

// The next values that rows may have, in order, those of `after` included; fewer than kGroupsAtOnce are the
// last.
absl::StatusOr<std::vector<std::string>> ListPlan::GroupValues(
    const std::optional<ListPosition>& after) const {
  const ListCells& cells = *selection_.resource->cells;
  const absl::string_view column = selection_.order->column;
  std::set<std::string> values;
  if (counts_.scope().has_value() && counts_.scope()->column == column) values.insert(counts_.scope()->value);
  for (const ListCounts::Cell& cell : counts_.cells()) {
    if (column == cells.first) values.insert(cell.first);
    if (column == cells.second) values.insert(cell.second);
  }
  std::vector<std::string> ordered(values.begin(), values.end());
  if (selection_.descending) std::reverse(ordered.begin(), ordered.end());
  if (after.has_value()) {
    const std::string& least = std::get<std::string>(after->value);
    ordered.erase(std::remove_if(ordered.begin(), ordered.end(),
                                 [&](const std::string& value) {
                                   return selection_.descending ? value > least : value < least;
                                 }),
                  ordered.end());
  }
  if (!counts_.IsScopeColumn(column) || !values.empty()) return ordered;

  absl::string_view prefix;
  for (const ListCells::Scope& scope : cells.scopes) {
    if (scope.column == column) prefix = scope.prefix;
  }
  std::string from(prefix);
  std::string until(prefix);
  ++until.back();
  if (after.has_value()) {
    (selection_.descending ? until : from) = absl::StrCat(prefix, std::get<std::string>(after->value));
  }
  RETURN_IF_ERROR(tx_.Query(absl::StrCat("SELECT DISTINCT scope FROM ", cells.table,
                                         " WHERE scope >= $1 AND scope <= $2 ORDER BY scope", Direction(),
                                         " LIMIT ", kGroupsAtOnce),
                            {from, until}, [&](const db::Row& row) {
                              ordered.emplace_back(absl::StripPrefix(row.Text(0), prefix));
                              return absl::OkStatus();
                            }));
  return ordered;
}

absl::Status ListPlan::GroupRows(int limit, const std::optional<ListPosition>& after, OnRow on_row) {
  std::optional<ListPosition> from = after;
  while (delivered_ < limit) {
    ASSIGN_OR_RETURN(const std::vector<std::string> values, GroupValues(from));
    for (const std::string& value : values) {
      if (delivered_ == limit) return absl::OkStatus();
      const bool wanted =
          std::all_of(counts_.rest().begin(), counts_.rest().end(), [&](const ListPredicate* one) {
            return !one->OnColumn(selection_.order->column) || one->Matches(value);
          });
      const bool begun = from.has_value() && from->value == ListValue(value);
      if (wanted) {
        RETURN_IF_ERROR(RowsOfGroup(value, limit - delivered_, begun ? from : std::nullopt, on_row));
      }
    }
    if (static_cast<int>(values.size()) < kGroupsAtOnce) return absl::OkStatus();
    // Past all ids of the last value: the next values begin with it, and it has no more rows.
    from = ListPosition{values.back(), selection_.descending ? "" : "\x7f"};
  }
  return absl::OkStatus();
}

absl::Status ListPlan::RowsOfGroup(const std::string& value, int limit,
                                   const std::optional<ListPosition>& after, OnRow on_row) {
  ListSelection group = selection_;
  ListPredicate is_value;
  is_value.field = selection_.order;
  is_value.values.emplace_back(value);
  group.predicates.push_back(std::move(is_value));
  const ListField by_id = {"id", selection_.resource->id_column};
  group.order = &by_id;
  ListPlan plan(tx_, group, columns_, column_count_);
  RETURN_IF_ERROR(plan.Prepare(""));
  RETURN_IF_ERROR(plan.Total().status());
  std::optional<ListPosition> after_id;
  if (after.has_value()) after_id = ListPosition{after->id, after->id};
  return plan.Rows(limit, after_id, [&](const db::Row& row, const ListPosition& position) {
    ++delivered_;
    return on_row(row, {value, position.id});
  });
}

}  // namespace penstock
