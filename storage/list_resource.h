// What can be listed: constant tables in the stores.
#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

enum class FieldType { kText, kTime };

// A value of a column: text, or a time as microseconds since 1970.
using ListValue = std::variant<std::string, int64_t>;

// A key of sort_by and filter. There is an index on (column, id), or on (scope, column, id) where every list
// has a scope, or one of ListCells.
struct ListField {
  absl::string_view key;  // as clients name it
  absl::string_view column;
  FieldType type = FieldType::kText;
  bool sortable = true;
  // A stored value that clients see as another one: a filter for `shown_as` finds both.
  absl::string_view stored = {};
  absl::string_view shown_as = {};
  // A text that may be too long for an index: sorted, and indexed, by its first kListIndexedRunes characters,
  // as substr(column, 1, 128).
  bool is_long = false;
  // What every row has, where there is no column.
  absl::string_view constant = {};
};

inline constexpr int kListIndexedRunes = 128;

// Rows that are counted, by scope, in a table of their own, for each pair of values of two columns with few
// values: a cell. An order is then a merge of the index ranges of cells, and the number of rows in any of
// them is known. The table's columns are `scope`, the two, and `count`.
struct ListCells {
  absl::string_view table;
  absl::string_view count;
  absl::string_view first;
  absl::string_view second;
  struct Scope {
    absl::string_view column;
    absl::string_view prefix;  // of the column's value in `scope`

    // Behind all scopes with this prefix.
    std::string End() const {
      std::string end(prefix);
      ++end.back();
      return end;
    }
  };
  absl::string_view all;  // the scope of all rows
  absl::Span<const Scope> scopes;
  // Indexes on (scope column, first, second, column, id); those of all rows have no scope column.
  struct Index {
    absl::string_view scope_column;
    absl::string_view column;
  };
  absl::Span<const Index> indexes;
};

struct ListResource {
  absl::string_view name;  // plural, for messages
  absl::string_view table;
  absl::string_view id_column;
  absl::Span<const ListField> fields;
  bool has_tags = false;             // whether `tags.<key>` filters
  bool has_metrics = false;          // whether `metric:<name>` sorts, though no row has any
  const ListCells* cells = nullptr;  // borrowed
};

// Restricts a list to the rows whose `column` has `value`.
struct ListScope {
  absl::string_view column;
  std::string value;
};

}  // namespace penstock
