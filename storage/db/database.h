// The one seam between storage and a database: everything above it is the same SQL text for both.
//
// Parameters are written $1, $2 ... and bound by number. Times are integer microseconds UTC.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace penstock::db {

struct Null {};
struct Blob {
  absl::string_view bytes;
};

// One bound parameter. Text and blobs are borrowed for the duration of the call.
class Param {
 public:
  Param(Null) {}  // NOLINT: implicit on purpose, so that calls read as lists of values
  Param(Blob blob) : value_(blob) {}
  Param(absl::string_view text) : value_(text) {}
  Param(const char* text) : value_(absl::string_view(text)) {}
  Param(const std::string& text) : value_(absl::string_view(text)) {}
  Param(absl::Time time) : value_(absl::ToUnixMicros(time)) {}
  template <typename Int, std::enable_if_t<std::is_integral_v<Int>, int> = 0>
  Param(Int number) : value_(static_cast<int64_t>(number)) {}

  using Variant = std::variant<Null, int64_t, absl::string_view, Blob>;
  const Variant& value() const { return value_; }

 private:
  Variant value_;
};

using Params = absl::Span<const Param>;

// One result row; columns are numbered from 0. Views are valid until the row callback returns.
class Row {
 public:
  virtual ~Row() = default;
  virtual bool IsNull(int column) const = 0;
  virtual int64_t Int64(int column) const = 0;
  virtual absl::string_view Text(int column) const = 0;
  virtual absl::string_view Bytes(int column) const = 0;

  std::string String(int column) const { return std::string(Text(column)); }
  absl::Time Time(int column) const { return absl::FromUnixMicros(Int64(column)); }
};

using RowCallback = absl::FunctionRef<absl::Status(const Row&)>;
// One that is called after the call that it was given to.
using OwnedRowCallback = std::function<absl::Status(const Row&)>;

// Judges the number of rows that a statement changed.
using ChangedCheck = std::function<absl::Status(int64_t changed)>;

// What transactions say that they change, by ids that storage gives. Not thread-safe.
class Changes {
 public:
  void Add(absl::string_view key) {
    if (keys_.size() >= kKeysMax) {
      all_ = all_ || !keys_.contains(key);
    } else {
      keys_.emplace(key);
    }
  }
  bool empty() const { return keys_.empty(); }
  const absl::flat_hash_set<std::string>& keys() const { return keys_; }
  // More than are in keys(): anything may have changed.
  bool all() const { return all_; }

 private:
  static constexpr size_t kKeysMax = 1000;
  absl::flat_hash_set<std::string> keys_;
  bool all_ = false;
};

using ChangesListener = std::function<void(const Changes& changes)>;

// One transaction. Not thread-safe; valid only inside the callback that received it.
// Errors of both calls: ALREADY_EXISTS for a broken uniqueness rule, FAILED_PRECONDITION for another broken
// constraint, ABORTED for a conflict that a retry may solve, RESOURCE_EXHAUSTED for a full disk, UNAVAILABLE
// when the database is away, DATA_LOSS when its file is damaged, INTERNAL for SQL that is wrong.
class Tx {
 public:
  virtual ~Tx() = default;

  // Runs a statement that gives no rows; returns the number of rows it changed.
  virtual absl::StatusOr<int64_t> Execute(absl::string_view sql, Params params) = 0;

  // Runs a query and calls `callback` for each row; an error from the callback ends it and is returned.
  virtual absl::Status Query(absl::string_view sql, Params params, RowCallback callback) = 0;

  // Whether an ordered UNION ALL of ranges of indexes is merged as it is read. Where it is not, each range
  // has to have an order and a LIMIT of its own, or all of it is read and sorted.
  virtual bool MergesUnions() const { return true; }

  // Runs a statement that gives no rows when the driver likes, but before any later statement and before the
  // commit: a database across a network takes many in one round trip. `check`, if given, then hears how many
  // rows it changed; it may use the transaction. An error of either is returned by this call, by a later
  // one, or by Database::Write; nothing of the body's writes remains then.
  virtual absl::Status ExecuteLater(absl::string_view sql, Params params, ChangedCheck check) {
    const absl::StatusOr<int64_t> changed = Execute(sql, params);
    if (!changed.ok() || check == nullptr) return changed.status();
    return check(*changed);
  }

  // Likewise for a query: `callback` hears its rows before any later statement runs.
  virtual absl::Status QueryLater(absl::string_view sql, Params params, OwnedRowCallback callback) {
    return Query(sql, params, callback);
  }

  // Runs what is put off now: all checks and callbacks have heard when it returns.
  virtual absl::Status Flush() { return absl::OkStatus(); }

  // The same, as the last of a body: where it only reads, its transaction may end in the same round trip, and
  // a statement after it is INTERNAL.
  virtual absl::Status Finish() { return Flush(); }

  // Says that what others see of `key` changes with this transaction. The listener of the database hears of it once that
  // is committed, and may hear of what was rolled back beside it.
  void NoteChange(absl::string_view key) { changes_.Add(key); }
  // What was noted since the last call. For drivers.
  Changes TakeChanges() { return std::exchange(changes_, {}); }

  absl::StatusOr<int64_t> Execute(absl::string_view sql, std::initializer_list<Param> params) {
    return Execute(sql, Params(params.begin(), params.size()));
  }
  absl::Status Query(absl::string_view sql, std::initializer_list<Param> params, RowCallback callback) {
    return Query(sql, Params(params.begin(), params.size()), callback);
  }
  absl::Status ExecuteLater(absl::string_view sql, std::initializer_list<Param> params,
                            ChangedCheck check = nullptr) {
    return ExecuteLater(sql, Params(params.begin(), params.size()), std::move(check));
  }

 private:
  Changes changes_;
};

using TxBody = absl::FunctionRef<absl::Status(Tx&)>;

// A database. Thread-safe.
class Database {
 public:
  virtual ~Database() = default;

  // "sqlite" or "postgres": the folder of its migrations.
  virtual absl::string_view kind() const = 0;

  // Runs `body` on one consistent snapshot. Returns its status or the database's. It runs again if its first
  // statement did not reach the database.
  virtual absl::Status Read(TxBody body) = 0;

  // Runs `body` in a transaction and returns OK only after its commit is on disk. If `body` or the commit
  // fails nothing of it remains. `body` may run more than once and on another thread, so it must set its
  // results afresh each time; it must be short and wait for nothing.
  virtual absl::Status Write(TxBody body) = 0;

  // `listener` hears what committed writes of this process have noted (Tx::NoteChange), on the thread of a writer that
  // waits for it to return. Called once, before the first write.
  virtual void SetChangesListener(ChangesListener listener) = 0;

  // Runs a script of several statements outside of the prepared-statement cache; for migrations and schema
  // reading.
  virtual absl::Status ExecuteScript(Tx& tx, absl::string_view script) = 0;
};

}  // namespace penstock::db
