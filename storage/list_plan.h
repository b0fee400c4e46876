// How a page is read: one walk along an index if there is one in the page's order that has its rows and no
// others; else the shorter of a walk that passes over other rows and of all rows that the filter has, which
// are sorted then. Both look at no more than limits::kListRowsRead rows.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/list_counts.h"

namespace penstock {

// A row's place in the order.
struct ListPosition {
  ListValue value;
  std::string id;
};

// Of one selection, in one transaction. Not thread-safe; borrows both.
class ListPlan {
 public:
  using OnRow = absl::FunctionRef<absl::Status(const db::Row&, const ListPosition&)>;

  // `columns` are what OnRow's rows have, `column_count` of them.
  ListPlan(db::Tx& tx, const ListSelection& selection, absl::string_view columns, int column_count)
      : tx_(tx),
        selection_(selection),
        columns_(columns),
        column_count_(column_count),
        counts_(tx, selection) {}
  ListPlan(const ListPlan&) = delete;
  ListPlan& operator=(const ListPlan&) = delete;

  // Reads counters; first of all. See ListCounts.
  absl::Status Prepare(absl::string_view counter);

  // How many rows there are, unless counting them would read too many.
  absl::StatusOr<std::optional<int64_t>> Total();
  // Whether counters alone say it.
  bool TotalIsKept() const { return counts_.rest().empty(); }
  // Instead of Total, what an earlier page counted.
  void SetTotal(std::optional<int64_t> total) { total_ = total; }

  // At most `limit` rows after `after`, in order. FAILED_PRECONDITION if that would look at too many others.
  // Total or SetTotal comes before.
  absl::Status Rows(int limit, const std::optional<ListPosition>& after, OnRow on_row);

 private:
  struct Walk {
    bool by_cells = false;
    bool in_scope = false;
    ListPredicates bounds;  // on the order's column, so that they bound the walk
    ListPredicates others;
    bool passes_over = false;   // rows that are not wanted
    bool of_one_value = false;  // all rows have the same place but for their ids
  };
  // Where a walk begins. An order by a long text goes on in two: SQLite finds no range of an index on an
  // expression by a comparison of rows.
  enum class From { kStart, kAfter, kSameValue, kNextValue };
  Walk MakeWalk() const;
  std::vector<From> Parts(const Walk& walk, const std::optional<ListPosition>& after) const;
  std::string PositionSql(From from, const std::optional<ListPosition>& after, ListSql& sql) const;
  std::string ArmSql(const Walk& walk, absl::string_view select, const ListCounts::Cell* cell,
                     const std::string& position, ListSql& sql) const;
  std::string WalkSql(const Walk& walk, absl::string_view select, int64_t limit, From from,
                      const std::optional<ListPosition>& after, ListSql& sql, bool in_order = true) const;
  std::string OthersSql(const Walk& walk, ListSql& sql) const;
  double ExpectedWalk(const Walk& walk, int limit) const;
  absl::StatusOr<bool> RunWalk(const Walk& walk, int limit, From from,
                               const std::optional<ListPosition>& after, OnRow on_row);
  bool MayCollect(const ListRange& range) const;
  absl::Status Collect(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                       OnRow on_row);
  std::string CollectSql(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                         ListSql& sql) const;
  absl::Status Deliver(const std::string& text, const ListSql& sql, OnRow on_row);
  absl::Status TooManyRows() const;

  bool IsGrouped() const;
  absl::Status GroupRows(int limit, const std::optional<ListPosition>& after, OnRow on_row);
  absl::StatusOr<std::vector<std::string>> GroupValues(const std::optional<ListPosition>& after) const;
  absl::Status RowsOfGroup(const std::string& value, int limit, const std::optional<ListPosition>& after,
                           OnRow on_row);

  std::string OrderSql() const;
  std::string ByOrder(From from) const;
  std::string Direction() const { return selection_.descending ? " DESC" : " ASC"; }

  db::Tx& tx_;
  const ListSelection& selection_;
  const std::string columns_;
  const int column_count_;
  ListCounts counts_;
  std::optional<int64_t> total_;
  int delivered_ = 0;
  std::optional<ListPosition> last_;
};

}  // namespace penstock
