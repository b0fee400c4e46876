#include "storage/sqlite/database.h"

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock::sqlite {
namespace {

constexpr int kPagesAtOnceKib = 4096;

// Each has pages of its own in memory, and forgets them with every commit: the fewer, the more reads share
// them.
int ReadersMax() {
  static const int count = std::clamp(static_cast<int>(std::thread::hardware_concurrency()) + 1, 3, 8);
  return count;
}

// For the whole process, before the first connection.
bool Configure() {
  // Statistics on memory take a lock in every allocation: 2.5 times the reads with 8 readers without them.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  // Pages of a connection are one piece of memory: with every commit readers forget theirs, and read anew.
  sqlite3_config(SQLITE_CONFIG_PAGECACHE, nullptr, 0, -kPagesAtOnceKib);
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Database>> Database::Open(const std::string& path) {
  static const bool configured = Configure();
  (void)configured;
  auto writer = Connection::Open(path, /*read_only=*/false);
  if (!writer.ok()) {
    return absl::Status(
        writer.status().code(),
        absl::StrCat("the database ", path, " cannot be opened: ", writer.status().message()));
  }
  return std::unique_ptr<Database>(new Database(path, *std::move(writer)));
}

absl::StatusOr<std::unique_ptr<Connection>> Database::TakeReader() {
  {
    absl::MutexLock lock(&readers_mutex_);
    const auto available = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(readers_mutex_) {
      return !idle_readers_.empty() || readers_ < ReadersMax();
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

// Also after an error: unlike a connection over a network it stays good.
void Database::ReturnReader(std::unique_ptr<Connection> reader) {
  absl::MutexLock lock(&readers_mutex_);
  idle_readers_.push_back(std::move(reader));
}

absl::Status Database::Read(db::TxBody body) {
  ASSIGN_OR_RETURN(auto reader, TakeReader());
  // One snapshot for all statements of the body; it ends with COMMIT, also after an error, as nothing was
  // written.
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
