#include "storage/sqlite/connection.h"

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/sqlite/errors.h"

namespace penstock::sqlite {
namespace {

// Distinct texts are few: the fixed statements and the shapes of list queries. Past this the cache starts
// anew.
constexpr size_t kStatementsMax = 512;
constexpr int kBusyTimeoutMs = 10'000;  // only another program that opened the file can hold its lock
// FULL, since NORMAL in WAL mode syncs with checkpoints only, and a commit is answered when it is on disk.
// LIKE is as in PostgreSQL. Each connection has 8 MiB of pages. When the WAL is written back, WalRoom decides.
constexpr char kPragmas[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
    "PRAGMA case_sensitive_like = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -8192; PRAGMA "
    "journal_size_limit = 67108864;";

class StatementRow final : public db::Row {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool IsNull(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  int64_t Int64(int column) const override { return sqlite3_column_int64(statement_, column); }
  absl::string_view Text(int column) const override {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return {text == nullptr ? "" : text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }
  absl::string_view Bytes(int column) const override {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    return {bytes == nullptr ? "" : bytes, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

int Bind(sqlite3_stmt* statement, int index, const db::Param& param) {
  const auto& value = param.value();
  if (const auto* number = std::get_if<int64_t>(&value)) return sqlite3_bind_int64(statement, index, *number);
  if (const auto* text = std::get_if<absl::string_view>(&value)) {
    // A null pointer would bind NULL, which an empty text is not.
    return sqlite3_bind_text64(statement, index, text->empty() ? "" : text->data(), text->size(),
                               SQLITE_STATIC, SQLITE_UTF8);
  }
  if (const auto* blob = std::get_if<db::Blob>(&value)) {
    return sqlite3_bind_blob64(statement, index, blob->bytes.empty() ? "" : blob->bytes.data(),
                               blob->bytes.size(), SQLITE_STATIC);
  }
  return sqlite3_bind_null(statement, index);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path, bool read_only) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  if (code != SQLITE_OK) {
    absl::Status status = StatusFromCode(handle == nullptr ? code : sqlite3_extended_errcode(handle),
                                         absl::StrCat("opening ", path), sqlite3_errstr(code));
    sqlite3_close_v2(handle);
    return status;
  }
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  std::unique_ptr<Connection> connection(new Connection(handle));
  RETURN_IF_ERROR(connection->Script(kPragmas));
  if (read_only) {
    RETURN_IF_ERROR(connection->Script("PRAGMA query_only = ON;"));
  } else {
    connection->wal_room_.Serve(handle);
  }
  return connection;
}

Connection::~Connection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement.handle);
  sqlite3_close_v2(handle_);
}

absl::StatusOr<const Connection::Statement*> Connection::Find(absl::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return &found->second;
  Statement statement;
  if (sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement.handle, nullptr) != SQLITE_OK) {
    return LastError(handle_, absl::StrCat("preparing ", sql));
  }
  const int count = sqlite3_bind_parameter_count(statement.handle);
  for (int index = 1; index <= count; ++index) {
    const char* name = sqlite3_bind_parameter_name(statement.handle, index);
    statement.numbers.push_back(name == nullptr ? 0 : std::atoi(name + 1));
  }
  if (statements_.size() >= kStatementsMax) {
    for (auto& [text, old] : statements_) sqlite3_finalize(old.handle);
    statements_.clear();
  }
  return &statements_.emplace(std::string(sql), std::move(statement)).first->second;
}

absl::StatusOr<sqlite3_stmt*> Connection::Prepare(absl::string_view sql, db::Params params) {
  ASSIGN_OR_RETURN(const Statement* statement, Find(sql));
  for (size_t i = 0; i < statement->numbers.size(); ++i) {
    const int number = statement->numbers[i];
    if (number < 1 || number > static_cast<int>(params.size())) {
      return absl::InternalError(absl::StrCat("parameter ", number, " has no value in: ", sql));
    }
    if (Bind(statement->handle, static_cast<int>(i) + 1, params[number - 1]) != SQLITE_OK) {
      return LastError(handle_, "binding");
    }
  }
  return statement->handle;
}

absl::StatusOr<int64_t> Connection::Execute(absl::string_view sql, db::Params params) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, params));
  const auto reset = absl::MakeCleanup([statement] { sqlite3_reset(statement); });
  const int64_t before = sqlite3_total_changes64(handle_);
  int code;
  do {
    code = sqlite3_step(statement);
  } while (code == SQLITE_ROW);
  if (code != SQLITE_DONE) return LastError(handle_, "executing");
  // total_changes would count cascades; changes() keeps its old value for statements that change nothing.
  return sqlite3_total_changes64(handle_) == before ? 0 : sqlite3_changes64(handle_);
}

absl::Status Connection::Query(absl::string_view sql, db::Params params, db::RowCallback callback) {
  ASSIGN_OR_RETURN(sqlite3_stmt * statement, Prepare(sql, params));
  const auto reset = absl::MakeCleanup([statement] { sqlite3_reset(statement); });
  const StatementRow row(statement);
  while (true) {
    const int code = sqlite3_step(statement);
    if (code == SQLITE_DONE) return absl::OkStatus();
    if (code != SQLITE_ROW) return LastError(handle_, "querying");
    RETURN_IF_ERROR(callback(row));
  }
}

absl::Status Connection::BeginWrite() {
  RETURN_IF_ERROR(Execute("BEGIN IMMEDIATE", {}).status());
  wal_room_.Extend(handle_);
  return absl::OkStatus();
}

absl::Status Connection::Script(absl::string_view script) {
  const std::string text(script);
  if (sqlite3_exec(handle_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return LastError(handle_, "running a script");
  }
  return absl::OkStatus();
}

}  // namespace penstock::sqlite
