// What most queries of stores come to: one row, all rows, one value, or whether there is any.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "storage/db/columns.h"
#include "storage/db/database.h"
#include "storage/db/rows.h"

namespace penstock::db {

// The row, or nothing; of several the last. `sql` selects `columns`.
template <typename T, typename... Fields>
absl::StatusOr<std::optional<T>> QueryRow(Tx& tx, absl::string_view sql, Params params,
                                          const ColumnList<T, Fields...>& columns) {
  std::optional<T> found;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const Row& row) {
    columns.ReadInto(row, 0, &found.emplace());
    return absl::OkStatus();
  }));
  return found;
}

// All rows in the order of the query.
template <typename T, typename... Fields>
absl::StatusOr<std::vector<T>> QueryRows(Tx& tx, absl::string_view sql, Params params,
                                         const ColumnList<T, Fields...>& columns) {
  std::vector<T> rows;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const Row& row) {
    columns.ReadInto(row, 0, &rows.emplace_back());
    return absl::OkStatus();
  }));
  return rows;
}

// The same of a statement that takes many rows of parameters.
template <typename T, typename... Fields>
absl::StatusOr<std::vector<T>> QueryRowsOf(Tx& tx, const RowsStatement& statement,
                                           const std::vector<Param>& params,
                                           const ColumnList<T, Fields...>& columns) {
  std::vector<T> rows;
  RETURN_IF_ERROR(statement.Query(tx, params, [&](const Row& row) {
    columns.ReadInto(row, 0, &rows.emplace_back());
    return absl::OkStatus();
  }));
  return rows;
}

// The first column of the row, or nothing; of several rows the last.
template <typename T>
absl::StatusOr<std::optional<T>> QueryValue(Tx& tx, absl::string_view sql, Params params) {
  std::optional<T> found;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const Row& row) {
    found = Get<T>(row, 0);
    return absl::OkStatus();
  }));
  return found;
}

// The number that a query such as SELECT COUNT(*) gives.
inline absl::StatusOr<int64_t> QueryNumber(Tx& tx, absl::string_view sql, Params params) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> number, QueryValue<int64_t>(tx, sql, params));
  return number.value_or(0);
}

// Whether the query gives a row.
inline absl::StatusOr<bool> Exists(Tx& tx, absl::string_view sql, Params params) {
  bool exists = false;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const Row&) {
    exists = true;
    return absl::OkStatus();
  }));
  return exists;
}

}  // namespace penstock::db
