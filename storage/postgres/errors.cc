#include "storage/postgres/errors.h"

#include <pqxx/except>
#include <string>
#include <typeinfo>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "storage/postgres/url.h"

namespace penstock::postgres {
namespace {

struct StateRule {
  absl::string_view prefix;  // the first that fits counts
  absl::StatusCode code;
  absl::string_view sentence;  // goes before PostgreSQL's own text
};

// By SQLSTATE or the beginning of one; its first two characters are its class. What is not here is our bug.
constexpr StateRule kStateRules[] = {
    {"23505", absl::StatusCode::kAlreadyExists, ""},
    {"23", absl::StatusCode::kFailedPrecondition, ""},
    {"40", absl::StatusCode::kAborted, ""},
    {"55P03", absl::StatusCode::kUnavailable,
     "somebody else holds the database for too long; try again later"},
    {"57014", absl::StatusCode::kUnavailable, "the database took too long; try again when it is less busy"},
    {"57P", absl::StatusCode::kUnavailable, "the database is stopping or starting; try again"},
    {"08", absl::StatusCode::kUnavailable, "the connection to the database was lost; try again"},
    {"25P03", absl::StatusCode::kUnavailable, "the transaction waited for too long and was ended; try again"},
    {"53100", absl::StatusCode::kResourceExhausted,
     "The disk that holds the database is full; nothing was written. Free some space and try again"},
    {"53300", absl::StatusCode::kUnavailable,
     "the database has no connection left: raise its max_connections, or stop other clients"},
    {"53", absl::StatusCode::kUnavailable, "the database is short of memory or other resources"},
    {"25006", absl::StatusCode::kUnavailable,
     "the database is read-only, as a standby is: let --database_url name the primary, or all hosts with "
     "target_session_attrs=read-write"},
    {"58", absl::StatusCode::kUnavailable, "the database cannot read or write its files"},
    {"XX001", absl::StatusCode::kDataLoss, ""},
    {"XX002", absl::StatusCode::kDataLoss, ""},
    {"22", absl::StatusCode::kInvalidArgument, ""},
    {"54", absl::StatusCode::kInvalidArgument, ""},
    {"42501", absl::StatusCode::kUnavailable,
     "the database user may not do this: let it own the database, or GRANT it the rights"},
    {"28", absl::StatusCode::kUnavailable, "the database refuses this user"},
};

// libpqxx gives no SQLSTATE of a failure to connect: libpq's words are all there is. The first that fits
// counts.
struct ConnectRule {
  absl::string_view text;  // of libpq's message, lower case
  absl::StatusCode code;
  absl::string_view advice;
};

constexpr absl::string_view kUrlForm =
    "The form is postgresql://USER:PASSWORD@HOST:PORT/DATABASE?PARAMETER=VALUE, with %XX for special "
    "characters";

constexpr ConnectRule kConnectRules[] = {
    {"password authentication failed", absl::StatusCode::kFailedPrecondition,
     "The password or the user is wrong: correct --database_url, PGPASSWORD or ~/.pgpass"},
    {"no password supplied", absl::StatusCode::kFailedPrecondition,
     "A password is needed: put it into --database_url, PGPASSWORD or ~/.pgpass"},
    {"authentication failed", absl::StatusCode::kFailedPrecondition,
     "The server does not let this user in this way: see its pg_hba.conf"},
    {"no pg_hba.conf entry", absl::StatusCode::kFailedPrecondition,
     "The server lets nobody in from here with this user and this encryption: see its pg_hba.conf, and "
     "sslmode"},
    {"is not permitted to log in", absl::StatusCode::kFailedPrecondition, "ALTER ROLE ... LOGIN lets it"},
    {"permission denied for database", absl::StatusCode::kFailedPrecondition,
     "GRANT CONNECT, CREATE ON DATABASE ... TO this user, or let it own the database"},
    {"too many", absl::StatusCode::kUnavailable,
     "The server has no connection left: raise max_connections, or stop other clients"},
    {"remaining connection slots", absl::StatusCode::kUnavailable,
     "The server has no connection left: raise max_connections, or stop other clients"},
    {"starting up", absl::StatusCode::kUnavailable, "The server is starting: try again"},
    {"shutting down", absl::StatusCode::kUnavailable, "The server is stopping: try again when it is back"},
    {"session is read-only", absl::StatusCode::kUnavailable,
     "None of the hosts takes writes at the moment: wait for the failover, or name the primary"},
    {"does not exist", absl::StatusCode::kFailedPrecondition,
     "Make it first (createdb -E UTF8 -T template0 NAME; createuser NAME), or correct --database_url"},
    {"ssl", absl::StatusCode::kFailedPrecondition, "See sslmode, sslrootcert and sslcert in --database_url"},
    {"certificate", absl::StatusCode::kFailedPrecondition,
     "See sslmode, sslrootcert and sslcert in --database_url"},
    {"missing key/value separator", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"invalid percent-encoded token", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"invalid integer value", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"invalid port number", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"in uri", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"ipv6 host address", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"could not match", absl::StatusCode::kFailedPrecondition, kUrlForm},
    {"could not translate host name", absl::StatusCode::kUnavailable,
     "The name of the host is unknown here: correct --database_url"},
};

// `text` with "..." for what it quotes.
std::string WithoutQuoted(absl::string_view text) {
  std::string shown;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"') {
      if (!quoted) shown.append("\"...\"");
      quoted = !quoted;
    } else if (!quoted) {
      shown.push_back(c);
    }
  }
  return shown;
}

}  // namespace

std::string SqlStateOf(const std::exception& e) {
  const auto* sql_error = dynamic_cast<const pqxx::sql_error*>(&e);
  if (sql_error != nullptr && !sql_error->sqlstate().empty()) return sql_error->sqlstate();
  // Those that libpqxx 6 throws without their SQLSTATE.
  if (dynamic_cast<const pqxx::serialization_failure*>(&e) != nullptr) return "40001";
  if (dynamic_cast<const pqxx::deadlock_detected*>(&e) != nullptr) return "40P01";
  if (dynamic_cast<const pqxx::transaction_rollback*>(&e) != nullptr) return "40000";
  if (dynamic_cast<const pqxx::insufficient_privilege*>(&e) != nullptr) return "42501";
  return "";
}

bool IsLoss(const std::exception& e) {
  const std::string sqlstate = SqlStateOf(e);
  // With these the server ends the session: it is stopping, or a time-out ended session or transaction.
  for (const absl::string_view ending : {"57P", "25P03", "25P04", "08"}) {
    if (absl::StartsWith(sqlstate, ending)) return true;
  }
  if (!sqlstate.empty()) return false;
  // The server gives an SQLSTATE with every error, so one without it is libpq's own.
  return dynamic_cast<const pqxx::broken_connection*>(&e) != nullptr ||
         typeid(e) == typeid(pqxx::sql_error) || typeid(e) == typeid(pqxx::failure);
}

bool IsConflict(absl::string_view sqlstate) { return sqlstate == "40001" || sqlstate == "40P01"; }

absl::Status StatusFromSqlState(absl::string_view sqlstate, absl::string_view what,
                                absl::string_view message) {
  const absl::string_view said = absl::StripAsciiWhitespace(message);
  if (sqlstate.empty()) {
    return absl::UnavailableError(
        absl::StrCat("PostgreSQL: ", what, ": the connection was lost; try again: ", said));
  }
  for (const StateRule& rule : kStateRules) {
    if (!absl::StartsWith(sqlstate, rule.prefix)) continue;
    if (rule.code == absl::StatusCode::kResourceExhausted) return absl::Status(rule.code, rule.sentence);
    return absl::Status(
        rule.code, absl::StrCat("PostgreSQL: ", what, ": ", rule.sentence, rule.sentence.empty() ? "" : ": ",
                                said, " (", sqlstate, ")"));
  }
  return absl::InternalError(absl::StrCat("PostgreSQL: ", what, ": ", said, " (", sqlstate, ")"));
}

absl::Status StatusFromConnectFailure(absl::string_view url, absl::string_view message) {
  // What is quoted is names of the user's: "ssl-host" says nothing about TLS.
  const std::string lower = absl::AsciiStrToLower(WithoutQuoted(message));
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  absl::string_view advice = "Start the server, or correct host and port in --database_url";
  for (const ConnectRule& rule : kConnectRules) {
    if (!absl::StrContains(lower, rule.text)) continue;
    code = rule.code;
    advice = rule.advice;
    break;
  }
  std::string said = absl::StrReplaceAll(absl::StripAsciiWhitespace(message), {{"\n\t", " "}, {"\n", "; "}});
  if (IsMisread(url)) advice = kUrlForm;
  // What libpq quotes of a URL that cannot be read may be a piece of the password.
  if (advice == kUrlForm) said = absl::StrCat(said.substr(0, said.find('"')), "...");
  return absl::Status(
      code, absl::StrCat("the database ", WithoutPassword(url), " cannot be reached: ", said, ". ", advice));
}

}  // namespace penstock::postgres
