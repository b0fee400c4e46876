// The schema that a database has: to compare, to read, and to walk all its tables.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"

namespace penstock {

enum class ColumnType { kText, kInteger, kBlob };

struct ColumnInfo {
  std::string name;
  ColumnType type = ColumnType::kText;
  bool not_null = false;
  int key_position = 0;  // in the primary key, from 1; 0: not part of it
};

struct TableInfo {
  std::string name;
  std::vector<ColumnInfo> columns;      // by name
  std::vector<std::string> references;  // tables that its foreign keys point to
};

// Whether there is a table of this name; `kind` is the database's.
absl::StatusOr<bool> TableExists(db::Tx& tx, absl::string_view kind, absl::string_view table);

// Every table, those that are referred to before those that refer to them. Tables that belong to a driver or
// to a copy are left out. INTERNAL for a column type that Penstock does not use, or tables that refer to each
// other in a circle.
absl::StatusOr<std::vector<TableInfo>> ReadTables(db::Tx& tx, absl::string_view kind);

// Every table with its indexes as text: SQLite's own statements, or what PostgreSQL's catalog holds in the
// same form.
absl::StatusOr<std::string> SchemaText(db::Database& database);

// The same without what the kinds of database say differently: a line a column.
std::string ModelText(const std::vector<TableInfo>& tables);

}  // namespace penstock
