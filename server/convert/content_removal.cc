#include "server/convert/content_removal.h"

#include "common/json.h"
#include "server/convert/timestamp.h"

namespace penstock {
namespace {

using Removal = penstock::v1::ContentRemoval;

Removal::State ToApi(RemovalState state) {
  switch (state) {
    case RemovalState::kWaiting:
      return Removal::WAITING;
    case RemovalState::kRunning:
      return Removal::RUNNING;
    case RemovalState::kDone:
      return Removal::DONE;
    case RemovalState::kFailed:
      return Removal::FAILED;
  }
  return Removal::STATE_UNSPECIFIED;
}

}  // namespace

void ToApi(const ContentRemovalRow& row, Removal* out) {
  out->set_run_id(row.run_id);
  out->set_experiment_id(row.experiment_id);
  out->set_namespace_(row.namespace_);
  out->set_state(ToApi(row.state));
  out->set_removed_files(row.removed_files);
  out->set_removed_bytes(row.removed_bytes);
  const auto kept = ParseJson(row.kept.empty() ? "[]" : row.kept);
  if (kept.ok() && kept->is_array()) {
    for (const Json& one : *kept) {
      if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string()) continue;
      Removal::Kept* const named = out->add_kept();
      named->set_uri(one[0].get<std::string>());
      named->set_reason(one[1].get<std::string>());
    }
  }
  out->set_kept_count(row.kept_count);
  out->set_error(row.error);
  SetTimestamp(row.created_at, out->mutable_created_at());
  if (row.started_at != absl::UnixEpoch()) SetTimestamp(row.started_at, out->mutable_started_at());
  if (row.finished_at != absl::UnixEpoch()) SetTimestamp(row.finished_at, out->mutable_finished_at());
  if (row.due_at.has_value()) SetTimestamp(*row.due_at, out->mutable_next_try_at());
}

}  // namespace penstock
