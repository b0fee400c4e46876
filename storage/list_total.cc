#include "storage/list_total.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

constexpr int kRemaindersMax = 3;  // NOT_EQUALS in one filter that are counted by what they leave out

ListPredicates Without(const ListPredicates& predicates, const ListPredicate* one) {
  ListPredicates rest = predicates;
  rest.erase(std::find(rest.begin(), rest.end(), one));
  return rest;
}

}  // namespace

absl::StatusOr<ListTotal> ListTotal::Count(db::Tx& tx, const ListBase& base) {
  ListTotal total(tx, base);
  ASSIGN_OR_RETURN(total.rows_, total.CountRows(base.rest()));
  return total;
}

ListTotal ListTotal::Known(db::Tx& tx, const ListBase& base, std::optional<int64_t> rows) {
  ListTotal total(tx, base);
  total.rows_ = rows;
  return total;
}

absl::StatusOr<ListRange> ListTotal::BestRange() {
  if (!best_range_.has_value()) {
    ASSIGN_OR_RETURN(best_range_, FindRange(base_->rest()));
  }
  return *best_range_;
}

// The cheapest way first; the others where it does not serve.
absl::StatusOr<std::optional<int64_t>> ListTotal::CountRows(const ListPredicates& predicates) {
  if (predicates.empty() || base_->size() == 0) {
    return base_->size_is_exact() ? std::optional<int64_t>(base_->size()) : std::nullopt;
  }
  if (AreOfOneScopeColumn(predicates)) return CountByScope(predicates);
  ASSIGN_OR_RETURN(const ListRange range, predicates == base_->rest() ? BestRange() : FindRange(predicates));
  if (!range.count.has_value()) return CountByRemainder(predicates);
  if (base_->RestIsEmpty(range, predicates)) return range.count;
  ASSIGN_OR_RETURN(const int64_t count, CountMatches(range, predicates));
  return std::optional<int64_t>(count);
}

absl::StatusOr<ListRange> ListTotal::FindRange(const ListPredicates& predicates) {
  const ListBounds& bounds = base_->selection().bounds;
  ListRange best;
  if (base_->size() <= bounds.rows_read) best.count = base_->size();
  for (const ListPredicate* predicate : predicates) {
    if (!predicate->IsIndexable()) continue;
    ListRange range = {predicate, false, std::nullopt};
    // Entries that only have to be counted may be many; rows that have to be looked at afterwards may not. A
    // range that is larger than the best so far is of no use.
    const bool is_all = base_->RestIsEmpty(range, predicates) && predicate->starts_suffice;
    const int64_t limit = best.count.value_or(is_all ? bounds.entries_counted : bounds.rows_read);
    ASSIGN_OR_RETURN(range.count, base_->CountUpTo(*tx_, range, limit));
    if (*range.count <= limit) best = range;
  }
  if (best.count.has_value() || predicates.size() != 1 || base_->size() > bounds.entries_read) return best;
  // A substring is found by looking at all entries of an index that has the text and nothing else but the
  // base.
  const ListPredicate* only = predicates[0];
  const std::optional<ListScope>& scope = base_->scope();
  if (only->kind == ListPredicate::Kind::kSubstring && !only->field->is_long &&
      (base_->resource().cells == nullptr ||
       base_->HasIndex(scope.has_value() ? scope->column : "", only->field->column))) {
    return ListRange{only, true, base_->size()};
  }
  return best;
}

absl::StatusOr<int64_t> ListTotal::CountMatches(const ListRange& range, const ListPredicates& predicates) {
  ListSql sql;
  const std::string where = base_->RangeSql(range, sql);
  const std::string columns = absl::StrJoin(base_->RestColumns(range, predicates), ", ");
  const std::string rest = absl::StrJoin(base_->RestSql(range, predicates, sql), " AND ");
  return db::QueryNumber(
      *tx_,
      absl::StrCat("SELECT COUNT(*) FROM (SELECT ", columns, " FROM ", base_->resource().table, " WHERE ",
                   where, " LIMIT ", base_->RowsMax(range) + 1, ") AS m WHERE ", rest),
      sql.params());
}

// Those that are not equal to something are all but those that are.
// Each makes two counts out of one, and both have one NOT_EQUALS less.
absl::StatusOr<std::optional<int64_t>> ListTotal::CountByRemainder(const ListPredicates& predicates) {
  const auto negated = [](const ListPredicate* predicate) { return predicate->negated; };
  const auto found = std::find_if(predicates.begin(), predicates.end(), negated);
  if (found == predicates.end() ||
      std::count_if(predicates.begin(), predicates.end(), negated) > kRemaindersMax) {
    return std::optional<int64_t>();
  }
  const ListPredicate inverted = (*found)->Inverted();
  ListPredicates others = Without(predicates, *found);
  ASSIGN_OR_RETURN(const std::optional<int64_t> all, CountRows(others));
  if (!all.has_value()) return all;
  others.push_back(&inverted);
  ASSIGN_OR_RETURN(const std::optional<int64_t> left_out, CountRows(others));
  if (!left_out.has_value()) return left_out;
  return std::optional<int64_t>(*all - *left_out);
}

bool ListTotal::AreOfOneScopeColumn(const ListPredicates& predicates) const {
  const ListField* field = predicates[0]->field;
  return !base_->scope().has_value() && field != nullptr && base_->FindScope(field->column) != nullptr &&
         std::all_of(predicates.begin(), predicates.end(),
                     [&](const ListPredicate* predicate) { return predicate->OnColumn(field->column); });
}

// From the counters of all scopes of a kind whose names satisfy the predicates.
absl::StatusOr<std::optional<int64_t>> ListTotal::CountByScope(const ListPredicates& predicates) {
  const ListCells& cells = *base_->resource().cells;
  const ListCells::Scope& scope = *base_->FindScope(predicates[0]->field->column);
  const int64_t scopes_max = base_->selection().bounds.entries_read;
  int64_t read = 0;
  int64_t count = 0;
  const auto on_row = [&](const db::Row& row) {
    ++read;
    const absl::string_view value = absl::StripPrefix(row.Text(0), scope.prefix);
    const bool matches = base_->CellMatches(row.Text(1), row.Text(2)) &&
                         std::all_of(predicates.begin(), predicates.end(),
                                     [&](const ListPredicate* one) { return one->Matches(value); });
    if (matches) count += row.Int64(3);
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(
      tx_->Query(absl::StrCat("SELECT scope, ", cells.first, ", ", cells.second, ", ", cells.count, " FROM ",
                              cells.table, " WHERE scope >= $1 AND scope < $2 LIMIT ", scopes_max + 1),
                 {scope.prefix, scope.End()}, on_row));
  if (read > scopes_max) return std::optional<int64_t>();
  return std::optional<int64_t>(count);
}

}  // namespace penstock
