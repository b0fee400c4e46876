// One PostgreSQL connection with its prepared statements.
#pragma once

#include <memory>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "storage/db/database.h"

namespace penstock::postgres {

// Not thread-safe: one user at a time. No exception of libpqxx leaves it.
class Connection final : public db::Tx {
 public:
  // Connects, checks that the server can be used (version, encoding), and sets time-outs. FAILED_PRECONDITION
  // if somebody has to mend something, UNAVAILABLE if trying again may help.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& url);
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

  // After the last error: whether the connection is lost, and whether the transaction met another one.
  bool lost() const { return lost_; }
  bool conflicted() const { return conflicted_; }
  // Whether a statement has failed since the last of these marks; what follows it in a transaction fails too.
  bool failed() const { return failed_; }
  void ClearFailure() { failed_ = conflicted_ = false; }

  // "PostgreSQL 15.18".
  const std::string& server() const { return server_; }

 private:
  explicit Connection(std::unique_ptr<pqxx::connection> connection);
  template <typename Body>
  absl::Status Guard(absl::string_view what, Body body);
  absl::Status SetUp(const std::string& url);
  pqxx::result Run(absl::string_view sql, db::Params params);
  const std::string& Prepared(absl::string_view sql);

  std::unique_ptr<pqxx::connection> connection_;
  std::unique_ptr<pqxx::nontransaction> session_;             // transactions are statements of their own
  absl::flat_hash_map<std::string, std::string> statements_;  // text to name
  int64_t names_ = 0;
  bool lost_ = false;
  bool conflicted_ = false;
  bool failed_ = false;
  std::string server_;
};

}  // namespace penstock::postgres
