#include "storage/list_base.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

std::string InList(absl::string_view column, const std::set<absl::string_view>& values, ListSql& sql) {
  std::vector<std::string> places;
  for (const absl::string_view value : values) places.push_back(sql.Bind(value));
  return absl::StrCat(column, " IN (", absl::StrJoin(places, ", "), ")");
}

}  // namespace

absl::StatusOr<ListBase> ListBase::Read(db::Tx& tx, const ListSelection& selection,
                                        absl::string_view counter) {
  ListBase base(selection);
  base.is_empty_ = selection.nothing;
  if (base.resource().cells == nullptr) {
    for (const ListPredicate& predicate : selection.predicates) base.rest_.push_back(&predicate);
    if (!base.is_empty_) RETURN_IF_ERROR(base.ReadSize(tx, counter));
    return base;
  }
  if (!base.scope_.has_value()) base.TakeScopeOfPredicate();
  for (const ListPredicate& predicate : selection.predicates) {
    if (!base.Answers(predicate)) base.rest_.push_back(&predicate);
  }
  RETURN_IF_ERROR(base.ReadCells(tx));
  return base;
}

// A predicate that names one scope is as good as a request for it.
void ListBase::TakeScopeOfPredicate() {
  for (const ListCells::Scope& scope : resource().cells->scopes) {
    for (const ListPredicate& predicate : selection_->predicates) {
      if (predicate.OnColumn(scope.column) && predicate.kind == ListPredicate::Kind::kOneOf &&
          predicate.IsOneRange()) {
        scope_ = ListScope{scope.column, std::get<std::string>(predicate.values[0])};
        return;
      }
    }
  }
}

// Whether scope and cells say all that the predicate says. Notes what it says of cells.
bool ListBase::Answers(const ListPredicate& predicate) {
  const ListCells& cells = *resource().cells;
  if (scope_.has_value() && predicate.OnColumn(scope_->column)) {
    if (!predicate.Matches(scope_->value)) is_empty_ = true;
    return true;
  }
  if (!predicate.OnColumn(cells.first) && !predicate.OnColumn(cells.second)) return false;
  cell_predicates_.push_back(&predicate);
  return true;
}

absl::Status ListBase::ReadSize(db::Tx& tx, absl::string_view counter) {
  if (counter.empty()) {
    const int64_t limit = selection_->bounds.entries_counted;
    ASSIGN_OR_RETURN(size_, CountUpTo(tx, ListRange(), limit));
    size_is_exact_ = size_ <= limit;
  } else {
    ASSIGN_OR_RETURN(size_, CounterGet(tx, counter));
  }
  table_size_ = size_;
  return absl::OkStatus();
}

// Those of the scope and those of the whole table, in one statement.
absl::Status ListBase::ReadCells(db::Tx& tx) {
  const ListCells& cells = *resource().cells;
  std::string wanted(cells.all);
  if (scope_.has_value()) {
    const ListCells::Scope* scope = FindScope(scope_->column);
    if (scope != nullptr) wanted = absl::StrCat(scope->prefix, scope_->value);
  }
  const auto cells_of = [&](absl::string_view scope) {
    return absl::StrCat("SELECT scope, ", cells.first, ", ", cells.second, ", ", cells.count, " FROM ",
                        cells.table, " WHERE scope = ", scope, " AND ", cells.count, " > 0");
  };
  std::string sql = cells_of("$1");
  std::vector<db::Param> params = {cells.all};
  if (wanted != cells.all) {
    absl::StrAppend(&sql, " UNION ALL ", cells_of("$2"));
    params.emplace_back(wanted);
  }
  return tx.Query(sql, db::Params(params), [&](const db::Row& row) {
    if (row.Text(0) == cells.all) table_size_ += row.Int64(3);
    if (row.Text(0) != wanted || is_empty_ || !CellMatches(row.Text(1), row.Text(2))) return absl::OkStatus();
    cells_.push_back({row.String(1), row.String(2), row.Int64(3)});
    size_ += row.Int64(3);
    return absl::OkStatus();
  });
}

bool ListBase::CellMatches(absl::string_view first, absl::string_view second) const {
  return std::all_of(cell_predicates_.begin(), cell_predicates_.end(), [&](const ListPredicate* predicate) {
    return predicate->Matches(predicate->OnColumn(resource().cells->first) ? first : second);
  });
}

bool ListBase::HasIndex(absl::string_view scope_column, absl::string_view column) const {
  const ListCells* cells = resource().cells;
  return cells != nullptr &&
         std::any_of(cells->indexes.begin(), cells->indexes.end(), [&](const ListCells::Index& index) {
           return index.scope_column == scope_column && index.column == column;
         });
}

const ListCells::Scope* ListBase::FindScope(absl::string_view column) const {
  if (resource().cells == nullptr) return nullptr;
  for (const ListCells::Scope& scope : resource().cells->scopes) {
    if (scope.column == column) return &scope;
  }
  return nullptr;
}

// --- Conditions ---

std::string ListBase::ScopeSql(ListSql& sql) const {
  return absl::StrCat(scope_->column, " = ", sql.Bind(absl::string_view(scope_->value)));
}

// Each predicate is on one of the two columns, so what is left are all pairs of some firsts and some seconds,
// but for empty cells: two lists say it.
std::string ListBase::CellsSql(ListSql& sql) const {
  std::set<absl::string_view> firsts;
  std::set<absl::string_view> seconds;
  for (const Cell& cell : cells_) {
    firsts.insert(cell.first);
    seconds.insert(cell.second);
  }
  const ListCells& cells = *resource().cells;
  const std::string first = InList(cells.first, firsts, sql);
  return absl::StrCat(first, " AND ", InList(cells.second, seconds, sql));
}

// What its index begins with, before the lead: the scope where there are no cells, the cells where the lead
// is a scope's column, else what the resource's list of indexes says.
ListBase::Included ListBase::IncludedIn(const ListRange& range) const {
  if (range.lead == nullptr || range.index_only) return {true, true};
  if (resource().cells == nullptr) return {true, false};
  if (range.lead->field == nullptr) return {};  // found by a tag
  const absl::string_view column = range.lead->field->column;
  if (FindScope(column) != nullptr) return {false, true};
  if (scope_.has_value() && HasIndex(scope_->column, column)) return {true, true};
  return {false, HasIndex("", column)};
}

std::string ListBase::RangeSql(const ListRange& range, ListSql& sql) const {
  const Included included = IncludedIn(range);
  const absl::string_view id = resource().id_column;
  std::vector<std::string> parts;
  if (included.scope && scope_.has_value()) parts.push_back(ScopeSql(sql));
  if (included.cells && resource().cells != nullptr) parts.push_back(CellsSql(sql));
  // A bound below all values makes a walk through the whole index a range of it.
  if (range.index_only) {
    parts.push_back(absl::StrCat(range.lead->field->column, " >= ''"));
  } else if (range.lead != nullptr && range.lead->HasIntervals()) {
    parts.push_back("");
    // Values that are intervals, such as whole seconds: a range of the index for each.
    std::vector<std::string> arms;
    for (std::string& interval : range.lead->IntervalsSql(sql)) {
      parts.back() = std::move(interval);
      arms.push_back(
          absl::StrCat("SELECT ", id, " FROM ", resource().table, " WHERE ", absl::StrJoin(parts, " AND ")));
    }
    return absl::StrCat(id, " IN (", absl::StrJoin(arms, " UNION ALL "), ")");
  } else if (range.lead != nullptr) {
    parts.push_back(range.lead->LeadSql(id, sql));
  } else if (parts.empty()) {
    parts.push_back(absl::StrCat(id, " >= ''"));
  }
  return absl::StrJoin(parts, " AND ");
}

std::vector<std::string> ListBase::RestSql(const ListRange& range, const ListPredicates& predicates,
                                           ListSql& sql) const {
  const Included included = IncludedIn(range);
  std::vector<std::string> parts;
  if (!included.scope && scope_.has_value()) parts.push_back(ScopeSql(sql));
  if (!included.cells && cells_are_restricted()) parts.push_back(CellsSql(sql));
  for (const ListPredicate* predicate : predicates) {
    if (predicate == range.lead && !range.index_only) continue;
    parts.push_back(predicate->Sql(resource().id_column, sql));
  }
  return parts;
}

bool ListBase::RestIsEmpty(const ListRange& range, const ListPredicates& predicates) const {
  const Included included = IncludedIn(range);
  return (included.scope || !scope_.has_value()) && (included.cells || !cells_are_restricted()) &&
         std::all_of(predicates.begin(), predicates.end(), [&](const ListPredicate* predicate) {
           return predicate == range.lead && !range.index_only;
         });
}

std::set<absl::string_view> ListBase::RestColumns(const ListRange& range,
                                                  const ListPredicates& predicates) const {
  const Included included = IncludedIn(range);
  std::set<absl::string_view> columns = {resource().id_column};
  if (!included.scope && scope_.has_value()) columns.insert(scope_->column);
  if (!included.cells && cells_are_restricted()) {
    columns.insert({resource().cells->first, resource().cells->second});
  }
  for (const ListPredicate* predicate : predicates) {
    if (predicate->field != nullptr) columns.insert(predicate->field->column);
  }
  return columns;
}

int64_t ListBase::RowsMax(const ListRange& range) const {
  return range.index_only ? selection_->bounds.entries_read : selection_->bounds.rows_read;
}

// The LIMIT within makes it cost that much, however long the range is.
absl::StatusOr<int64_t> ListBase::CountUpTo(db::Tx& tx, const ListRange& range, int64_t limit) const {
  ListSql sql;
  const std::string where = RangeSql(range, sql);
  return db::QueryNumber(tx,
                         absl::StrCat("SELECT COUNT(*) FROM (SELECT 1 FROM ", resource().table, " WHERE ",
                                      where, " LIMIT ", limit + 1, ") AS m"),
                         sql.params());
}

}  // namespace penstock
