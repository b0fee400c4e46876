// SQLite as a db::Database: one writer with group commit, and a few readers.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/db/database.h"
#include "storage/sqlite/connection.h"

namespace penstock::sqlite {

// All writes pass one queue. The caller at its head leads: it runs the bodies of everybody who waits, so
// that the failure of one undoes its own writes only, commits once, and wakes them. So "database is locked"
// cannot happen between our own callers, a lone caller pays no thread hop, and throughput grows with the
// number of callers.
class Database final : public db::Database {
 public:
  // `path` is a file, made when it is missing.
  static absl::StatusOr<std::unique_ptr<Database>> Open(const std::string& path);

  absl::Status Read(db::TxBody body) override;
  absl::Status Write(db::TxBody body) override;
  absl::Status ExecuteScript(db::Tx& tx, absl::string_view script) override;

 private:
  struct Waiter {
    explicit Waiter(db::TxBody b) : body(b) {}
    db::TxBody body;
    absl::Status status;
    bool done = false;
    absl::CondVar changed;
  };

  Database(std::string path, std::unique_ptr<Connection> writer)
      : path_(std::move(path)), writer_(std::move(writer)) {}

  void CommitTogether(absl::Span<Waiter* const> group);
  bool TryCommit(absl::Span<Waiter* const> group, bool savepoints);
  absl::StatusOr<std::unique_ptr<Connection>> TakeReader();
  void ReturnReader(std::unique_ptr<Connection> reader);

  const std::string path_;

  absl::Mutex queue_mutex_;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(queue_mutex_);
  const std::unique_ptr<Connection> writer_;  // used by the leader only

  absl::Mutex readers_mutex_;
  std::vector<std::unique_ptr<Connection>> idle_readers_ ABSL_GUARDED_BY(readers_mutex_);
  int readers_ ABSL_GUARDED_BY(readers_mutex_) = 0;
};

}  // namespace penstock::sqlite
