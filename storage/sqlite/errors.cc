#include "storage/sqlite/errors.h"

#include "absl/strings/str_cat.h"

namespace penstock::sqlite {

absl::Status StatusFromCode(int extended_code, absl::string_view what, absl::string_view message) {
  const std::string text = absl::StrCat("SQLite: ", what, ": ", message);
  if (extended_code == SQLITE_CONSTRAINT_UNIQUE || extended_code == SQLITE_CONSTRAINT_PRIMARYKEY) {
    return absl::AlreadyExistsError(text);
  }
  // The low byte is the primary code.
  switch (extended_code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
      return absl::OkStatus();
    case SQLITE_CONSTRAINT:
      return absl::FailedPreconditionError(text);
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(
          "The disk that holds the database is full; nothing was written. Free some space and try again");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::AbortedError(text);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_IOERR:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return absl::UnavailableError(text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(text);
    case SQLITE_TOOBIG:
      return absl::InvalidArgumentError(text);
    default:
      return absl::InternalError(text);
  }
}

absl::Status LastError(sqlite3* handle, absl::string_view what) {
  return StatusFromCode(sqlite3_extended_errcode(handle), what, sqlite3_errmsg(handle));
}

}  // namespace penstock::sqlite
