// How many rows a list has, without reading those that it does not need: from counters, from ranges of
// indexes, from what they leave of each other; all bounded.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/limits.h"
#include "storage/db/database.h"
#include "storage/list_predicate.h"

namespace penstock {

// How much one page may look at.
struct ListBounds {
  int64_t rows_read = limits::kListRowsRead;
  int64_t entries_read = limits::kListEntriesRead;
  int64_t entries_counted = limits::kListEntriesCounted;
};

// What is listed, whatever the page.
struct ListSelection {
  const ListResource* resource = nullptr;
  std::optional<ListScope> scope;
  std::vector<ListPredicate> predicates;
  bool nothing = false;  // a predicate that no row can satisfy
  const ListField* order = nullptr;
  bool descending = false;
  ListBounds bounds;
};

using ListPredicates = std::vector<const ListPredicate*>;

// Rows that an index finds.
struct ListRange {
  const ListPredicate* lead = nullptr;  // by this predicate; null: all in scope and cells
  bool index_only = false;              // all in scope and cells, by an index that has the lead's column
  std::optional<int64_t> count;         // unset: more than may be read
};

// Of one selection, in one transaction. Not thread-safe; borrows both.
class ListCounts {
 public:
  ListCounts(db::Tx& tx, const ListSelection& selection) : tx_(tx), selection_(selection) {}
  ListCounts(const ListCounts&) = delete;
  ListCounts& operator=(const ListCounts&) = delete;

  // Reads the counters. `counter` is the size of the selection's scope where the resource has no cells;
  // empty: there is none, and the scope is counted.
  absl::Status Prepare(absl::string_view counter);

  struct Cell {
    std::string first;
    std::string second;
    int64_t count = 0;
  };
  // The scope of the request, or of a predicate; the cells in it that are not empty and satisfy the
  // predicates on their columns; the predicates that remain.
  const std::optional<ListScope>& scope() const { return scope_; }
  const std::vector<Cell>& cells() const { return cells_; }
  bool cells_are_restricted() const { return cells_are_restricted_; }
  const ListPredicates& rest() const { return rest_; }
  // Rows in scope and cells; rows of the table where it has cells.
  int64_t base() const { return base_; }
  int64_t all() const { return all_; }

  // Rows that satisfy everything; unset if that would read more than limits::kListRowsRead rows and
  // kListEntriesCounted entries of an index.
  absl::StatusOr<std::optional<int64_t>> Total() { return Count(rest_); }
  // The smallest range that has them all.
  absl::StatusOr<ListRange> BestRange();

  // The range's condition, and what its rows have to satisfy yet.
  std::string RangeSql(const ListRange& range, ListSql& sql) const;
  std::vector<std::string> RestSql(const ListRange& range, const ListPredicates& predicates,
                                   ListSql& sql) const;
  std::string ScopeSql(ListSql& sql) const;
  std::string CellsSql(ListSql& sql) const;
  // Whether cells have an index on (`scope_column`, cell, `column`).
  bool HasIndex(absl::string_view scope_column, absl::string_view column) const;
  bool IsScopeColumn(absl::string_view column) const;
  // Bound on the rows of a range that may be looked at.
  int64_t RowsMax(const ListRange& range) const;

 private:
  struct Included {
    bool scope = false;
    bool cells = false;
  };
  Included IncludedIn(const ListRange& range) const;
  absl::Status ReadSize(absl::string_view counter);
  void FindScope();
  bool Absorb(const ListPredicate& predicate);
  absl::Status ReadCells();
  bool CellMatches(absl::string_view first, absl::string_view second) const;
  absl::StatusOr<ListRange> FindRange(const ListPredicates& predicates);
  absl::StatusOr<std::optional<int64_t>> Count(const ListPredicates& predicates);
  absl::StatusOr<int64_t> CountUpTo(const ListRange& range, int64_t limit);
  absl::StatusOr<int64_t> CountMatches(const ListRange& range, const ListPredicates& predicates);
  bool AreOfOneScopeColumn(const ListPredicates& predicates) const;
  absl::StatusOr<std::optional<int64_t>> CountByScope(const ListPredicates& predicates);
  absl::StatusOr<std::optional<int64_t>> CountByRemainder(const ListPredicates& predicates);
  absl::StatusOr<int64_t> QueryNumber(const std::string& text, const ListSql& sql);

  db::Tx& tx_;
  const ListSelection& selection_;
  std::optional<ListScope> scope_;
  std::vector<Cell> cells_;
  bool cells_are_restricted_ = false;
  ListPredicates cell_predicates_;
  ListPredicates rest_;
  bool nothing_ = false;
  int64_t base_ = 0;
  bool base_is_exact_ = true;
  int64_t all_ = 0;
  std::optional<ListRange> best_range_;
};

}  // namespace penstock
