// The schema that a database has, as text, to compare and to read.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "storage/db/database.h"

namespace penstock {

// Every table with its indexes: SQLite's own statements, or what PostgreSQL's catalog holds in the same form.
// Tables that only a driver knows are left out.
absl::StatusOr<std::string> SchemaText(db::Database& database);

// What both kinds of database have to agree on, a line a column: table, column, TEXT, INTEGER or BLOB,
// whether it may be null, and its place in the primary key.
absl::StatusOr<std::string> ModelText(db::Database& database);

}  // namespace penstock
