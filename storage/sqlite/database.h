// SQLite as a db::Database: one writer with group commit, and a few readers.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/db/database.h"
#include "storage/db/group_commit.h"
#include "storage/sqlite/connection.h"

namespace penstock::sqlite {

// All writes pass one queue (db::GroupCommit), so "database is locked" cannot happen between our own callers.
class Database final : public db::Database {
 public:
  // `path` is a file, made when it is missing.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);

  absl::string_view kind() const override { return "sqlite"; }
  absl::Status Read(db::TxBody body) override;
  absl::Status Write(db::TxBody body) override { return group_commit_.Write(body); }
  void SetChangesListener(db::ChangesListener listener) override {
    group_commit_.SetChangesListener(std::move(listener));
  }
  absl::Status ExecuteScript(db::Tx& tx, absl::string_view script) override;

 private:
  class Writer final : public db::GroupWriter {
   public:
    explicit Writer(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
    absl::Status Begin() override { return connection_->BeginWrite(); }
    absl::Status Commit() override { return connection_->Execute("COMMIT", {}).status(); }
    void Rollback() override {
      if (InTransaction()) (void)connection_->Execute("ROLLBACK", {});
    }
    bool InTransaction() const override { return connection_->InTransaction(); }
    bool MayRunAgain() const override { return false; }  // there is no other writer
    absl::Status SetMark() override { return connection_->Execute("SAVEPOINT member", {}).status(); }
    absl::Status ReturnToMark() override { return connection_->Execute("ROLLBACK TO member", {}).status(); }
    absl::Status ReleaseMark() override { return connection_->Execute("RELEASE member", {}).status(); }
    db::Tx& tx() override { return *connection_; }

   private:
    const std::unique_ptr<Connection> connection_;
  };

  Database(std::string path, std::unique_ptr<Connection> writer)
      : path_(std::move(path)), writer_(std::move(writer)), group_commit_(writer_) {}

  absl::StatusOr<std::unique_ptr<Connection>> TakeReader();
  void ReturnReader(std::unique_ptr<Connection> reader);

  const std::string path_;
  Writer writer_;
  db::GroupCommit group_commit_;

  absl::Mutex readers_mutex_;
  std::vector<std::unique_ptr<Connection>> idle_readers_ ABSL_GUARDED_BY(readers_mutex_);
  int readers_ ABSL_GUARDED_BY(readers_mutex_) = 0;
};

}  // namespace penstock::sqlite
