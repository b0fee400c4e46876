#include "storage/run_request_store.h"

#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/query.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(db::Key("request_id", &RunRequestRow::request_id),
                                      db::Column("run_id", &RunRequestRow::run_id),
                                      db::Column("request_sha256", &RunRequestRow::request_sha256),
                                      db::Column("created_at_us", &RunRequestRow::created_at));
constexpr db::SqlText kInsert =
    kColumns.Sql("INSERT INTO run_requests ($columns) VALUES ($values) ON CONFLICT (request_id) DO NOTHING");
constexpr db::SqlText kSelect = kColumns.Sql("SELECT $columns FROM run_requests WHERE request_id = $1");
// A few with each insert, so that no insert has to wait for many.
constexpr char kForget[] = R"sql(
  DELETE FROM run_requests WHERE request_id IN
    (SELECT request_id FROM run_requests WHERE created_at_us < $1 ORDER BY created_at_us LIMIT 10))sql";

}  // namespace

absl::StatusOr<std::optional<RunRequestRow>> RunRequestFind(db::Tx& tx, absl::string_view request_id) {
  return db::QueryRow(tx, kSelect, {request_id}, kColumns);
}

absl::Status RunRequestInsert(db::Tx& tx, const RunRequestRow& row) {
  const absl::Duration age = absl::Hours(24 * limits::kRunRequestDays);
  RETURN_IF_ERROR(tx.ExecuteLater(kForget, {row.created_at - age}));
  ASSIGN_OR_RETURN(const int64_t inserted, tx.Execute(kInsert, kColumns.Params(row)));
  return inserted > 0 ? absl::OkStatus() : error::RunRequestIdTaken(row.request_id);
}

}  // namespace penstock
