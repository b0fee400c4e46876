#include "storage/postgres/connection.h"

#include <fcntl.h>
#include <unistd.h>

#include <deque>
#include <pqxx/pipeline>
#include <pqxx/prepared_statement>
#include <pqxx/result>
#include <pqxx/version>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/postgres/errors.h"

namespace penstock::postgres {
namespace {

// Distinct texts are few: the fixed statements and the shapes of list queries. Past this the cache starts
// anew.
constexpr size_t kStatementsMax = 512;
// What is put off at most, so that neither the text of a batch nor its time grows without bound.
constexpr size_t kLaterMax = 256;
constexpr size_t kLaterBytesMax = size_t{1} << 20;
constexpr int kServerVersionMin = 150000;
constexpr unsigned kByteaOid = 17;  // fixed in PostgreSQL's catalog

// Plans are made once for each statement: every list walks an index, so the planner has nothing to gain from
// the values, and must not choose a scan because a table was small when it looked; nor a bitmap or a sort
// where an index has the order.
// Of synchronous_commit only `off` is overridden: what else an operator has chosen keeps its meaning.
constexpr char kSessionSettings[] =
    "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; SET client_min_messages = warning; "
    "SET statement_timeout = '30s'; SET lock_timeout = '10s'; "
    "SET idle_in_transaction_session_timeout = '30s'; "
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off; "
    "SET enable_sort = off; SET jit = off; "
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'; "
    "SHOW server_encoding";

// What libpqxx 6 and 7 call differently.
#if PQXX_VERSION_MAJOR >= 7
using BoundParams = pqxx::params;
void Append(BoundParams& bound, const char* text) {
  if (text == nullptr) {
    bound.append();
  } else {
    bound.append(pqxx::zview(text));
  }
}
pqxx::result ExecPrepared(pqxx::nontransaction& session, const std::string& name, const BoundParams& bound) {
#if PQXX_VERSION_MAJOR > 7 || PQXX_VERSION_MINOR >= 10
  return session.exec(pqxx::prepped{name}, bound);
#else
  return session.exec_prepared(name, bound);
#endif
}
void Prepare(pqxx::connection& connection, const std::string& name, absl::string_view sql) {
  connection.prepare(name, std::string(sql));
}
#else
using BoundParams = std::vector<const char*>;
void Append(BoundParams& bound, const char* text) { bound.push_back(text); }
pqxx::result ExecPrepared(pqxx::nontransaction& session, const std::string& name, const BoundParams& bound) {
  return session.exec_prepared(name, pqxx::prepare::make_dynamic_params(bound));
}
void Prepare(pqxx::connection& connection, const std::string& name, absl::string_view sql) {
  connection.prepare(name, std::string(sql));
  connection.prepare_now(name);  // else with its first use by exec_prepared, and EXECUTE would not know it
}
#endif

bool IsNull(const db::Param& param) { return std::holds_alternative<db::Null>(param.value()); }

// In PostgreSQL's text form; not of a null.
std::string TextOf(const db::Param& param) {
  const auto& value = param.value();
  if (const auto* number = std::get_if<int64_t>(&value)) return absl::StrCat(*number);
  if (const auto* text = std::get_if<absl::string_view>(&value)) return std::string(*text);
  return absl::StrCat("\\x", absl::BytesToHexString(std::get<db::Blob>(value).bytes));
}

// `storage` keeps the values.
// A deque, since what is bound points into its elements.
BoundParams Bind(db::Params params, std::deque<std::string>* storage) {
  BoundParams bound;
  for (const db::Param& param : params) {
    Append(bound, IsNull(param) ? nullptr : storage->emplace_back(TextOf(param)).c_str());
  }
  return bound;
}

class ResultRow final : public db::Row {
 public:
  explicit ResultRow(const pqxx::result& result) : row_(result[0]) {
    for (pqxx::row::size_type column = 0; column < result.columns(); ++column) {
      binary_.push_back(result.column_type(column) == kByteaOid);
    }
    decoded_.resize(binary_.size());
  }
  void MoveTo(const pqxx::row& row) { row_ = row; }

  bool IsNull(int column) const override { return row_[column].is_null(); }
  int64_t Int64(int column) const override {
    int64_t number = 0;
    // Columns that are read as numbers are BIGINT. A NULL reads as 0, as in SQLite.
    (void)absl::SimpleAtoi(Text(column), &number);
    return number;
  }
  absl::string_view Text(int column) const override {
    const pqxx::field field = row_[column];
    return {field.c_str(), field.size()};
  }
  absl::string_view Bytes(int column) const override {
    const absl::string_view text = Text(column);
    // bytea comes as a backslash, an x and hexadecimal digits.
    if (!binary_[column] || text.size() < 2) return text;
    decoded_[column] = absl::HexStringToBytes(text.substr(2));
    return decoded_[column];
  }

 private:
  pqxx::row row_;
  std::vector<bool> binary_;
  mutable std::vector<std::string> decoded_;
};

absl::Status EachRow(const pqxx::result& result, db::RowCallback callback) {
  if (result.empty()) return absl::OkStatus();
  ResultRow row(result);
  for (const pqxx::row& each : result) {
    row.MoveTo(each);
    RETURN_IF_ERROR(callback(row));
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<pqxx::connection> Dial(const std::string& url) {
  auto connection = std::make_unique<pqxx::connection>(url);
#if PQXX_VERSION_MAJOR < 7
  // libpqxx 6 would connect again by itself, in the middle of a transaction.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // as is the very thing that it switches off
  connection->inhibit_reactivation(true);
#pragma GCC diagnostic pop
#endif
  return connection;
}

int DuplicateSocket(const pqxx::connection& connection) {
  return fcntl(connection.sock(), F_DUPFD_CLOEXEC, 0);
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& url, Watchdog& watchdog) {
  std::unique_ptr<Connection> connection;
  try {
    connection.reset(new Connection(Dial(url), watchdog));
  } catch (const std::exception& e) {
    return StatusFromConnectFailure(url, e.what());
  }
  RETURN_IF_ERROR(connection->SetUp());
  return connection;
}

Connection::Connection(std::unique_ptr<pqxx::connection> connection, Watchdog& watchdog)
    : watchdog_(watchdog),
      connection_(std::move(connection)),
      socket_(DuplicateSocket(*connection_)),
      session_(std::make_unique<pqxx::nontransaction>(*connection_)) {}

Connection::~Connection() {
  session_.reset();
  connection_.reset();
  close(socket_);
}

absl::Status Connection::SetUp() {
  const int version = connection_->server_version();
  server_ = absl::StrCat("PostgreSQL ", version / 10000, ".", version % 10000);
  if (version < kServerVersionMin) return error::DatabaseServerTooOld(server_, kServerVersionMin / 10000);
  std::string encoding;
  RETURN_IF_ERROR(
      Guard("setting up the session", [&] { encoding = session_->exec(kSessionSettings)[0][0].c_str(); }));
  return encoding == "UTF8" ? absl::OkStatus() : error::DatabaseNotUtf8(encoding);
}

// Runs `body` and turns what it throws into a status.
template <typename Body>
absl::Status Connection::Guard(absl::string_view what, Body body, absl::Duration answer_max) {
  std::string sqlstate;
  std::string message = "it was lost before";
  if (lost_) return StatusFromSqlState(sqlstate, what, message);
  try {
    const Watchdog::Watch watch(watchdog_, socket_, answer_max);
    body();
    return absl::OkStatus();
  } catch (const std::exception& e) {
    sqlstate = SqlStateOf(e);
    message = e.what();
    lost_ = IsLoss(e);
  }
  failed_ = true;
  conflicted_ |= IsConflict(sqlstate);
  // The code of insufficient_privilege.
  forbidden_ |= sqlstate == "42501";
  // Some errors end the session without saying so.
  lost_ |= !connection_->is_open();
  // Neither the server nor the connection: libpqxx was used in a way that it refuses.
  if (sqlstate.empty() && !lost_) {
    return absl::InternalError(absl::StrCat("PostgreSQL: ", what, ": ", message));
  }
  return StatusFromSqlState(sqlstate, what, message);
}

const std::string& Connection::Prepared(absl::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return found->second;
  if (statements_.size() >= kStatementsMax && !HasLaterStatements()) {  // those name them
    for (const auto& [text, name] : statements_) connection_->unprepare(name);
    statements_.clear();
  }
  std::string name = absl::StrCat("s", ++names_);
  Prepare(*connection_, name, sql);
  return statements_.emplace(std::string(sql), std::move(name)).first->second;
}

absl::StatusOr<pqxx::result> Connection::Run(absl::string_view what, absl::string_view sql,
                                             db::Params params) {
  RETURN_IF_ERROR(later_status_);
  if (!later_.empty()) {
    // It goes along with what is put off, in the same round trip.
    RETURN_IF_ERROR(PutOff(sql, params, nullptr, nullptr));
    return RunLater(what);
  }
  if (read_ == ReadState::kFinished) {
    return absl::InternalError(absl::StrCat("after the end of a read: ", sql));
  }
  pqxx::result result;
  RETURN_IF_ERROR(Guard(what, [&] {
    std::deque<std::string> storage;
    const BoundParams bound = Bind(params, &storage);
    result = ExecPrepared(*session_, Prepared(sql), bound);
  }));
  return result;
}

// A text, since a pipeline of libpqxx takes no parameters: what is put off runs as EXECUTE with quoted
// values.
std::string Connection::Command(absl::string_view sql, db::Params params) {
  std::string command = absl::StrCat("EXECUTE ", Prepared(sql));
  absl::string_view separator = "(";
  for (const db::Param& param : params) {
    absl::StrAppend(&command, separator, IsNull(param) ? "NULL" : session_->quote(TextOf(param)));
    separator = ", ";
  }
  if (!params.empty()) command.push_back(')');
  return command;
}

absl::Status Connection::PutOff(absl::string_view sql, db::Params params, db::ChangedCheck check,
                                db::OwnedRowCallback on_row) {
  if (read_ == ReadState::kFinished) {
    return absl::InternalError(absl::StrCat("after the end of a read: ", sql));
  }
  RETURN_IF_ERROR(Guard("preparing", [&] {
    later_.push_back({Command(sql, params), std::move(check), std::move(on_row)});
  }));
  later_bytes_ += later_.back().command.size();
  return absl::OkStatus();
}

absl::Status Connection::RunLaterIfMany() {
  if (later_.size() < kLaterMax && later_bytes_ < kLaterBytesMax) return absl::OkStatus();
  return RunLater("executing").status();
}

absl::Status Connection::ExecuteLater(absl::string_view sql, db::Params params, db::ChangedCheck check) {
  RETURN_IF_ERROR(later_status_);
  RETURN_IF_ERROR(PutOff(sql, params, std::move(check), nullptr));
  return RunLaterIfMany();
}

absl::Status Connection::QueryLater(absl::string_view sql, db::Params params, db::OwnedRowCallback callback) {
  RETURN_IF_ERROR(later_status_);
  RETURN_IF_ERROR(PutOff(sql, params, nullptr, std::move(callback)));
  return RunLaterIfMany();
}

absl::Status Connection::Flush() {
  RETURN_IF_ERROR(later_status_);
  return later_.empty() ? absl::OkStatus() : RunLater("executing").status();
}

absl::Status Connection::Finish() {
  RETURN_IF_ERROR(later_status_);
  if (read_ == ReadState::kNone) return Flush();
  if (read_ == ReadState::kFinished || (read_ == ReadState::kBegun && !HasLaterStatements())) {
    return absl::OkStatus();  // it has ended, or would be empty
  }
  later_.push_back({"COMMIT", nullptr, nullptr, /*ends_read=*/true});
  return RunLater("querying").status();
}

// The BEGIN waits for the body's first statement and goes with it.
void Connection::BeginRead() {
  read_ = ReadState::kBegun;
  later_.push_back({"BEGIN"});
}

absl::Status Connection::EndRead(absl::Status status) {
  // A body that asked nothing costs no round trip: its BEGIN was never sent.
  const bool unused = read_ == ReadState::kBegun && !HasLaterStatements();
  if (unused) later_.clear();
  status = EndBody(std::move(status));
  if (!unused && read_ != ReadState::kFinished && !lost_) {
    // After a failed statement it is a ROLLBACK.
    if (Script("COMMIT").ok()) ClearFailure();
  }
  return status;
}

// Runs all that is put off in one round trip and returns the answer to the last of it. The checks and
// callbacks come after all answers: they may use the connection.
absl::StatusOr<pqxx::result> Connection::RunLater(absl::string_view what) {
  const std::vector<Later> batch = std::exchange(later_, {});
  later_bytes_ = 0;
  std::vector<pqxx::result> answers;
  later_status_ = Guard(what, [&] {
    pqxx::pipeline pipeline(*session_);
    pipeline.retain(static_cast<int>(batch.size()) + 1);  // nothing is sent before all is there
    for (const Later& later : batch) pipeline.insert(later.command);
    while (!pipeline.empty()) answers.push_back(pipeline.retrieve().second);
  });
  if (read_ == ReadState::kBegun && !answers.empty()) read_ = ReadState::kOpen;
  if (answers.size() == batch.size() && batch.back().ends_read) read_ = ReadState::kFinished;
  for (size_t i = 0; i < answers.size() && later_status_.ok(); ++i) {
    if (batch[i].check != nullptr) {
      later_status_ = batch[i].check(static_cast<int64_t>(answers[i].affected_rows()));
    }
    if (batch[i].on_row != nullptr) later_status_ = EachRow(answers[i], batch[i].on_row);
  }
  RETURN_IF_ERROR(later_status_);
  return answers.back();
}

absl::Status Connection::EndBody(absl::Status status) {
  if (status.ok() && !later_.empty()) (void)RunLater("executing");
  later_.clear();
  later_bytes_ = 0;
  const absl::Status later = std::exchange(later_status_, absl::OkStatus());
  return status.ok() ? later : status;
}

absl::StatusOr<int64_t> Connection::Execute(absl::string_view sql, db::Params params) {
  ASSIGN_OR_RETURN(const pqxx::result result, Run("executing", sql, params));
  return static_cast<int64_t>(result.affected_rows());
}

absl::Status Connection::Query(absl::string_view sql, db::Params params, db::RowCallback callback) {
  ASSIGN_OR_RETURN(const pqxx::result result, Run("querying", sql, params));
  return EachRow(result, callback);
}

absl::Status Connection::Script(absl::string_view script, absl::Duration answer_max) {
  return Guard(
      "running a script", [&] { session_->exec(std::string(script)); }, answer_max);
}

}  // namespace penstock::postgres
