// Group commit: many callers' writes in one transaction, so that one sync to disk serves all of them.
#pragma once

#include <deque>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "storage/db/database.h"

namespace penstock::db {

// What a driver gives: the one connection that writes. Used by one thread at a time.
class GroupWriter {
 public:
  virtual ~GroupWriter() = default;

  // Opens a transaction that no other writer of the database overlaps. UNAVAILABLE if the database is away.
  virtual absl::Status Begin() = 0;

  // OK only after the transaction is on disk. Whatever it returns, the transaction is over.
  virtual absl::Status Commit() = 0;

  // Gives the open transaction up, if there is one.
  virtual void Rollback() = 0;

  // Whether the transaction is still open; a database ends one by itself on some errors.
  virtual bool InTransaction() const = 0;

  // After an error: whether nothing of the transaction remains and running all of it again may succeed,
  // because it met another writer or lost its connection before the commit.
  virtual bool MayRunAgain() const = 0;

  // A mark within the transaction, and back to it. One at a time.
  virtual absl::Status SetMark() = 0;
  virtual absl::Status ReturnToMark() = 0;
  virtual absl::Status ReleaseMark() = 0;

  // The transaction as bodies see it; valid between Begin and its end.
  virtual Tx& tx() = 0;

  // Called after a body that returned `status`: runs what it put off, if it succeeded. Returns the body's
  // status or the error of that.
  virtual absl::Status EndBody(absl::Status status) { return status; }
};

// The queue of writes. The caller at its head leads: it runs the bodies of everybody who waits, so that the
// failure of one undoes its own writes only, commits once, and wakes them. UNAVAILABLE is nobody's own: it
// ends the whole group, whose members would otherwise wait for the database one after the other. A lone
// caller pays no thread hop, and throughput grows with the number of callers. Thread-safe.
class GroupCommit {
 public:
  // `writer` outlives this.
  explicit GroupCommit(GroupWriter& writer) : writer_(writer) {}

  // See Database::Write.
  absl::Status Write(TxBody body);

  // See Database::SetChangesListener.
  void SetChangesListener(ChangesListener listener) { listener_ = std::move(listener); }

 private:
  struct Waiter {
    explicit Waiter(TxBody b) : body(b) {}
    TxBody body;
    absl::Status status;
    bool done = false;
    absl::CondVar changed;
  };
  using Group = absl::Span<Waiter* const>;
  enum class Outcome { kEnded, kUseMarks, kRunAgain };

  void CommitTogether(Group group);
  Outcome TryCommit(Group group, bool marks);
  Outcome FailAll(Group group, const absl::Status& status);

  GroupWriter& writer_;  // used by the leader only
  ChangesListener listener_;
  absl::Mutex mutex_;
  std::deque<Waiter*> queue_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock::db
