// The one connection of this process that writes, and the truth about commits whose answer was lost.
//
// All writers of a database, whatever their process, take the same advisory lock first. So each transaction
// sees everything that was committed before, as with SQLite's one writer, and no two of them can conflict or
// deadlock. Each also notes its number in the writer's own row of penstock_writers: when the connection is
// cut during COMMIT, that row tells on the next connection whether the transaction is in the database.
#pragma once

#include <memory>
#include <string>

#include "storage/db/group_commit.h"
#include "storage/postgres/pool.h"

namespace penstock::postgres {

// Used by one thread at a time. See db::GroupWriter.
class Writer final : public db::GroupWriter {
 public:
  // `connector` outlives this. `id` names this process among the writers of the database.
  Writer(Connector& connector, std::string id) : connector_(connector), id_(std::move(id)) {}
  ~Writer() override;

  // Makes the first connection and the table of writers. Errors: see Connection::Open.
  absl::Status Open();

  absl::Status Begin() override;
  // UNAVAILABLE if the connection was lost and it could not be learned in time whether the transaction was
  // committed; the message says so.
  absl::Status Commit() override;
  void Rollback() override;
  bool InTransaction() const override { return in_transaction_ && !connection_->lost(); }
  bool MayRunAgain() const override;
  absl::Status SetMark() override { return connection_->Script("SAVEPOINT member"); }
  absl::Status ReturnToMark() override;
  absl::Status ReleaseMark() override { return connection_->Script("RELEASE SAVEPOINT member"); }
  db::Tx& tx() override { return *connection_; }
  absl::Status EndBody(absl::Status status) override { return connection_->EndBody(std::move(status)); }

  // "PostgreSQL 15.18".
  const std::string& server() const { return server_; }

 private:
  enum class Fate { kCommitted, kRolledBack, kUnknown };
  absl::Status Connect();
  Fate LearnFate();

  Connector& connector_;
  const std::string id_;
  std::unique_ptr<Connection> connection_;  // none while the database is away
  std::string server_;
  int64_t number_ = 0;  // of the transaction
  bool in_transaction_ = false;
  bool commit_failed_cleanly_ = false;  // lost in COMMIT, and known to be rolled back
};

}  // namespace penstock::postgres
