// PostgreSQL URLs as libpq reads them: postgresql://user:password@host:port/database?parameter=value.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock::postgres {

// Whether `url` is one for this driver: postgresql:// or postgres://.
bool IsPostgresUrl(absl::string_view url);

// `url` with a bound on connecting, TCP keep-alives and a name for pg_stat_activity, wherever it does not set
// them itself. All else is libpq's: TLS (sslmode, sslrootcert ...), password files, services, several hosts.
std::string WithDefaults(absl::string_view url);

// Whether libpq splits `url` elsewhere than was meant, because a password has a plain @ or / in it. What
// libpq then says may show a part of the password.
bool IsMisread(absl::string_view url);

// For messages and logs: every password is replaced by ***, and what WithDefaults adds is left out.
std::string WithoutPassword(absl::string_view url);

}  // namespace penstock::postgres
