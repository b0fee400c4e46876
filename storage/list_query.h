// A page of a list: scope, filter, order and page token. docs/LISTS.md tells how a request becomes a page,
// step by step.
//
// Keyset pages only: no OFFSET, whatever the page. A page token holds the query it belongs to, the last row's
// sort value and id, and the size of the list if it had to be counted, so that it is counted once. It is
// signed with a key of the database, so one that was made elsewhere, changed, or used with another query is
// refused.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/columns.h"
#include "storage/db/database.h"
#include "storage/list_base.h"
#include "storage/list_filter.h"
#include "storage/list_plan.h"
#include "storage/list_resource.h"
#include "storage/list_total.h"

namespace penstock {

inline constexpr int64_t kListSizeUnknown = -1;

struct ListRequest {
  int32_t page_size = 0;
  std::string page_token;
  std::string sort_by;
  std::string filter;
  // Makes of what a client gives what the table has, where the two differ; none: they are the same.
  std::function<void(FilterPredicate&)> to_stored = nullptr;
};

template <typename Row>
struct Page {
  std::vector<Row> rows;
  int64_t total_size = 0;  // kListSizeUnknown if counting would look at too many rows
  std::string next_page_token;
};

// Constant after Create.
class ListQuery {
 public:
  // INVALID_ARGUMENT for a negative page size, an unknown sort key or direction, a bad filter, or a bad
  // token.
  static absl::StatusOr<ListQuery> Create(const ListResource& resource, const ListRequest& request,
                                          std::optional<ListScope> scope, absl::string_view token_key,
                                          const ListBounds& bounds = {});

  // Reads the page: `columns` of each of its rows. `counter` names the counter that holds the size of the
  // unfiltered scope; unused where the resource has cells. FAILED_PRECONDITION, naming the bound, if the
  // filter would look at too many rows to fill the page.
  template <typename Row, typename... Fields>
  absl::Status Run(db::Tx& tx, const db::ColumnList<Row, Fields...>& columns, absl::string_view counter,
                   Page<Row>& page) const {
    page = {};
    page.rows.reserve(page_size_);
    const auto on_row = [&](const db::Row& row) -> absl::Status {
      columns.ReadInto(row, 0, &page.rows.emplace_back());
      return absl::OkStatus();
    };
    const ListColumns of_row = {columns.names(), static_cast<int>(columns.size())};
    return RunPage(tx, of_row, counter, on_row, &page.next_page_token, &page.total_size);
  }

  int page_size() const { return page_size_; }

 private:
  ListQuery() = default;
  absl::Status SetOrder(absl::string_view sort_by);
  absl::Status SetFilter(const ListRequest& request);
  absl::Status ReadToken(absl::string_view token, const ListRequest& request);
  std::string MakeToken(const ListPosition& last, std::optional<int64_t> counted) const;
  absl::StatusOr<ListTotal> TotalOf(db::Tx& tx, const ListBase& base) const;
  absl::Status RunPage(db::Tx& tx, const ListColumns& columns, absl::string_view counter,
                       db::RowCallback on_row, std::string* next_page_token, int64_t* total_size) const;

  ListSelection selection_;
  std::string token_key_;
  int page_size_ = 0;
  std::string sort_by_;                // as in the token
  std::string filter_;                 // likewise
  std::optional<ListPosition> after_;  // the page starts after this row
  std::optional<int64_t> counted_;     // what an earlier page counted
};

}  // namespace penstock
