#include "server/convert/retention.h"

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/timestamp.h"
#include "server/validate.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

using Policy = penstock::v1::RetentionPolicy;

constexpr int64_t kLongestSeconds = int64_t{100} * 366 * 24 * 3600;

absl::StatusOr<std::string> StatesFrom(const Policy& given) {
  std::set<std::string> states;
  for (const std::string& name : given.states()) {
    const auto state = RunStateFromName(name);
    if (!state.has_value() || !IsFinal(*state)) {
      return error::RetentionPolicyWrong(
          "states", absl::StrCat("'", name.substr(0, 64), "' is none of SUCCEEDED, FAILED and CANCELED"));
    }
    states.insert(name);
  }
  return absl::StrJoin(states, ",");
}

absl::StatusOr<RetentionStorage> StorageFrom(const Policy& given) {
  switch (given.storage()) {
    case Policy::ANY:
      return RetentionStorage::kAny;
    case Policy::AVAILABLE:
      return RetentionStorage::kAvailable;
    case Policy::ARCHIVED:
      return RetentionStorage::kArchived;
    default:
      return error::RetentionPolicyWrong("storage", "use ANY, AVAILABLE or ARCHIVED");
  }
}

std::string IdleReason(const RetentionPolicyRow& row) {
  if (!row.enabled) return "It is not enabled";
  if (row.previewed_revision != row.revision) {
    return row.previewed_revision == 0 ? "It was never previewed"
                                       : "It was not previewed since its rules changed";
  }
  return "";
}

}  // namespace

absl::StatusOr<RetentionPolicyRow> RetentionPolicyFrom(const Policy& given) {
  RetentionPolicyRow row;
  RETURN_IF_ERROR(CheckText("policy.namespace", given.namespace_(), limits::kNamespaceBytes));
  RETURN_IF_ERROR(CheckText("policy.experiment_id", given.experiment_id(), limits::kIdBytes));
  row.namespace_ = given.namespace_();
  row.experiment_id = given.experiment_id();
  row.policy_id = RetentionPolicyId(row.namespace_, row.experiment_id);
  row.enabled = given.enabled();
  if (given.has_max_age()) {
    const int64_t seconds = given.max_age().seconds();
    if (seconds < 1 || seconds > kLongestSeconds) {
      return error::RetentionPolicyWrong("max_age", "use at least a second and at most 100 years");
    }
    row.max_age = absl::Seconds(seconds);
  }
  if (given.max_runs() < 0 || given.max_runs() > limits::kRetentionMaxRuns) {
    return error::RetentionPolicyWrong(
        "max_runs", absl::StrCat("use 1 to ", limits::kRetentionMaxRuns, ", or 0 for no bound"));
  }
  row.max_runs = given.max_runs();
  if (row.max_runs == 0 && !given.has_max_age()) {
    return error::RetentionPolicyWrong(
        "max_age", "give max_age, max_runs or both: a policy without them deletes nothing");
  }
  if (given.keep_latest() < 0 || given.keep_latest() > limits::kRetentionKeepLatest) {
    return error::RetentionPolicyWrong("keep_latest",
                                       absl::StrCat("use 0 to ", limits::kRetentionKeepLatest));
  }
  row.keep_latest = given.keep_latest();
  ASSIGN_OR_RETURN(row.states, StatesFrom(given));
  ASSIGN_OR_RETURN(row.storage, StorageFrom(given));
  return row;
}

void ToApi(const RetentionPolicyRow& row, Policy* out) {
  out->set_policy_id(row.policy_id);
  out->set_namespace_(row.namespace_);
  out->set_experiment_id(row.experiment_id);
  out->set_enabled(row.enabled);
  if (row.max_age > absl::ZeroDuration()) {
    out->mutable_max_age()->set_seconds(absl::ToInt64Seconds(row.max_age));
  }
  out->set_max_runs(row.max_runs);
  for (const absl::string_view state : absl::StrSplit(row.states, ',', absl::SkipEmpty())) {
    out->add_states(std::string(state));
  }
  out->set_storage(row.storage == RetentionStorage::kAny         ? Policy::ANY
                   : row.storage == RetentionStorage::kAvailable ? Policy::AVAILABLE
                                                                 : Policy::ARCHIVED);
  out->set_keep_latest(row.keep_latest);
  SetTimestamp(row.created_at, out->mutable_created_at());
  SetTimestamp(row.updated_at, out->mutable_updated_at());
  out->set_previewed(row.previewed_revision == row.revision);
  if (row.applied_at != absl::UnixEpoch()) SetTimestamp(row.applied_at, out->mutable_applied_at());
  out->set_deleted_runs(row.deleted_runs);
  out->set_idle_reason(IdleReason(row));
}

void ToApi(const RetentionRun& run, penstock::v1::PreviewRetentionPolicyResponse::Run* out) {
  out->set_run_id(run.run_id);
  out->set_display_name(run.display_name);
  out->set_experiment_id(run.experiment_id);
  out->set_state(std::string(Name(run.state)));
  SetTimestamp(run.created_at, out->mutable_created_at());
  SetTimestamp(run.finished_at, out->mutable_finished_at());
  out->set_reason(run.by_age ? "AGE" : "COUNT");
}

}  // namespace penstock
