// How a page's rows are read: by one walk along an index if there is one in the page's order that has its
// rows and no others; else by the shorter of a walk that passes over other rows and of all rows that the
// filter has, which are sorted then. Both look at no more than limits::kListRowsRead rows; the latter, where
// the index alone says which rows fit, at no more than limits::kListEntriesRead entries. Step 4 of
// docs/LISTS.md.
#pragma once

#include <optional>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"
#include "storage/list_total.h"
#include "storage/list_walk.h"

namespace penstock {

// The columns of the rows that are read: "run_id, state", 2.
struct ListColumns {
  absl::string_view names;
  int count = 0;
};

using ListOnRow = absl::FunctionRef<absl::Status(const db::Row&, const ListPosition&)>;

// Of one total, which it borrows, in the same transaction; for one call of Rows. Not thread-safe.
class ListPlan {
 public:
  ListPlan(db::Tx& tx, ListTotal& total, const ListColumns& columns);
  ListPlan(const ListPlan&) = delete;
  ListPlan& operator=(const ListPlan&) = delete;

  // At most `limit` rows after `after`, in order. FAILED_PRECONDITION if that would look at too many others.
  absl::Status Rows(int limit, const std::optional<ListPosition>& after, ListOnRow on_row);

 private:
  double RowsOfWalk(int limit) const;
  double RowsOfCollect(const ListRange& range) const;
  bool MayCollect(const ListRange& range) const;
  absl::StatusOr<bool> Walk(int limit, ListWalk::From from, const std::optional<ListPosition>& after,
                            ListOnRow on_row);
  absl::Status Collect(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                       ListOnRow on_row);
  std::string CollectSql(const ListRange& range, int limit, const std::optional<ListPosition>& after,
                         ListSql& sql) const;
  absl::Status Deliver(const std::string& text, const ListSql& sql, ListOnRow on_row);

  db::Tx& tx_;
  ListTotal& total_;
  const ListBase& base_;
  const ListSelection& selection_;
  const ListColumns columns_;
  const ListWalk walk_;
  int delivered_ = 0;
  std::optional<ListPosition> last_;
};

}  // namespace penstock
