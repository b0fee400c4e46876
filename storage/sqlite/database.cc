#include "storage/sqlite/database.h"

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock::sqlite {
namespace {

constexpr int kReadersMax = 8;     // more only contend for the two or four cores of a stand-alone server
constexpr size_t kGroupMax = 256;  // bounds how long the first of a group waits for the last

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  // Statistics on memory take a lock in every allocation: 2.5 times the reads with 8 readers without them.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  auto writer = Connection::Open(path, /*read_only=*/false);
  if (!writer.ok()) {
    return absl::Status(
        writer.status().code(),
        absl::StrCat("the database ", path, " cannot be opened: ", writer.status().message()));
  }
  return std::unique_ptr<Database>(new Database(path, *std::move(writer)));
}

absl::Status Database::Write(db::TxBody body) {
  Waiter waiter(body);
  absl::MutexLock lock(&queue_mutex_);
  queue_.push_back(&waiter);
  while (!waiter.done && queue_.front() != &waiter) waiter.changed.Wait(&queue_mutex_);
  if (waiter.done) return waiter.status;

  const size_t size = std::min(queue_.size(), kGroupMax);
  const std::vector<Waiter*> group(queue_.begin(), queue_.begin() + size);
  queue_mutex_.Unlock();
  CommitTogether(group);
  queue_mutex_.Lock();

  for (Waiter* member : group) {
    queue_.pop_front();
    member->done = true;
    if (member != &waiter) member->changed.Signal();
  }
  if (!queue_.empty()) queue_.front()->changed.Signal();
  return waiter.status;
}

// Savepoints cost as much as a small write, and failures are rare: the group is first tried without, and if a
// member fails everybody's body runs again, now with a savepoint each.
void Database::CommitTogether(absl::Span<Waiter* const> group) {
  if (!TryCommit(group, /*savepoints=*/false) && group.size() > 1)
    (void)TryCommit(group, /*savepoints=*/true);
}

// Whether nobody failed. Without savepoints nothing is committed if somebody did.
bool Database::TryCommit(absl::Span<Waiter* const> group, bool savepoints) {
  const auto fail_all = [&](const absl::Status& status) {
    for (Waiter* member : group) {
      if (member->status.ok()) member->status = status;
    }
    return false;
  };
  for (Waiter* member : group) member->status = absl::OkStatus();
  const auto begun = writer_->Execute("BEGIN IMMEDIATE", {});
  if (!begun.ok()) return fail_all(begun.status());
  const auto end = absl::MakeCleanup([this] {
    if (writer_->InTransaction()) (void)writer_->Execute("ROLLBACK", {});
  });

  bool any = false;
  bool all = true;
  for (Waiter* member : group) {
    if (savepoints) (void)writer_->Execute("SAVEPOINT member", {});
    member->status = member->body(*writer_);
    if (!writer_->InTransaction()) {  // SQLite gave the whole transaction up: nobody's write remains
      return fail_all(member->status.ok() ? absl::AbortedError("SQLite rolled the transaction back")
                                          : member->status);
    }
    any |= member->status.ok();
    all &= member->status.ok();
    if (!all && !savepoints) return false;
    if (!savepoints) continue;
    if (!member->status.ok()) (void)writer_->Execute("ROLLBACK TO member", {});
    (void)writer_->Execute("RELEASE member", {});
  }
  if (!any) return false;
  const auto committed = writer_->Execute("COMMIT", {});
  return committed.ok() ? all : fail_all(committed.status());
}

absl::StatusOr<std::unique_ptr<Connection>> Database::TakeReader() {
  {
    absl::MutexLock lock(&readers_mutex_);
    const auto available = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(readers_mutex_) {
      return !idle_readers_.empty() || readers_ < kReadersMax;
    };
    readers_mutex_.Await(absl::Condition(&available));
    if (!idle_readers_.empty()) {
      auto reader = std::move(idle_readers_.back());
      idle_readers_.pop_back();
      return reader;
    }
    ++readers_;
  }
  auto reader = Connection::Open(path_, /*read_only=*/true);
  if (!reader.ok()) {
    absl::MutexLock lock(&readers_mutex_);
    --readers_;
  }
  return reader;
}

void Database::ReturnReader(std::unique_ptr<Connection> reader) {
  absl::MutexLock lock(&readers_mutex_);
  idle_readers_.push_back(std::move(reader));
}

absl::Status Database::Read(db::TxBody body) {
  ASSIGN_OR_RETURN(auto reader, TakeReader());
  absl::Status status = reader->Execute("BEGIN", {}).status();
  if (status.ok()) status = body(*reader);
  if (reader->InTransaction()) (void)reader->Execute("COMMIT", {});
  ReturnReader(std::move(reader));
  return status;
}

absl::Status Database::ExecuteScript(db::Tx& tx, absl::string_view script) {
  return static_cast<Connection&>(tx).Script(script);
}

}  // namespace penstock::sqlite
