// How many rows a list has, without reading those that it does not need: from counters, from ranges of
// indexes, from what they leave of each other; all bounded. Step 3 of docs/LISTS.md.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/list_base.h"

namespace penstock {

// Of one base, which it borrows, in the same transaction. Not thread-safe.
class ListTotal {
 public:
  // Counts the rows of the base that satisfy the rest of the predicates, unless that would read more than the
  // bounds of the selection allow.
  static absl::StatusOr<ListTotal> Count(db::Tx& tx, const ListBase& base);
  // Takes what an earlier page counted; unset: it could not.
  static ListTotal Known(db::Tx& tx, const ListBase& base, std::optional<int64_t> rows);

  const ListBase& base() const { return *base_; }
  // Unset if it is not known.
  std::optional<int64_t> rows() const { return rows_; }
  // Whether counters alone say it, so that it need not be remembered.
  bool is_kept() const { return base_->rest().empty(); }

  // The smallest range that has all rows; searched for by the first call.
  absl::StatusOr<ListRange> BestRange();

 private:
  ListTotal(db::Tx& tx, const ListBase& base) : tx_(&tx), base_(&base) {}
  absl::StatusOr<std::optional<int64_t>> CountRows(const ListPredicates& predicates);
  absl::StatusOr<ListRange> FindRange(const ListPredicates& predicates);
  absl::StatusOr<int64_t> CountMatches(const ListRange& range, const ListPredicates& predicates);
  bool AreOfOneScopeColumn(const ListPredicates& predicates) const;
  absl::StatusOr<std::optional<int64_t>> CountByScope(const ListPredicates& predicates);
  absl::StatusOr<std::optional<int64_t>> CountByRemainder(const ListPredicates& predicates);

  db::Tx* tx_;
  const ListBase* base_;
  std::optional<int64_t> rows_;
  std::optional<ListRange> best_range_;
};

}  // namespace penstock
