// How far a copy into a database has come: rows of a table that the target has only until the copy is
// finished.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/db/database.h"

namespace penstock {

struct CopyProgressRow {
  std::string table_name;
  std::string source;  // who is copied
  int64_t row_count = 0;
  std::string sha256;    // of the rows so far
  std::string last_key;  // JSON array: the primary key of the last of them
};

// Whether the database has the table; `kind` is the database's. See TableExists.
absl::StatusOr<bool> CopyProgressExists(db::Tx& tx, absl::string_view kind);
absl::Status CopyProgressCreate(db::Tx& tx);
absl::Status CopyProgressDrop(db::Tx& tx);

// Nothing if no row of the table was copied yet.
absl::StatusOr<std::optional<CopyProgressRow>> CopyProgressGet(db::Tx& tx, absl::string_view table_name);
// In place of what stands there of the same table.
absl::Status CopyProgressPut(db::Tx& tx, const CopyProgressRow& row);

// FAILED_PRECONDITION if a copy into this database was begun and not finished.
absl::Status CheckNoUnfinishedCopy(db::Database& database);

}  // namespace penstock
