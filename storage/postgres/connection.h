// One PostgreSQL connection with its prepared statements.
#pragma once

#include <memory>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <string>
#include <vector>

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
  using db::Tx::ExecuteLater;
  using db::Tx::Query;
  absl::StatusOr<int64_t> Execute(absl::string_view sql, db::Params params) override;
  absl::Status Query(absl::string_view sql, db::Params params, db::RowCallback callback) override;
  // PostgreSQL does not see that what is equal to a constant in one range plays no part in its order.
  bool MergesUnions() const override { return false; }
  // Sent with the next statement that has to answer, or at the end of the body.
  absl::Status ExecuteLater(absl::string_view sql, db::Params params, db::ChangedCheck check) override;
  absl::Status QueryLater(absl::string_view sql, db::Params params, db::OwnedRowCallback callback) override;
  absl::Status Flush() override;
  absl::Status Finish() override;

  // A transaction that reads on one snapshot. It begins with the body's first statement, in one round trip,
  // and ends with Finish or EndRead, which returns what EndBody does.
  void BeginRead();
  absl::Status EndRead(absl::Status status);
  // Whether a statement of it was answered.
  bool read_answered() const { return read_ == ReadState::kOpen || read_ == ReadState::kFinished; }

  // Ends the part of a transaction that one body has written: runs what is still put off if `status` is OK,
  // and forgets it otherwise. Returns `status` or the first error of what was put off.
  absl::Status EndBody(absl::Status status);

  // Statements without parameters or rows, in one round trip and not prepared; outside of a transaction they
  // are one. The answer may take `answer_max`.
  absl::Status Script(absl::string_view script, absl::Duration answer_max = kAnswerMax);

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
  struct Later {
    std::string command;
    db::ChangedCheck check;
    db::OwnedRowCallback on_row;
    bool ends_read = false;
  };
  enum class ReadState { kNone, kBegun, kOpen, kFinished };

  Connection(std::unique_ptr<pqxx::connection> connection, Watchdog& watchdog);
  template <typename Body>
  absl::Status Guard(absl::string_view what, Body body, absl::Duration answer_max = kAnswerMax);
  absl::Status SetUp();
  absl::StatusOr<pqxx::result> Run(absl::string_view what, absl::string_view sql, db::Params params);
  std::string Command(absl::string_view sql, db::Params params);
  absl::Status PutOff(absl::string_view sql, db::Params params, db::ChangedCheck check,
                      db::OwnedRowCallback on_row);
  bool HasLaterStatements() const { return later_.size() > (read_ == ReadState::kBegun ? 1 : 0); }
  absl::Status RunLaterIfMany();
  absl::StatusOr<pqxx::result> RunLater(absl::string_view what);
  const std::string& Prepared(absl::string_view sql);

  Watchdog& watchdog_;
  std::unique_ptr<pqxx::connection> connection_;
  const int socket_;                                          // a duplicate, so that it is never another's
  std::unique_ptr<pqxx::nontransaction> session_;             // transactions are statements of their own
  absl::flat_hash_map<std::string, std::string> statements_;  // text to name
  int64_t names_ = 0;
  std::vector<Later> later_;
  size_t later_bytes_ = 0;
  absl::Status later_status_;  // the first error of what was put off, until the body ends
  ReadState read_ = ReadState::kNone;
  bool lost_ = false;
  bool conflicted_ = false;
  bool forbidden_ = false;
  bool failed_ = false;
  std::string server_;
};

}  // namespace penstock::postgres
