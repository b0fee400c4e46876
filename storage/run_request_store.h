// Requests of clients that create a run at most once, by the ids that the clients chose.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// Nothing if the id is not known, or no longer.
absl::StatusOr<std::optional<RunRequestRow>> RunRequestFind(db::Tx& tx, absl::string_view request_id);

// Notes the request. Forgets a few that are older than limits::kRunRequestDays. ALREADY_EXISTS if its id is
// known; the transaction may go on.
absl::Status RunRequestInsert(db::Tx& tx, const RunRequestRow& row);

}  // namespace penstock
