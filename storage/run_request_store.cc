#include "storage/run_request_store.h"

#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kForget[] = R"sql(
  DELETE FROM run_requests WHERE request_id IN
    (SELECT request_id FROM run_requests WHERE created_at_us < $1 ORDER BY created_at_us LIMIT 10))sql";
constexpr char kInsert[] = R"sql(
  INSERT INTO run_requests (request_id, run_id, request_sha256, created_at_us) VALUES ($1, $2, $3, $4)
  ON CONFLICT (request_id) DO NOTHING)sql";
constexpr char kSelect[] =
    "SELECT request_id, run_id, request_sha256, created_at_us FROM run_requests WHERE request_id = $1";

}  // namespace

absl::StatusOr<std::optional<RunRequestRow>> RunRequestFind(db::Tx& tx, absl::string_view request_id) {
  std::optional<RunRequestRow> found;
  RETURN_IF_ERROR(tx.Query(kSelect, {request_id}, [&](const db::Row& row) {
    found = RunRequestRow{row.String(0), row.String(1), row.String(2), row.Time(3)};
    return absl::OkStatus();
  }));
  return found;
}

absl::Status RunRequestInsert(db::Tx& tx, const RunRequestRow& row) {
  const absl::Duration age = absl::Hours(24 * limits::kRunRequestDays);
  RETURN_IF_ERROR(tx.ExecuteLater(kForget, {row.created_at - age}));
  ASSIGN_OR_RETURN(const int64_t inserted,
                   tx.Execute(kInsert, {row.request_id, row.run_id, row.request_sha256, row.created_at}));
  return inserted > 0 ? absl::OkStatus() : error::RunRequestIdTaken(row.request_id);
}

}  // namespace penstock
