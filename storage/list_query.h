// A page of a list: scope, filter, order and page token as SQL. Keyset pages only: no OFFSET, whatever the
// page.
//
// A page token holds the query it belongs to and the last row's sort value and id. It is signed with a key of
// the database, so one that was made elsewhere, changed, or used with another query is refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "storage/db/database.h"
#include "storage/list_filter.h"

namespace penstock {

enum class FieldType { kText, kTime };

struct ListField {
  absl::string_view key;  // as clients name it
  absl::string_view column;
  FieldType type = FieldType::kText;
  bool sortable = true;
  // A stored value that clients see as another one: a filter for `shown_as` finds both.
  absl::string_view stored = {};
  absl::string_view shown_as = {};
};

// What can be listed. Constant tables in the stores.
struct ListResource {
  absl::string_view name;  // plural, for messages
  absl::string_view table;
  absl::string_view id_column;
  absl::Span<const ListField> fields;
  bool has_tags = false;  // whether `tags.<key>` filters
};

struct ListRequest {
  int32_t page_size = 0;
  std::string page_token;
  std::string sort_by;
  std::string filter;
};

// Restricts a list to the rows whose `column` has `value`.
struct ListScope {
  absl::string_view column;
  std::string value;
};

template <typename Row>
struct Page {
  std::vector<Row> rows;
  int64_t total_size = 0;
  std::string next_page_token;
};

// Constant after Create.
class ListQuery {
 public:
  // INVALID_ARGUMENT for a negative page size, an unknown sort key or direction, a bad filter, or a bad
  // token.
  static absl::StatusOr<ListQuery> Create(const ListResource& resource, const ListRequest& request,
                                          std::optional<ListScope> scope, absl::string_view token_key);

  // Runs the page: `columns` are selected and each row is given to `read`. Fills all of `page` but the rows.
  // `counter` names the counter that holds the size of the unfiltered scope.
  template <typename Row, typename Reader>
  absl::Status Run(db::Tx& tx, absl::string_view columns, int column_count, absl::string_view counter,
                   Reader read, Page<Row>& page) const {
    page = {};
    const auto on_row = [&](const db::Row& row) -> absl::Status {
      if (static_cast<int>(page.rows.size()) < page_size_) page.rows.push_back(read(row));
      return absl::OkStatus();
    };
    return RunPage(tx, columns, column_count, counter, on_row, page.next_page_token, page.total_size);
  }

  int page_size() const { return page_size_; }
  std::string RowsSql(absl::string_view columns) const;  // for tests of the query plan

 private:
  struct Condition {
    std::string sql;
    std::vector<std::variant<std::string, int64_t>> values;
  };

  ListQuery() = default;
  absl::Status SetOrder(absl::string_view sort_by);
  absl::Status SetFilter(absl::string_view filter);
  absl::Status AddPredicate(const FilterPredicate& predicate, size_t index);
  absl::Status ReadToken(absl::string_view token, const ListRequest& request);
  std::string MakeToken(const std::variant<std::string, int64_t>& sort_value, absl::string_view id) const;
  std::string Where(bool with_position, std::vector<db::Param>& params) const;
  absl::Status RunPage(db::Tx& tx, absl::string_view columns, int column_count, absl::string_view counter,
                       db::RowCallback on_row, std::string& next_page_token, int64_t& total_size) const;

  const ListResource* resource_ = nullptr;
  std::string token_key_;
  std::optional<ListScope> scope_;
  int page_size_ = 0;
  const ListField* order_ = nullptr;
  bool descending_ = false;
  std::string sort_by_;  // as in the token
  std::string filter_;   // likewise
  std::vector<Condition> conditions_;
  bool after_ = false;  // the page starts after this row
  std::variant<std::string, int64_t> after_value_;
  std::string after_id_;
};

}  // namespace penstock
