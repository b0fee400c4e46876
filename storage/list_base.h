// The rows that a list starts from, counted: those of its scope and of its cells. Step 2 of docs/LISTS.md.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/limits.h"
#include "storage/db/database.h"
#include "storage/list_predicate.h"
#include "storage/list_resource.h"

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
  std::string metric;  // by which it is ordered, in place of `order`; empty: by none
  bool descending = false;
  ListBounds bounds;
};

using ListPredicates = std::vector<const ListPredicate*>;

// Rows that an index finds.
struct ListRange {
  const ListPredicate* lead = nullptr;  // by this predicate; null: all of the base
  bool index_only = false;              // all of the base, by an index that has the lead's column
  std::optional<int64_t> count;         // unset: more than may be read
};

// Of one selection, which it borrows, in one transaction. Constant after Read.
class ListBase {
 public:
  struct Cell {
    std::string first;
    std::string second;
    int64_t count = 0;
  };

  // Reads the counters. `counter` names the size of the selection's scope where the resource has no cells;
  // empty: there is none, and the scope is counted.
  static absl::StatusOr<ListBase> Read(db::Tx& tx, const ListSelection& selection, absl::string_view counter);

  const ListSelection& selection() const { return *selection_; }
  const ListResource& resource() const { return *selection_->resource; }

  // The scope of the request, or of a predicate.
  const std::optional<ListScope>& scope() const { return scope_; }
  // Those in the scope that are not empty and satisfy the predicates on their columns; none without cells.
  const std::vector<Cell>& cells() const { return cells_; }
  // Whether such predicates leave cells out, or might.
  bool cells_are_restricted() const { return !cell_predicates_.empty(); }
  // The predicates that scope and cells do not answer.
  const ListPredicates& rest() const { return rest_; }

  // How many rows the base has. Only where the scope had to be counted it may be a bound that was reached.
  int64_t size() const { return size_; }
  bool size_is_exact() const { return size_is_exact_; }
  // How many rows an index without the scope has: those of the table where it has cells, else size().
  int64_t table_size() const { return table_size_; }

  // Whether a cell with these values satisfies the predicates on them.
  bool CellMatches(absl::string_view first, absl::string_view second) const;
  // Whether cells have an index on (`scope_column`, cell, `column`).
  bool HasIndex(absl::string_view scope_column, absl::string_view column) const;
  // The kind of scope whose column this is; null if none is.
  const ListCells::Scope* FindScope(absl::string_view column) const;

  // The range's condition.
  std::string RangeSql(const ListRange& range, ListSql& sql) const;
  // What the rows of the range have to satisfy yet, so that they are of the base and satisfy `predicates`.
  std::vector<std::string> RestSql(const ListRange& range, const ListPredicates& predicates,
                                   ListSql& sql) const;
  // Whether it has none: the index of the range says which rows are wanted.
  bool RestIsEmpty(const ListRange& range, const ListPredicates& predicates) const;
  // The id, and the columns that RestSql may look at.
  std::set<absl::string_view> RestColumns(const ListRange& range, const ListPredicates& predicates) const;
  std::string ScopeSql(ListSql& sql) const;
  std::string CellsSql(ListSql& sql) const;
  // Bound on the rows of a range that may be looked at.
  int64_t RowsMax(const ListRange& range) const;
  // Rows of the range, at most `limit` + 1.
  absl::StatusOr<int64_t> CountUpTo(db::Tx& tx, const ListRange& range, int64_t limit) const;

 private:
  // Which conditions of the base the index of a range has.
  struct Included {
    bool scope = false;
    bool cells = false;
  };

  explicit ListBase(const ListSelection& selection) : selection_(&selection), scope_(selection.scope) {}
  void TakeScopeOfPredicate();
  bool Answers(const ListPredicate& predicate);
  absl::Status ReadSize(db::Tx& tx, absl::string_view counter);
  absl::Status ReadCells(db::Tx& tx);
  Included IncludedIn(const ListRange& range) const;

  const ListSelection* selection_;
  std::optional<ListScope> scope_;
  bool is_empty_ = false;  // a predicate contradicts the scope, or no row can satisfy it
  std::vector<Cell> cells_;
  ListPredicates cell_predicates_;
  ListPredicates rest_;
  int64_t size_ = 0;
  bool size_is_exact_ = true;
  int64_t table_size_ = 0;
};

}  // namespace penstock
