#include "storage/list_counts.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr int kRemaindersMax = 3;  // NOT_EQUALS in one filter that are counted by what they leave out

std::string InList(absl::string_view column, const std::set<absl::string_view>& values, ListSql& sql) {
  std::vector<std::string> places;
  for (const absl::string_view value : values) places.push_back(sql.Bind(value));
  return absl::StrCat(column, " IN (", absl::StrJoin(places, ", "), ")");
}

ListPredicates Without(const ListPredicates& predicates, const ListPredicate* one) {
  ListPredicates rest = predicates;
  rest.erase(std::find(rest.begin(), rest.end(), one));
  return rest;
}

}  // namespace

int64_t ListCounts::RowsMax(const ListRange& range) const {
  return range.index_only ? selection_.bounds.entries_read : selection_.bounds.rows_read;
}

bool ListCounts::IsScopeColumn(absl::string_view column) const {
  const ListCells* cells = selection_.resource->cells;
  return cells != nullptr && std::any_of(cells->scopes.begin(), cells->scopes.end(),
                                         [&](const auto& scope) { return scope.column == column; });
}

bool ListCounts::HasIndex(absl::string_view scope_column, absl::string_view column) const {
  const ListCells* cells = selection_.resource->cells;
  return cells != nullptr &&
         std::any_of(cells->indexes.begin(), cells->indexes.end(), [&](const auto& index) {
           return index.scope_column == scope_column && index.column == column;
         });
}

// --- Counters ---

absl::Status ListCounts::Prepare(absl::string_view counter) {
  scope_ = selection_.scope;
  nothing_ = selection_.nothing;
  if (selection_.resource->cells == nullptr) {
    for (const ListPredicate& predicate : selection_.predicates) rest_.push_back(&predicate);
    return nothing_ ? absl::OkStatus() : ReadSize(counter);
  }
  if (!scope_.has_value()) FindScope();
  for (const ListPredicate& predicate : selection_.predicates) {
    if (!Absorb(predicate)) rest_.push_back(&predicate);
  }
  return ReadCells();
}

absl::Status ListCounts::ReadSize(absl::string_view counter) {
  if (counter.empty()) {
    ASSIGN_OR_RETURN(base_, CountUpTo({}, selection_.bounds.entries_counted));
    base_is_exact_ = base_ <= selection_.bounds.entries_counted;
  } else {
    ASSIGN_OR_RETURN(base_, CounterGet(tx_, counter));
  }
  all_ = base_;
  return absl::OkStatus();
}

// A predicate that names one scope is as good as a request for it.
void ListCounts::FindScope() {
  for (const ListCells::Scope& scope : selection_.resource->cells->scopes) {
    for (const ListPredicate& predicate : selection_.predicates) {
      if (predicate.OnColumn(scope.column) && predicate.kind == ListPredicate::Kind::kOneOf &&
          predicate.IsOneRange()) {
        scope_ = ListScope{scope.column, std::get<std::string>(predicate.values[0])};
        return;
      }
    }
  }
}

// Whether scope and cells say all that the predicate says.
bool ListCounts::Absorb(const ListPredicate& predicate) {
  const ListCells& cells = *selection_.resource->cells;
  if (scope_.has_value() && predicate.OnColumn(scope_->column)) {
    if (!predicate.Matches(scope_->value)) nothing_ = true;
    return true;
  }
  if (!predicate.OnColumn(cells.first) && !predicate.OnColumn(cells.second)) return false;
  cell_predicates_.push_back(&predicate);
  cells_are_restricted_ = true;
  return true;
}

bool ListCounts::CellMatches(absl::string_view first, absl::string_view second) const {
  return std::all_of(cell_predicates_.begin(), cell_predicates_.end(), [&](const ListPredicate* predicate) {
    return predicate->Matches(predicate->OnColumn(selection_.resource->cells->first) ? first : second);
  });
}

absl::Status ListCounts::ReadCells() {
  const ListCells& cells = *selection_.resource->cells;
  std::string wanted(cells.all);
  for (const ListCells::Scope& scope : cells.scopes) {
    if (scope_.has_value() && scope.column == scope_->column)
      wanted = absl::StrCat(scope.prefix, scope_->value);
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
  return tx_.Query(sql, db::Params(params), [&](const db::Row& row) {
    if (row.Text(0) == cells.all) all_ += row.Int64(3);
    if (row.Text(0) != wanted || nothing_ || !CellMatches(row.Text(1), row.Text(2))) return absl::OkStatus();
    cells_.push_back({row.String(1), row.String(2), row.Int64(3)});
    base_ += row.Int64(3);
    return absl::OkStatus();
  });
}

// --- Conditions ---

std::string ListCounts::ScopeSql(ListSql& sql) const {
  return absl::StrCat(scope_->column, " = ", sql.Bind(absl::string_view(scope_->value)));
}

std::string ListCounts::CellsSql(ListSql& sql) const {
  std::set<absl::string_view> firsts;
  std::set<absl::string_view> seconds;
  for (const Cell& cell : cells_) {
    firsts.insert(cell.first);
    seconds.insert(cell.second);
  }
  const ListCells& cells = *selection_.resource->cells;
  const std::string first = InList(cells.first, firsts, sql);
  return absl::StrCat(first, " AND ", InList(cells.second, seconds, sql));
}

ListCounts::Included ListCounts::IncludedIn(const ListRange& range) const {
  if (range.lead == nullptr || range.index_only) return {true, true};
  if (selection_.resource->cells == nullptr) return {true, false};
  if (range.lead->field == nullptr) return {};
  const absl::string_view column = range.lead->field->column;
  if (IsScopeColumn(column)) return {false, true};
  if (scope_.has_value() && HasIndex(scope_->column, column)) return {true, true};
  return {false, HasIndex("", column)};
}

std::string ListCounts::RangeSql(const ListRange& range, ListSql& sql) const {
  const Included included = IncludedIn(range);
  const absl::string_view id = selection_.resource->id_column;
  std::vector<std::string> parts;
  if (included.scope && scope_.has_value()) parts.push_back(ScopeSql(sql));
  if (included.cells && selection_.resource->cells != nullptr) parts.push_back(CellsSql(sql));
  // A bound below all values makes a walk through the whole index a range of it.
  if (range.index_only) {
    parts.push_back(absl::StrCat(range.lead->field->column, " >= ''"));
  } else if (range.lead != nullptr && range.lead->HasIntervals()) {
    parts.push_back("");
    std::vector<std::string> arms;
    for (std::string& interval : range.lead->IntervalsSql(sql)) {
      parts.back() = std::move(interval);
      arms.push_back(absl::StrCat("SELECT ", id, " FROM ", selection_.resource->table, " WHERE ",
                                  absl::StrJoin(parts, " AND ")));
    }
    return absl::StrCat(id, " IN (", absl::StrJoin(arms, " UNION ALL "), ")");
  } else if (range.lead != nullptr) {
    parts.push_back(range.lead->LeadSql(id, sql));
  } else if (parts.empty()) {
    parts.push_back(absl::StrCat(id, " >= ''"));
  }
  return absl::StrJoin(parts, " AND ");
}

std::vector<std::string> ListCounts::RestSql(const ListRange& range, const ListPredicates& predicates,
                                             ListSql& sql) const {
  const Included included = IncludedIn(range);
  std::vector<std::string> parts;
  if (!included.scope && scope_.has_value()) parts.push_back(ScopeSql(sql));
  if (!included.cells && cells_are_restricted_) parts.push_back(CellsSql(sql));
  for (const ListPredicate* predicate : predicates) {
    if (predicate == range.lead && !range.index_only) continue;
    parts.push_back(predicate->Sql(selection_.resource->id_column, sql));
  }
  return parts;
}

// --- Counting ---

absl::StatusOr<int64_t> ListCounts::QueryNumber(const std::string& text, const ListSql& sql) {
  int64_t number = 0;
  RETURN_IF_ERROR(tx_.Query(text, sql.params(), [&](const db::Row& row) {
    number = row.Int64(0);
    return absl::OkStatus();
  }));
  return number;
}

absl::StatusOr<int64_t> ListCounts::CountUpTo(const ListRange& range, int64_t limit) {
  ListSql sql;
  const std::string where = RangeSql(range, sql);
  return QueryNumber(absl::StrCat("SELECT COUNT(*) FROM (SELECT 1 FROM ", selection_.resource->table,
                                  " WHERE ", where, " LIMIT ", limit + 1, ") AS m"),
                     sql);
}

absl::StatusOr<int64_t> ListCounts::CountMatches(const ListRange& range, const ListPredicates& predicates) {
  const ListResource& resource = *selection_.resource;
  std::set<absl::string_view> columns = {resource.id_column};
  const Included included = IncludedIn(range);
  if (!included.scope && scope_.has_value()) columns.insert(scope_->column);
  if (!included.cells && cells_are_restricted_)
    columns.insert({resource.cells->first, resource.cells->second});
  for (const ListPredicate* predicate : predicates) {
    if (predicate->field != nullptr) columns.insert(predicate->field->column);
  }
  ListSql sql;
  const std::string where = RangeSql(range, sql);
  return QueryNumber(absl::StrCat("SELECT COUNT(*) FROM (SELECT ", absl::StrJoin(columns, ", "), " FROM ",
                                  resource.table, " WHERE ", where, " LIMIT ", RowsMax(range) + 1,
                                  ") AS m WHERE ", absl::StrJoin(RestSql(range, predicates, sql), " AND ")),
                     sql);
}

absl::StatusOr<ListRange> ListCounts::BestRange() {
  if (!best_range_.has_value()) {
    ASSIGN_OR_RETURN(best_range_, FindRange(rest_));
  }
  return *best_range_;
}

absl::StatusOr<ListRange> ListCounts::FindRange(const ListPredicates& predicates) {
  ListRange best;
  if (base_ <= selection_.bounds.rows_read) best.count = base_;
  for (const ListPredicate* predicate : predicates) {
    if (!predicate->IsIndexable()) continue;
    const ListRange range = {predicate, false, std::nullopt};
    const Included included = IncludedIn(range);
    const bool says_all = predicates.size() == 1 && (included.scope || !scope_.has_value()) &&
                          (included.cells || !cells_are_restricted_) && predicate->starts_suffice;
    const int64_t limit =
        best.count.value_or(says_all ? selection_.bounds.entries_counted : selection_.bounds.rows_read);
    ASSIGN_OR_RETURN(const int64_t count, CountUpTo(range, limit));
    if (count <= limit) best = {predicate, false, count};
  }
  if (best.count.has_value() || predicates.size() != 1 || base_ > selection_.bounds.entries_read) return best;
  const ListPredicate* only = predicates[0];
  const absl::string_view scope_column = scope_.has_value() ? scope_->column : "";
  if (only->kind == ListPredicate::Kind::kSubstring && !only->field->is_long &&
      (selection_.resource->cells == nullptr || HasIndex(scope_column, only->field->column))) {
    return ListRange{only, true, base_};
  }
  return best;
}

absl::StatusOr<std::optional<int64_t>> ListCounts::Count(const ListPredicates& predicates) {
  if (predicates.empty() || base_ == 0) {
    return base_is_exact_ ? std::optional<int64_t>(base_) : std::nullopt;
  }
  if (AreOfOneScopeColumn(predicates)) return CountByScope(predicates);
  ASSIGN_OR_RETURN(const ListRange range, &predicates == &rest_ ? BestRange() : FindRange(predicates));
  if (!range.count.has_value()) return CountByRemainder(predicates);
  ListSql unused;
  if (RestSql(range, predicates, unused).empty()) return range.count;
  ASSIGN_OR_RETURN(const int64_t count, CountMatches(range, predicates));
  return std::optional<int64_t>(count);
}

// Those that are not equal to something are all but those that are.
absl::StatusOr<std::optional<int64_t>> ListCounts::CountByRemainder(const ListPredicates& predicates) {
  const auto negated = [](const ListPredicate* predicate) { return predicate->negated; };
  const auto found = std::find_if(predicates.begin(), predicates.end(), negated);
  if (found == predicates.end() ||
      std::count_if(predicates.begin(), predicates.end(), negated) > kRemaindersMax) {
    return std::optional<int64_t>();
  }
  const ListPredicate inverted = (*found)->Inverted();
  ListPredicates others = Without(predicates, *found);
  ASSIGN_OR_RETURN(const std::optional<int64_t> all, Count(others));
  if (!all.has_value()) return all;
  others.push_back(&inverted);
  ASSIGN_OR_RETURN(const std::optional<int64_t> left_out, Count(others));
  if (!left_out.has_value()) return left_out;
  return std::optional<int64_t>(*all - *left_out);
}

bool ListCounts::AreOfOneScopeColumn(const ListPredicates& predicates) const {
  const ListField* field = predicates[0]->field;
  return !scope_.has_value() && field != nullptr && IsScopeColumn(field->column) &&
         std::all_of(predicates.begin(), predicates.end(),
                     [&](const ListPredicate* predicate) { return predicate->OnColumn(field->column); });
}

absl::StatusOr<std::optional<int64_t>> ListCounts::CountByScope(const ListPredicates& predicates) {
  const ListCells& cells = *selection_.resource->cells;
  absl::string_view prefix;
  for (const ListCells::Scope& scope : cells.scopes) {
    if (predicates[0]->OnColumn(scope.column)) prefix = scope.prefix;
  }
  std::string end(prefix);
  ++end.back();
  int64_t read = 0;
  int64_t count = 0;
  RETURN_IF_ERROR(tx_.Query(absl::StrCat("SELECT scope, ", cells.first, ", ", cells.second, ", ", cells.count,
                                         " FROM ", cells.table, " WHERE scope >= $1 AND scope < $2 LIMIT ",
                                         selection_.bounds.entries_read + 1),
                            {prefix, absl::string_view(end)}, [&](const db::Row& row) {
                              ++read;
                              const absl::string_view value = absl::StripPrefix(row.Text(0), prefix);
                              const bool matches =
                                  CellMatches(row.Text(1), row.Text(2)) &&
                                  std::all_of(predicates.begin(), predicates.end(),
                                              [&](const ListPredicate* one) { return one->Matches(value); });
                              if (matches) count += row.Int64(3);
                              return absl::OkStatus();
                            }));
  if (read > selection_.bounds.entries_read) return std::optional<int64_t>();
  return std::optional<int64_t>(count);
}

}  // namespace penstock
