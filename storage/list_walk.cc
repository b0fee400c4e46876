#include "storage/list_walk.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace penstock {

std::string ListOrderSql(const ListSelection& selection) {
  return selection.order->constant.empty() ? OrderExpression(*selection.order)
                                           : std::string(selection.resource->id_column);
}

std::string ListOrderBySql(const ListSelection& selection, bool by_id_only) {
  const absl::string_view id = selection.resource->id_column;
  const absl::string_view direction = ListDirectionSql(selection);
  const bool by_value = !by_id_only && ListOrderSql(selection) != id;
  return absl::StrCat(" ORDER BY ", by_value ? absl::StrCat("order_value", direction, ", ") : "", id,
                      direction);
}

absl::string_view ListDirectionSql(const ListSelection& selection) {
  return selection.descending ? " DESC" : " ASC";
}

ListWalk::ListWalk(const ListBase& base, bool merges_unions) : base_(base), merges_unions_(merges_unions) {
  const ListSelection& selection = base.selection();
  const absl::string_view column = selection.order->column;
  const bool has_scope = base.scope().has_value();
  if (base.resource().cells == nullptr) {
    in_scope_ = true;
  } else {
    in_scope_ = has_scope && base.HasIndex(base.scope()->column, column);
    by_cells_ = in_scope_ || base.HasIndex("", column);
    passes_over_ = (!in_scope_ && has_scope) || (!by_cells_ && base.cells_are_restricted());
  }
  for (const ListPredicate* predicate : base.rest()) {
    const bool bounds = predicate->OnColumn(column) && predicate->IsOneRange();
    (bounds ? bounds_ : others_).push_back(predicate);
    // Not of times: there EQUALS may mean a whole second.
    if (bounds && predicate->kind == ListPredicate::Kind::kOneOf &&
        selection.order->type == FieldType::kText) {
      of_one_value_ = true;
    }
  }
  if (!others_.empty()) passes_over_ = true;
}

std::vector<ListWalk::From> ListWalk::Parts(const std::optional<ListPosition>& after) const {
  if (of_one_value_) return {From::kSameValue};
  if (!after.has_value()) return {From::kStart};
  if (base_.selection().order->is_long) return {From::kSameValue, From::kNextValue};
  return {From::kAfter};
}

std::string ListWalk::Sql(absl::string_view select, int64_t limit, From from,
                          const std::optional<ListPosition>& after, bool in_order, ListSql& sql) const {
  const std::string position = PositionSql(from, after, sql);
  std::vector<std::string> arms;
  if (!by_cells_) arms.push_back(ArmSql(select, nullptr, position, sql));
  for (const ListBase::Cell& cell : base_.cells()) {
    if (by_cells_) arms.push_back(ArmSql(select, &cell, position, sql));
  }
  const std::string end = absl::StrCat(
      in_order ? ListOrderBySql(base_.selection(), from == From::kSameValue) : "", " LIMIT ", limit);
  // The first rows of all arms are among the first of each, so each is cut like the whole.
  if (arms.size() > 1 && !merges_unions_) {
    for (std::string& arm : arms) arm = absl::StrCat("(", arm, end, ")");
  }
  return absl::StrCat(absl::StrJoin(arms, " UNION ALL "), end);
}

// One range of an index. `position` is the condition on where it begins.
std::string ListWalk::ArmSql(absl::string_view select, const ListBase::Cell* cell,
                             const std::string& position, ListSql& sql) const {
  std::vector<std::string> parts;
  if (in_scope_ && base_.scope().has_value()) parts.push_back(base_.ScopeSql(sql));
  if (cell != nullptr) {
    const ListCells& cells = *base_.resource().cells;
    parts.push_back(absl::StrCat(cells.first, " = ", sql.Bind(absl::string_view(cell->first))));
    parts.push_back(absl::StrCat(cells.second, " = ", sql.Bind(absl::string_view(cell->second))));
  }
  for (const ListPredicate* predicate : bounds_) {
    parts.push_back(predicate->Sql(base_.resource().id_column, sql));
  }
  if (!position.empty()) parts.push_back(position);
  return absl::StrCat("SELECT ", select, ", ", ListOrderSql(base_.selection()), " AS order_value FROM ",
                      base_.resource().table, parts.empty() ? "" : " WHERE ", absl::StrJoin(parts, " AND "));
}

std::string ListWalk::PositionSql(From from, const std::optional<ListPosition>& after, ListSql& sql) const {
  const absl::string_view id = base_.resource().id_column;
  const absl::string_view beyond = base_.selection().descending ? " < " : " > ";
  const std::string order = ListOrderSql(base_.selection());
  if (!after.has_value()) return "";
  if (from == From::kNextValue) return absl::StrCat(order, beyond, sql.Bind(after->value));
  const std::string last_id = sql.Bind(absl::string_view(after->id));
  if (order == id) return absl::StrCat(id, beyond, last_id);
  const std::string value = sql.Bind(after->value);
  if (from == From::kSameValue) return absl::StrCat(order, " = ", value, " AND ", id, beyond, last_id);
  return absl::StrCat("(", order, ", ", id, ")", beyond, "(", value, ", ", last_id, ")");
}

std::string ListWalk::OthersSql(ListSql& sql) const {
  std::vector<std::string> parts;
  if (!in_scope_ && base_.scope().has_value()) parts.push_back(base_.ScopeSql(sql));
  if (!by_cells_ && base_.cells_are_restricted()) parts.push_back(base_.CellsSql(sql));
  for (const ListPredicate* predicate : others_) {
    parts.push_back(predicate->Sql(base_.resource().id_column, sql));
  }
  return absl::StrJoin(parts, " AND ");
}

}  // namespace penstock
