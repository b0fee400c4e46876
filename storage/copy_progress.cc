#include "storage/copy_progress.h"

#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/schema.h"

namespace penstock {
namespace {

constexpr char kTable[] = "penstock_copy";
constexpr char kCreate[] = R"sql(
  CREATE TABLE IF NOT EXISTS penstock_copy (
    table_name TEXT   NOT NULL PRIMARY KEY,
    source     TEXT   NOT NULL,
    row_count  BIGINT NOT NULL,
    sha256     TEXT   NOT NULL,
    last_key   TEXT   NOT NULL
  ))sql";
constexpr char kSelect[] =
    "SELECT source, row_count, sha256, last_key FROM penstock_copy WHERE table_name = $1";
constexpr char kPut[] =
    "INSERT INTO penstock_copy (table_name, source, row_count, sha256, last_key) VALUES ($1, $2, $3, $4, $5) "
    "ON CONFLICT (table_name) DO UPDATE SET row_count = excluded.row_count, sha256 = excluded.sha256, "
    "last_key = excluded.last_key";
constexpr char kDrop[] = "DROP TABLE penstock_copy";

}  // namespace

absl::StatusOr<bool> CopyProgressExists(db::Tx& tx, absl::string_view kind) {
  return TableExists(tx, kind, kTable);
}

absl::Status CopyProgressCreate(db::Tx& tx) { return tx.Execute(kCreate, {}).status(); }

absl::Status CopyProgressDrop(db::Tx& tx) { return tx.Execute(kDrop, {}).status(); }

absl::StatusOr<std::optional<CopyProgressRow>> CopyProgressGet(db::Tx& tx, absl::string_view table_name) {
  std::optional<CopyProgressRow> found;
  RETURN_IF_ERROR(tx.Query(kSelect, {table_name}, [&](const db::Row& row) {
    found =
        CopyProgressRow{std::string(table_name), row.String(0), row.Int64(1), row.String(2), row.String(3)};
    return absl::OkStatus();
  }));
  return found;
}

absl::Status CopyProgressPut(db::Tx& tx, const CopyProgressRow& row) {
  return tx.Execute(kPut, {row.table_name, row.source, row.row_count, row.sha256, row.last_key}).status();
}

absl::Status CheckNoUnfinishedCopy(db::Database& database) {
  return database.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const bool unfinished, CopyProgressExists(tx, database.kind()));
    return unfinished ? error::CopyUnfinished() : absl::OkStatus();
  });
}

}  // namespace penstock
