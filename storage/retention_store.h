// Policies by which old runs are deleted, and the runs that one of them is about.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/db/database.h"
#include "storage/list_query.h"
#include "storage/model.h"

namespace penstock {

// By what a policy is found: there is one for each namespace and each experiment, at most.
std::string RetentionPolicyId(absl::string_view name_space, absl::string_view experiment_id);

const ListResource& RetentionPolicyResource();

// Writes a whole row, in place of the one that may be there. RESOURCE_EXHAUSTED for one more than
// limits::kRetentionPolicies.
absl::Status RetentionPolicyPut(db::Tx& tx, const RetentionPolicyRow& row);
// Nothing if there is none.
absl::StatusOr<std::optional<RetentionPolicyRow>> RetentionPolicyFind(db::Tx& tx,
                                                                      absl::string_view policy_id);
// NOT_FOUND.
absl::StatusOr<RetentionPolicyRow> RetentionPolicyGet(db::Tx& tx, absl::string_view policy_id);
absl::Status RetentionPolicyDelete(db::Tx& tx, absl::string_view policy_id);
absl::Status RetentionPolicyList(db::Tx& tx, const ListQuery& query, Page<RetentionPolicyRow>& page);
// At most `limit` behind the one with the id `after`, by their ids: those that are enabled and previewed as they are.
absl::StatusOr<std::vector<RetentionPolicyRow>> RetentionPoliciesInForce(db::Tx& tx, absl::string_view after,
                                                                         int limit);
// Notes that so many more runs were deleted by it, unless its rules are others meanwhile: ABORTED then.
absl::Status RetentionPolicyApplied(db::Tx& tx, const RetentionPolicyRow& row, int64_t deleted_runs,
                                    absl::Time now);

// A run that a policy deletes.
struct RetentionRun {
  std::string run_id;
  std::string display_name;
  std::string experiment_id;
  RunState state = RunState::kFailed;
  absl::Time created_at;
  absl::Time finished_at;
  std::string recurring_run_id;
  bool by_age = false;  // else by its number
};

// Where to go on among the runs that a policy is about: behind the last one that was looked at.
struct RetentionPosition {
  size_t cell = 0;  // among the pairs of storage state and state
  absl::Time created_at = absl::InfinitePast();
  std::string run_id;
  bool at_end = false;
};

// Finds the runs that one policy deletes, those of one state after the other, the oldest first. Not thread-safe; of one
// transaction, and of one moment. Borrows all that it is given.
class RetentionSearch {
 public:
  RetentionSearch(db::Tx& tx, const RetentionPolicyRow& policy, absl::Time now);

  // Adds at most `limit` runs behind `position`, which it moves; it looks at no more than so many, so it may add none
  // and not be at the end.
  absl::Status Next(int limit, RetentionPosition* position, std::vector<RetentionRun>* runs);

 private:
  using Place = std::pair<absl::Time, std::string>;

  absl::Status Prepare();
  absl::StatusOr<bool> Stays(RetentionRun& run);

  db::Tx& tx_;
  const RetentionPolicyRow& policy_;
  const absl::Time now_;
  std::string scope_;  // SQL with $1, and its value
  std::string scope_value_;
  std::vector<std::pair<StorageState, RunState>> cells_;
  bool prepared_ = false;
  std::optional<Place> oldest_to_stay_;                 // by max_runs; nothing: all of them
  std::map<std::string, std::optional<Place>> latest_;  // likewise by keep_latest, of each recurring run
};

// Whether the run may be deleted by the policy still: it is in a final state, and one that the policy is about.
bool IsOfPolicy(const RetentionPolicyRow& policy, const RunRow& run);

// The known bytes of the run's artifacts that belong to no other run.
absl::StatusOr<int64_t> ArtifactBytesOf(db::Tx& tx, absl::string_view run_id);

}  // namespace penstock
