// Orders by a column of cells or scopes, for which there is no index: one value after the other, the rows of
// each by id. See docs/LISTS.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/list_plan.h"
#include "storage/list_total.h"

namespace penstock {

// Of one total, which it borrows, in the same transaction. Not thread-safe.
class ListGroups {
 public:
  // Whether the base's order is by such a column.
  static bool AreOrderOf(const ListBase& base);

  ListGroups(db::Tx& tx, const ListTotal& total, const ListColumns& columns)
      : tx_(tx), total_(total), base_(total.base()), selection_(base_.selection()), columns_(columns) {}

  // As ListPlan::Rows.
  absl::Status Rows(int limit, const std::optional<ListPosition>& after, ListOnRow on_row);

 private:
  absl::StatusOr<std::vector<std::string>> Values(const std::optional<ListPosition>& after) const;
  std::vector<std::string> ValuesOfBase() const;
  absl::StatusOr<std::vector<std::string>> ScopesAfter(const ListCells::Scope& scope,
                                                       const std::optional<ListPosition>& after) const;
  bool MayHave(const std::string& value) const;
  absl::Status RowsOf(const std::string& value, int limit, const std::optional<ListPosition>& after,
                      ListOnRow on_row);

  db::Tx& tx_;
  const ListTotal& total_;
  const ListBase& base_;
  const ListSelection& selection_;
  const ListColumns columns_;
  int delivered_ = 0;
};

}  // namespace penstock
