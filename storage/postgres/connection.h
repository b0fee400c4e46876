// One PostgreSQL connection with its prepared statements.
#pragma once

#include <memory>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/postgres/watchdog.h"

namespace penstock::postgres {

// A connection that stays lost once it is lost, and a socket of it that its owner closes. Throws what libpqxx
// throws.
std::unique_ptr<pqxx::connection> Dial(const std::string& url);
int DuplicateSocket(const pqxx::connection& connection);

// How long any one answer may take: more than the server's own statement_timeout, which gives better errors.
inline constexpr absl::Duration kAnswerMax = absl::Seconds(40);

// Not thread-safe: one user at a time. No exception of libpqxx leaves it. Once lost it does nothing any more:
// a statement of a transaction must never run on another session.
class Connection final : public db::Tx {
 public:
  // Connects, checks that the server can be used (version, encoding), and sets time-outs. FAILED_PRECONDITION
  // if somebody has to mend something, UNAVAILABLE if trying again may help. `watchdog` outlives it.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& url, Watchdog& watchdog);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  using db::Tx::Execute;
  using db::Tx::Query;
  absl::StatusOr<int64_t> Execute(absl::string_view sql, db::Params params) override;
  absl::Status Query(absl::string_view sql, db::Params params, db::RowCallback callback) override;

  // Statements without parameters or rows, in one round trip and not prepared; outside of a transaction they
  // are one.
  absl::Status Script(absl::string_view script);

  // Whether the connection is lost; for good.
  bool lost() const { return lost_; }
  // Since the last ClearFailure: whether the transaction met another one, and whether the user lacks a right.
  bool conflicted() const { return conflicted_; }
  bool forbidden() const { return forbidden_; }
  // Whether a statement has failed since the last of these marks; what follows it in a transaction fails too.
  bool failed() const { return failed_; }
  void ClearFailure() { failed_ = conflicted_ = forbidden_ = false; }

  // "PostgreSQL 15.18".
  const std::string& server() const { return server_; }

 private:
  Connection(std::unique_ptr<pqxx::connection> connection, Watchdog& watchdog);
  template <typename Body>
  absl::Status Guard(absl::string_view what, Body body);
  absl::Status SetUp(const std::string& url);
  pqxx::result Run(absl::string_view sql, db::Params params);
  const std::string& Prepared(absl::string_view sql);

  Watchdog& watchdog_;
  std::unique_ptr<pqxx::connection> connection_;
  const int socket_;                                          // a duplicate, so that it is never another's
  std::unique_ptr<pqxx::nontransaction> session_;             // transactions are statements of their own
  absl::flat_hash_map<std::string, std::string> statements_;  // text to name
  int64_t names_ = 0;
  bool lost_ = false;
  bool conflicted_ = false;
  bool forbidden_ = false;
  bool failed_ = false;
  std::string server_;
};

}  // namespace penstock::postgres
