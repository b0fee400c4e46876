// The one place where an SQLSTATE or a connection that fails becomes a status.
#pragma once

#include <exception>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock::postgres {

// The SQLSTATE of what libpqxx threw; empty if it has none.
std::string SqlStateOf(const std::exception& e);

// Whether what libpqxx threw means that the connection is lost. libpq may still call it open: after a failed
// write it learns of the end only with the next read.
bool IsLoss(const std::exception& e);

// The status of an SQLSTATE (https://www.postgresql.org/docs/15/errcodes-appendix.html); `what` says what was
// being done, `message` is PostgreSQL's own text. Without an SQLSTATE the connection was lost: UNAVAILABLE.
absl::Status StatusFromSqlState(absl::string_view sqlstate, absl::string_view what,
                                absl::string_view message);

// The status of a connection that could not be made, with what to do about it. FAILED_PRECONDITION if
// somebody has to mend something (password, database, rights, URL), UNAVAILABLE if trying again may help.
// `url` is shown without its password.
absl::Status StatusFromConnectFailure(absl::string_view url, absl::string_view message);

// Whether the whole transaction met another one and may succeed when it runs again.
bool IsConflict(absl::string_view sqlstate);

}  // namespace penstock::postgres
