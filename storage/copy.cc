// Tables are copied batch by batch. How far one has come is stored in the target with each batch, so that an
// interrupted copy goes on where it stopped.
#include "storage/copy.h"

#include <algorithm>
#include <optional>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "storage/copy_progress.h"
#include "storage/migrator.h"
#include "storage/schema.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

// A batch is one statement and one transaction of the target. SQLite binds at most 32,766 values.
constexpr int kBatchRowsMax = 500;
constexpr int kBatchValuesMax = 30'000;
constexpr int64_t kBatchBytesMax = int64_t{8} << 20;
constexpr char kVersionTable[] = "schema_migrations";  // each database's own

// One value that outlives its row.
using Value = std::variant<std::monostate, int64_t, std::string>;
using RowValues = std::vector<Value>;

struct Progress {
  CopiedTable done;
  RowValues last_key;  // empty before the first row
};

Value ValueAt(const db::Row& row, int column, ColumnType type) {
  if (row.IsNull(column)) return std::monostate();
  if (type == ColumnType::kInteger) return row.Int64(column);
  return std::string(type == ColumnType::kBlob ? row.Bytes(column) : row.Text(column));
}

db::Param ParamOf(const Value& value, ColumnType type) {
  if (std::holds_alternative<std::monostate>(value)) return db::Null{};
  if (const auto* number = std::get_if<int64_t>(&value)) return db::Param(*number);
  const std::string& text = std::get<std::string>(value);
  return type == ColumnType::kBlob ? db::Param(db::Blob{text}) : db::Param(text);
}

// What one table needs: its statements, and the hash that goes from row to row.
class TableCopy {
 public:
  explicit TableCopy(const TableInfo& table) : table_(table) {
    for (size_t i = 0; i < table.columns.size(); ++i) {
      names_.push_back(table.columns[i].name);
      if (table.columns[i].key_position > 0) key_.push_back(static_cast<int>(i));
    }
    std::sort(key_.begin(), key_.end(),
              [&](int a, int b) { return table.columns[a].key_position < table.columns[b].key_position; });
    batch_rows_ = std::min<int>(kBatchRowsMax, kBatchValuesMax / static_cast<int>(names_.size()));
  }

  const std::string& name() const { return table_.name; }
  int batch_rows() const { return batch_rows_; }

  // The next rows behind `last_key`, at most a batch.
  absl::StatusOr<std::vector<RowValues>> Read(db::Tx& tx, const RowValues& last_key) const {
    std::vector<std::string> keys;
    std::vector<std::string> numbers;
    std::vector<db::Param> params;
    for (size_t i = 0; i < key_.size(); ++i) {
      keys.push_back(names_[key_[i]]);
      numbers.push_back(absl::StrCat("$", i + 1));
      if (!last_key.empty()) params.push_back(ParamOf(last_key[i], table_.columns[key_[i]].type));
    }
    const std::string key_list = absl::StrJoin(keys, ", ");
    // By key and not by OFFSET, which would read all rows before it again.
    const std::string where =
        last_key.empty() ? ""
                         : absl::StrCat(" WHERE (", key_list, ") > (", absl::StrJoin(numbers, ", "), ")");
    std::vector<RowValues> rows;
    RETURN_IF_ERROR(tx.Query(absl::StrCat("SELECT ", absl::StrJoin(names_, ", "), " FROM ", table_.name,
                                          where, " ORDER BY ", key_list, " LIMIT ", batch_rows_),
                             db::Params(params), [&](const db::Row& row) {
                               RowValues& values = rows.emplace_back();
                               for (size_t i = 0; i < names_.size(); ++i) {
                                 values.push_back(ValueAt(row, static_cast<int>(i), table_.columns[i].type));
                               }
                               return absl::OkStatus();
                             }));
    return rows;
  }

  absl::Status Insert(db::Tx& tx, absl::Span<const RowValues> rows) const {
    std::string sql =
        absl::StrCat("INSERT INTO ", table_.name, " (", absl::StrJoin(names_, ", "), ") VALUES ");
    std::vector<db::Param> params;
    for (const RowValues& row : rows) {
      absl::StrAppend(&sql, params.empty() ? "(" : ", (");
      for (size_t i = 0; i < row.size(); ++i) {
        params.push_back(ParamOf(row[i], table_.columns[i].type));
        absl::StrAppend(&sql, i == 0 ? "$" : ", $", params.size());
      }
      sql.push_back(')');
    }
    return tx.Execute(sql, db::Params(params)).status();
  }

  // Counts `row` in and moves on behind it. The checksum so far goes into the next, so that one text is
  // enough to go on with after an interruption. Sizes stand before texts: no two different rows give the same
  // bytes.
  void Advance(const RowValues& row, Progress& progress) const {
    std::string bytes = progress.done.sha256;
    for (const Value& value : row) {
      if (std::holds_alternative<std::monostate>(value)) {
        bytes.push_back('n');
        continue;
      }
      const auto* number = std::get_if<int64_t>(&value);
      const std::string text = number != nullptr ? absl::StrCat(*number) : std::get<std::string>(value);
      absl::StrAppend(&bytes, number != nullptr ? "i" : "t", text.size(), ":", text);
    }
    progress.done.sha256 = Sha256Hex(bytes);
    ++progress.done.rows;
    progress.last_key.clear();
    for (const int column : key_) progress.last_key.push_back(row[column]);
  }

 private:
  const TableInfo& table_;
  std::vector<std::string> names_;
  std::vector<int> key_;  // columns of the primary key, in its order
  int batch_rows_ = 0;
};

// Columns of keys are integers and texts, and not null.
std::string KeyText(const RowValues& key) {
  Json json = Json::array();
  for (const Value& value : key) {
    const auto* number = std::get_if<int64_t>(&value);
    if (number != nullptr) {
      json.push_back(*number);
    } else {
      json.push_back(std::get<std::string>(value));
    }
  }
  return DumpJson(json);
}

absl::StatusOr<RowValues> KeyFromText(absl::string_view text) {
  ASSIGN_OR_RETURN(const Json json, ParseJson(text));
  RowValues key;
  for (const Json& value : json) {
    if (value.is_number()) {
      key.emplace_back(value.get<int64_t>());
    } else {
      key.emplace_back(value.get<std::string>());
    }
  }
  return key;
}

// A source is known by the key of its page tokens, which is random and goes along.
absl::StatusOr<std::string> IdentityOf(db::Tx& tx) {
  ASSIGN_OR_RETURN(const auto key, SettingGet(tx, kPageTokenKeySetting));
  return Sha256Hex(key.value_or(""));
}

absl::Status CheckSchema(Store& store, absl::string_view which) {
  ASSIGN_OR_RETURN(const auto plan,
                   Migrator(store.database(), store.known_migrations(), RealClock::Instance()).Plan());
  if (plan.empty()) return absl::OkStatus();
  return error::CopySchemaOther(which, plan.size());
}

// Makes the table of progress in an empty target, or leaves the one that an interrupted copy made.
absl::Status BeginTarget(Store& target, const std::vector<TableInfo>& tables) {
  return target.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const bool resumed, CopyProgressExists(tx, target.database().kind()));
    if (resumed) return absl::OkStatus();
    for (const TableInfo& table : tables) {
      if (table.name == kVersionTable) continue;
      bool empty = true;
      RETURN_IF_ERROR(
          tx.Query(absl::StrCat("SELECT 1 FROM ", table.name, " LIMIT 1"), {}, [&](const db::Row&) {
            empty = false;
            return absl::OkStatus();
          }));
      if (empty) continue;
      return error::CopyTargetNotEmpty(table.name);
    }
    return CopyProgressCreate(tx);
  });
}

absl::StatusOr<Progress> ReadProgress(Store& target, const std::string& table, const std::string& source) {
  std::optional<CopyProgressRow> row;
  RETURN_IF_ERROR(target.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(row, CopyProgressGet(tx, table));
    return absl::OkStatus();
  }));
  Progress progress;
  progress.done.table = table;
  if (!row.has_value()) return progress;
  if (row->source != source) return error::CopyOfAnotherSource();
  progress.done.rows = row->row_count;
  progress.done.sha256 = row->sha256;
  ASSIGN_OR_RETURN(progress.last_key, KeyFromText(row->last_key));
  return progress;
}

// The beginning of `rows` that one transaction takes: at least one row, and otherwise no more than the bound.
size_t RowsOfOneWrite(absl::Span<const RowValues> rows) {
  int64_t bytes = 0;
  size_t count = 0;
  for (const RowValues& row : rows) {
    for (const Value& value : row) {
      if (const auto* text = std::get_if<std::string>(&value)) bytes += static_cast<int64_t>(text->size());
    }
    if (count > 0 && bytes > kBatchBytesMax) break;
    ++count;
  }
  return count;
}

absl::StatusOr<CopiedTable> CopyTable(db::Tx& from, Store& target, const TableCopy& table,
                                      const std::string& source, const CopyOptions& options) {
  ASSIGN_OR_RETURN(Progress progress, ReadProgress(target, table.name(), source));
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<RowValues> batch, table.Read(from, progress.last_key));
    if (batch.empty()) return progress.done;
    for (absl::Span<const RowValues> rest(batch); !rest.empty();) {
      const absl::Span<const RowValues> rows = rest.first(RowsOfOneWrite(rest));
      rest.remove_prefix(rows.size());
      for (const RowValues& row : rows) table.Advance(row, progress);
      // Rows and progress in one transaction: an interruption leaves both or neither.
      RETURN_IF_ERROR(target.Write([&](db::Tx& tx) -> absl::Status {
        RETURN_IF_ERROR(table.Insert(tx, rows));
        return CopyProgressPut(
            tx, {table.name(), source, progress.done.rows, progress.done.sha256, KeyText(progress.last_key)});
      }));
      if (options.on_progress) RETURN_IF_ERROR(options.on_progress(progress.done));
    }
  }
}

// Reads the target again and compares it with what was read of the source while it was copied.
absl::Status CompareTable(db::Tx& tx, const TableCopy& table, const CopiedTable& expected) {
  Progress found;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<RowValues> batch, table.Read(tx, found.last_key));
    if (batch.empty()) break;
    for (const RowValues& row : batch) table.Advance(row, found);
  }
  if (found.done.rows == expected.rows && found.done.sha256 == expected.sha256) return absl::OkStatus();
  return error::CopyDiffers(table.name(), found.done.rows, found.done.sha256, expected.rows, expected.sha256);
}

}  // namespace

absl::StatusOr<std::vector<CopiedTable>> CopyStore(Store& source, Store& target, const CopyOptions& options) {
  RETURN_IF_ERROR(CheckSchema(source, "source"));
  RETURN_IF_ERROR(CheckSchema(target, "target"));
  RETURN_IF_ERROR(CheckNoUnfinishedCopy(source.database()));  // half a store, with valid rows
  std::vector<TableInfo> tables;
  std::vector<CopiedTable> copied;
  RETURN_IF_ERROR(source.Read([&](db::Tx& from) -> absl::Status {
    ASSIGN_OR_RETURN(tables, ReadTables(from, source.database().kind()));
    ASSIGN_OR_RETURN(const std::string identity, IdentityOf(from));
    RETURN_IF_ERROR(BeginTarget(target, tables));
    for (const TableInfo& table : tables) {
      if (table.name == kVersionTable) continue;
      ASSIGN_OR_RETURN(CopiedTable done, CopyTable(from, target, TableCopy(table), identity, options));
      copied.push_back(std::move(done));
    }
    return absl::OkStatus();
  }));
  RETURN_IF_ERROR(target.Read([&](db::Tx& tx) -> absl::Status {
    size_t next = 0;
    for (const TableInfo& table : tables) {
      if (table.name == kVersionTable) continue;
      RETURN_IF_ERROR(CompareTable(tx, TableCopy(table), copied[next++]));
    }
    return absl::OkStatus();
  }));
  // Last of all: until then no server starts on the target.
  RETURN_IF_ERROR(target.Write(CopyProgressDrop));
  return copied;
}

}  // namespace penstock
