// The text of a walk: the rows of the base along an index in the page's order. See docs/LISTS.md.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/list_base.h"

namespace penstock {

// A row's place in the order.
struct ListPosition {
  ListValue value;
  std::string id;
};

// What the page is ordered by before the ids; the id's column where all rows are equal.
std::string ListOrderSql(const ListSelection& selection);
// " ORDER BY ..." of statements that call that order_value.
std::string ListOrderBySql(const ListSelection& selection, bool by_id_only);
// " ASC" or " DESC".
absl::string_view ListDirectionSql(const ListSelection& selection);

// Constant after construction; borrows the base.
class ListWalk {
 public:
  // Where a part of a walk begins: at its start; behind `after`; behind it among the rows with the same
  // value, by id; at the next value.
  enum class From { kStart, kAfter, kSameValue, kNextValue };

  // `merges_unions`: see Tx::MergesUnions.
  ListWalk(const ListBase& base, bool merges_unions);

  // Whether it passes over rows that are not wanted, so that it needs a bound and OthersSql.
  bool passes_over() const { return passes_over_; }
  // Whether the ranges of several cells are merged.
  bool is_by_cells() const { return by_cells_; }
  // How many rows the index has that is walked along.
  int64_t index_size() const { return in_scope_ ? base_.size() : base_.table_size(); }

  // The parts that make the rows after `after`, one after the other. An order by a long text goes on in two:
  // SQLite finds no range of an index on an expression by a comparison of rows.
  std::vector<From> Parts(const std::optional<ListPosition>& after) const;
  // `select` and order_value of at most `limit` rows of a part, as a query to select from.
  std::string Sql(absl::string_view select, int64_t limit, From from,
                  const std::optional<ListPosition>& after, bool in_order, ListSql& sql) const;
  // What its rows have to satisfy yet.
  std::string OthersSql(ListSql& sql) const;

 private:
  std::string ArmSql(absl::string_view select, const ListBase::Cell* cell, const std::string& position,
                     ListSql& sql) const;
  std::string PositionSql(From from, const std::optional<ListPosition>& after, ListSql& sql) const;

  const ListBase& base_;
  const bool merges_unions_;
  bool by_cells_ = false;  // its index begins with the cell
  bool in_scope_ = false;  // its index begins with the scope
  ListPredicates bounds_;  // on the order's column, so that they bound the walk
  ListPredicates others_;  // the rest
  bool passes_over_ = false;
  bool of_one_value_ = false;  // all rows have the same place but for their ids
};

}  // namespace penstock
