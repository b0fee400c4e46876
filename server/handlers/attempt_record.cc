#include "server/handlers/attempt_record.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/attempt_record.h"
#include "server/errors.h"
#include "storage/attempt_record_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"

namespace penstock {
namespace {

constexpr int kPageDefault = 10;

// Attempts with the documents that they name.
struct Attempts {
  std::vector<TaskAttemptRow> rows;
  AttemptTexts setups;
  AttemptTexts places;
};

absl::Status ReadTexts(db::Tx& tx, Attempts& attempts) {
  std::vector<std::string> setups;
  std::vector<std::string> places;
  for (const TaskAttemptRow& row : attempts.rows) {
    setups.push_back(row.setup_sha256);
    places.push_back(row.place_sha256);
  }
  ASSIGN_OR_RETURN(attempts.setups, AttemptTextsGet(tx, AttemptText::kSetup, setups));
  ASSIGN_OR_RETURN(attempts.places, AttemptTextsGet(tx, AttemptText::kPlace, places));
  return absl::OkStatus();
}

}  // namespace

absl::Status AttemptRecordList(RequestContext& context,
                               const penstock::v1::ListAttemptRecordsRequest& request,
                               penstock::v1::ListAttemptRecordsResponse* reply) {
  if (request.page_size() < 0) return error::PageSizeNegative(request.page_size());
  const int size =
      request.page_size() == 0 ? kPageDefault : std::min(request.page_size(), limits::kAttemptRecordsPage);
  int after = 0;
  if (!request.page_token().empty() && (!absl::SimpleAtoi(request.page_token(), &after) || after < 0)) {
    return error::PageTokenWrong();
  }
  Attempts attempts;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    attempts = {};
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(attempts.rows,
                     TaskAttemptsAfter(tx, request.run_id(), request.task_id(), after, size + 1));
    return ReadTexts(tx, attempts);
  }));
  if (static_cast<int>(attempts.rows.size()) > size) {
    attempts.rows.resize(size);
    reply->set_next_page_token(absl::StrCat(attempts.rows.back().number));
  }
  for (const TaskAttemptRow& row : attempts.rows) {
    RETURN_IF_ERROR(AttemptToApi(row, attempts.setups, attempts.places, reply->add_attempts()));
  }
  return absl::OkStatus();
}

absl::Status AttemptRecordGet(RequestContext& context, const penstock::v1::GetAttemptRecordRequest& request,
                              penstock::v1::AttemptRecord* reply) {
  if (request.number() < 0) return error::AttemptNumberNegative();
  Attempts attempts;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    attempts = {};
    RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
    ASSIGN_OR_RETURN(const TaskAttemptRow row,
                     TaskAttemptFind(tx, request.run_id(), request.task_id(), request.number()));
    attempts.rows.push_back(row);
    return ReadTexts(tx, attempts);
  }));
  return AttemptToApi(attempts.rows.front(), attempts.setups, attempts.places, reply);
}

}  // namespace penstock
