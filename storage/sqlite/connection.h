// One SQLite connection with its prepared statements.
#pragma once

#include <sqlite3.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/sqlite/wal_room.h"

namespace penstock::sqlite {

// Not thread-safe: one user at a time. Owns its handle and statements.
class Connection final : public db::Tx {
 public:
  // Opens `path` in WAL mode with synchronous=FULL. `read_only` connections refuse writes.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path, bool read_only);
  ~Connection() override;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  using db::Tx::Execute;
  using db::Tx::ExecuteLater;
  using db::Tx::Query;
  absl::StatusOr<int64_t> Execute(absl::string_view sql, db::Params params) override;
  absl::Status Query(absl::string_view sql, db::Params params, db::RowCallback callback) override;

  // Several statements without parameters or rows, not cached.
  absl::Status Script(absl::string_view script);

  // Begins a transaction that writes, with its lock.
  absl::Status BeginWrite();

  // Whether a transaction is open; SQLite ends one by itself on some errors (a full disk).
  bool InTransaction() const { return sqlite3_get_autocommit(handle_) == 0; }

 private:
  struct Statement {
    sqlite3_stmt* handle = nullptr;
    std::vector<int> numbers;  // of `$n`, in SQLite's own order, which is that of first appearance
  };

  explicit Connection(sqlite3* handle) : handle_(handle) {}
  absl::StatusOr<const Statement*> Find(absl::string_view sql);
  absl::StatusOr<sqlite3_stmt*> Prepare(absl::string_view sql, db::Params params);

  sqlite3* const handle_;
  absl::flat_hash_map<std::string, Statement> statements_;
  WalRoom wal_room_;
};

}  // namespace penstock::sqlite
