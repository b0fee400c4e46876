#include "storage/list_groups.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr int kGroupsAtOnce = 100;

}  // namespace

bool ListGroups::AreOrderOf(const ListBase& base) {
  const ListCells* cells = base.resource().cells;
  const absl::string_view column = base.selection().order->column;
  return cells != nullptr &&
         (column == cells->first || column == cells->second || base.FindScope(column) != nullptr);
}

absl::Status ListGroups::Rows(int limit, const std::optional<ListPosition>& after, ListOnRow on_row) {
  if (base_.size() == 0 || total_.rows() == 0) return absl::OkStatus();
  std::optional<ListPosition> from = after;
  while (delivered_ < limit) {
    ASSIGN_OR_RETURN(const std::vector<std::string> values, Values(from));
    for (const std::string& value : values) {
      if (delivered_ == limit) return absl::OkStatus();
      if (!MayHave(value)) continue;
      const bool is_begun = from.has_value() && from->value == ListValue(value);
      RETURN_IF_ERROR(RowsOf(value, limit - delivered_, is_begun ? from : std::nullopt, on_row));
    }
    if (static_cast<int>(values.size()) < kGroupsAtOnce) return absl::OkStatus();
    // Past all ids of the last value: the next values begin with it, and it has no more rows.
    from = ListPosition{values.back(), selection_.descending ? "" : "\x7f"};
  }
  return absl::OkStatus();
}

// The next values that rows may have, in order, those of `after` included; fewer than kGroupsAtOnce are the
// last.
absl::StatusOr<std::vector<std::string>> ListGroups::Values(const std::optional<ListPosition>& after) const {
  std::vector<std::string> values = ValuesOfBase();
  const ListCells::Scope* scope = base_.FindScope(selection_.order->column);
  if (scope != nullptr && values.empty()) return ScopesAfter(*scope, after);
  if (!after.has_value()) return values;
  const std::string& least = std::get<std::string>(after->value);
  values.erase(std::remove_if(values.begin(), values.end(),
                              [&](const std::string& value) {
                                return selection_.descending ? value > least : value < least;
                              }),
               values.end());
  return values;
}

// Those that the base knows, in order: of its cells, or its one scope. None where it has all scopes.
std::vector<std::string> ListGroups::ValuesOfBase() const {
  const ListCells& cells = *base_.resource().cells;
  const absl::string_view column = selection_.order->column;
  std::set<std::string> values;
  if (base_.scope().has_value() && base_.scope()->column == column) values.insert(base_.scope()->value);
  for (const ListBase::Cell& cell : base_.cells()) {
    if (column == cells.first) values.insert(cell.first);
    if (column == cells.second) values.insert(cell.second);
  }
  if (selection_.descending) return {values.rbegin(), values.rend()};
  return {values.begin(), values.end()};
}

absl::StatusOr<std::vector<std::string>> ListGroups::ScopesAfter(
    const ListCells::Scope& scope, const std::optional<ListPosition>& after) const {
  std::string from(scope.prefix);
  std::string until = scope.End();
  if (after.has_value()) {
    (selection_.descending ? until : from) = absl::StrCat(scope.prefix, std::get<std::string>(after->value));
  }
  std::vector<std::string> values;
  // Those that have no rows any more are among them, and give none.
  RETURN_IF_ERROR(tx_.Query(absl::StrCat("SELECT DISTINCT scope FROM ", base_.resource().cells->table,
                                         " WHERE scope >= $1 AND scope <= $2 ORDER BY scope",
                                         ListDirectionSql(selection_), " LIMIT ", kGroupsAtOnce),
                            {from, until}, [&](const db::Row& row) {
                              values.emplace_back(absl::StripPrefix(row.Text(0), scope.prefix));
                              return absl::OkStatus();
                            }));
  return values;
}

// Whether the predicates on the column leave the value.
bool ListGroups::MayHave(const std::string& value) const {
  return std::all_of(base_.rest().begin(), base_.rest().end(), [&](const ListPredicate* one) {
    return !one->OnColumn(selection_.order->column) || one->Matches(value);
  });
}

// A list of its own, with one predicate more.
absl::Status ListGroups::RowsOf(const std::string& value, int limit, const std::optional<ListPosition>& after,
                                ListOnRow on_row) {
  ListSelection group = selection_;
  ListPredicate is_value;
  is_value.field = selection_.order;
  is_value.values.emplace_back(value);
  group.predicates.push_back(std::move(is_value));
  const ListField by_id = {"id", selection_.resource->id_column};
  group.order = &by_id;
  ASSIGN_OR_RETURN(const ListBase base, ListBase::Read(tx_, group, /*counter=*/""));
  ASSIGN_OR_RETURN(ListTotal total, ListTotal::Count(tx_, base));
  ListPlan plan(tx_, total, columns_);
  std::optional<ListPosition> after_id;
  if (after.has_value()) after_id = ListPosition{after->id, after->id};
  return plan.Rows(limit, after_id, [&](const db::Row& row, const ListPosition& position) {
    ++delivered_;
    return on_row(row, {value, position.id});
  });
}

}  // namespace penstock
