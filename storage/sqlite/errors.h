// The one place where an SQLite result code becomes a status.
#pragma once

#include <sqlite3.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock::sqlite {

// The status of an extended result code; `what` says what was being done, `message` is SQLite's own text.
absl::Status StatusFromCode(int extended_code, absl::string_view what, absl::string_view message);

// The same for the last error of a connection.
absl::Status LastError(sqlite3* handle, absl::string_view what);

}  // namespace penstock::sqlite
