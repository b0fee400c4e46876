#include "storage/retention_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(
    db::Key("policy_id", &RetentionPolicyRow::policy_id),
    db::Column("namespace", &RetentionPolicyRow::namespace_),
    db::Column("experiment_id", &RetentionPolicyRow::experiment_id),
    db::Column("enabled", &RetentionPolicyRow::enabled),
    db::Column("max_age_us", &RetentionPolicyRow::max_age),
    db::Column("max_runs", &RetentionPolicyRow::max_runs), db::Column("states", &RetentionPolicyRow::states),
    db::Column("storage", &RetentionPolicyRow::storage),
    db::Column("keep_latest", &RetentionPolicyRow::keep_latest),
    db::Column("revision", &RetentionPolicyRow::revision),
    db::Column("previewed_revision", &RetentionPolicyRow::previewed_revision),
    db::Column("created_at_us", &RetentionPolicyRow::created_at),
    db::Column("updated_at_us", &RetentionPolicyRow::updated_at),
    db::Column("applied_at_us", &RetentionPolicyRow::applied_at),
    db::Column("deleted_runs", &RetentionPolicyRow::deleted_runs));
constexpr db::SqlText kPut = kColumns.Sql(
    "INSERT INTO retention_policies ($columns) VALUES ($values) ON CONFLICT (policy_id) DO UPDATE SET "
    "$excluded");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM retention_policies WHERE policy_id = $1");
constexpr char kDelete[] = "DELETE FROM retention_policies WHERE policy_id = $1";
constexpr char kCount[] = "SELECT COUNT(*) FROM retention_policies WHERE policy_id <> $1";
constexpr db::SqlText kInForce = kColumns.Sql(
    "SELECT $columns FROM retention_policies WHERE policy_id > $1 AND enabled = 1 AND previewed_revision = "
    "revision ORDER BY policy_id LIMIT $2");
constexpr char kApplied[] =
    "UPDATE retention_policies SET applied_at_us = $3, deleted_runs = deleted_runs + $4 "
    "WHERE policy_id = $1 AND revision = $2 AND enabled = 1 AND previewed_revision = revision";

constexpr char kOfExperiment[] = "experiment_id = $1";
constexpr char kOfNamespace[] =
    "namespace = $1 AND NOT EXISTS "
    "(SELECT 1 FROM retention_policies p WHERE p.policy_id = 'experiment.' || runs.experiment_id)";
constexpr char kNewest[] = " ORDER BY created_at_us DESC, run_id DESC LIMIT 1 OFFSET ";
constexpr char kLatest[] =
    "SELECT created_at_us, run_id FROM runs WHERE recurring_run_id = $1 "
    "ORDER BY created_at_us DESC, run_id DESC LIMIT 1 OFFSET $2";
constexpr char kCountRuns[] =
    "SELECT runs FROM run_counts WHERE scope = $1 AND storage_state = $2 AND state = $3";
constexpr char kArtifactBytes[] = R"sql(
  SELECT COALESCE(SUM(size_bytes), 0) FROM artifacts a WHERE a.run_id = $1 AND a.import_key = ''
    AND NOT EXISTS (SELECT 1 FROM artifact_tasks t WHERE t.artifact_id = a.artifact_id AND t.run_id <> $1))sql";

constexpr ListField kFields[] = {{"id", "policy_id"}, {"policy_id", "policy_id"}};

std::vector<RunState> StatesOf(const RetentionPolicyRow& policy) {
  std::vector<RunState> states;
  for (const RunState state : {RunState::kSucceeded, RunState::kFailed, RunState::kCanceled}) {
    bool named = policy.states.empty();
    for (const absl::string_view name : absl::StrSplit(policy.states, ',')) {
      named = named || name == Name(state);
    }
    if (named) states.push_back(state);
  }
  return states;
}

bool IsAbout(RetentionStorage storage, StorageState state) {
  return storage == RetentionStorage::kAny ||
         (storage == RetentionStorage::kArchived) == (state == StorageState::kArchived);
}

}  // namespace

std::string RetentionPolicyId(absl::string_view name_space, absl::string_view experiment_id) {
  return experiment_id.empty() ? absl::StrCat("namespace.", name_space)
                               : absl::StrCat("experiment.", experiment_id);
}

const ListResource& RetentionPolicyResource() {
  static constexpr ListResource resource = {"retention policies", "retention_policies", "policy_id", kFields};
  return resource;
}

absl::Status RetentionPolicyPut(db::Tx& tx, const RetentionPolicyRow& row) {
  ASSIGN_OR_RETURN(const int64_t others, db::QueryNumber(tx, kCount, {row.policy_id}));
  if (others >= limits::kRetentionPolicies) {
    return error::RetentionPoliciesTooMany(limits::kRetentionPolicies);
  }
  return tx.Execute(kPut, kColumns.Params(row)).status();
}

absl::StatusOr<std::optional<RetentionPolicyRow>> RetentionPolicyFind(db::Tx& tx,
                                                                      absl::string_view policy_id) {
  return db::QueryRow(tx, kGet, {policy_id}, kColumns);
}

absl::StatusOr<RetentionPolicyRow> RetentionPolicyGet(db::Tx& tx, absl::string_view policy_id) {
  ASSIGN_OR_RETURN(auto found, RetentionPolicyFind(tx, policy_id));
  if (!found.has_value()) return error::RetentionPolicyNotFound(policy_id);
  return *std::move(found);
}

absl::Status RetentionPolicyDelete(db::Tx& tx, absl::string_view policy_id) {
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kDelete, {policy_id}));
  return changed == 0 ? error::RetentionPolicyNotFound(policy_id) : absl::OkStatus();
}

absl::Status RetentionPolicyList(db::Tx& tx, const ListQuery& query, Page<RetentionPolicyRow>& page) {
  return query.Run(tx, kColumns, /*counter=*/"", page);
}

absl::StatusOr<std::vector<RetentionPolicyRow>> RetentionPoliciesInForce(db::Tx& tx, absl::string_view after,
                                                                         int limit) {
  return db::QueryRows(tx, kInForce, {after, limit}, kColumns);
}

absl::Status RetentionPolicyApplied(db::Tx& tx, const RetentionPolicyRow& row, int64_t deleted_runs,
                                    absl::Time now) {
  ASSIGN_OR_RETURN(const int64_t changed,
                   tx.Execute(kApplied, {row.policy_id, row.revision, now, deleted_runs}));
  if (changed > 0) return absl::OkStatus();
  return error::RetentionPolicyMoved(row.policy_id);
}

RetentionSearch::RetentionSearch(db::Tx& tx, const RetentionPolicyRow& policy, absl::Time now)
    : tx_(tx), policy_(policy), now_(now) {
  const bool of_experiment = !policy.experiment_id.empty();
  scope_ = of_experiment ? kOfExperiment : kOfNamespace;
  scope_value_ = of_experiment ? policy.experiment_id : policy.namespace_;
  for (const StorageState storage : {StorageState::kAvailable, StorageState::kArchived}) {
    if (!IsAbout(policy.storage, storage)) continue;
    for (const RunState state : StatesOf(policy)) cells_.emplace_back(storage, state);
  }
}

// The run from which on, by its time, runs stay because of their number.
absl::Status RetentionSearch::Prepare() {
  if (std::exchange(prepared_, true) || policy_.max_runs == 0) return absl::OkStatus();
  // Counted first: where there are not so many, which is most of the time, nothing has to be sorted.
  const std::string counted =
      absl::StrCat(policy_.experiment_id.empty() ? "namespace/" : "experiment/", scope_value_);
  int64_t runs = 0;
  std::string cells;
  for (const auto& [storage, state] : cells_) {
    ASSIGN_OR_RETURN(const int64_t some,
                     db::QueryNumber(tx_, kCountRuns, {counted, Name(storage), Name(state)}));
    runs += some;
    absl::StrAppend(&cells, cells.empty() ? "" : " OR ", "(storage_state = '", Name(storage),
                    "' AND state = '", Name(state), "')");
  }
  if (runs <= policy_.max_runs) return absl::OkStatus();
  const std::string sql = absl::StrCat("SELECT created_at_us, run_id FROM runs WHERE ", scope_, " AND (",
                                       cells, ")", kNewest, "$2");
  return tx_.Query(sql, {scope_value_, policy_.max_runs - 1}, [&](const db::Row& row) {
    oldest_to_stay_ = {row.Time(0), row.String(1)};
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> RetentionSearch::Stays(RetentionRun& run) {
  const Place place(run.created_at, run.run_id);
  run.by_age = policy_.max_age > absl::ZeroDuration() && run.finished_at <= now_ - policy_.max_age;
  const bool by_count = oldest_to_stay_.has_value() && place < *oldest_to_stay_;
  if (!run.by_age && !by_count) return true;
  if (policy_.keep_latest == 0 || run.recurring_run_id.empty()) return false;
  const auto [latest, is_new] = latest_.try_emplace(run.recurring_run_id);
  if (is_new) {
    RETURN_IF_ERROR(tx_.Query(kLatest, {run.recurring_run_id, policy_.keep_latest - 1},
                              [&, at = latest](const db::Row& row) {
                                at->second = {row.Time(0), row.String(1)};
                                return absl::OkStatus();
                              }));
  }
  return !latest->second.has_value() || place >= *latest->second;
}

absl::Status RetentionSearch::Next(int limit, RetentionPosition* position, std::vector<RetentionRun>* runs) {
  RETURN_IF_ERROR(Prepare());
  // What was created later has neither been there for so long nor is among the oldest.
  absl::Time until = absl::UnixEpoch() - absl::Seconds(1);
  if (policy_.max_age > absl::ZeroDuration()) until = now_ - policy_.max_age;
  if (oldest_to_stay_.has_value()) until = std::max(until, oldest_to_stay_->first);
  const std::string sql = absl::StrCat(
      "SELECT run_id, display_name, experiment_id, state, created_at_us, finished_at_us, recurring_run_id "
      "FROM runs "
      "WHERE ",
      scope_,
      " AND storage_state = $2 AND state = $3 AND created_at_us <= $4 AND (created_at_us, run_id) > ($5, $6) "
      "ORDER BY created_at_us, run_id LIMIT $7");
  int left = limit;
  while (left > 0 && position->cell < cells_.size()) {
    const auto& [storage, state] = cells_[position->cell];
    std::vector<RetentionRun> some;
    const absl::Time from = std::max(position->created_at, absl::FromUnixMicros(INT64_MIN / 2));
    RETURN_IF_ERROR(
        tx_.Query(sql, {scope_value_, Name(storage), Name(state), until, from, position->run_id, left},
                  [&](const db::Row& row) {
                    some.push_back({row.String(0), row.String(1), row.String(2), db::Get<RunState>(row, 3),
                                    row.Time(4), row.Time(5), row.String(6)});
                    return absl::OkStatus();
                  }));
    if (static_cast<int>(some.size()) < left) {
      ++position->cell;
      position->created_at = absl::InfinitePast();
      position->run_id.clear();
    } else {
      position->created_at = some.back().created_at;
      position->run_id = some.back().run_id;
    }
    left -= static_cast<int>(some.size());
    for (RetentionRun& run : some) {
      ASSIGN_OR_RETURN(const bool stays, Stays(run));
      if (!stays) runs->push_back(std::move(run));
    }
  }
  position->at_end = position->cell >= cells_.size();
  return absl::OkStatus();
}

bool IsOfPolicy(const RetentionPolicyRow& policy, const RunRow& run) {
  const std::vector<RunState> states = StatesOf(policy);
  return std::find(states.begin(), states.end(), run.state) != states.end() &&
         IsAbout(policy.storage, run.storage_state);
}

absl::StatusOr<int64_t> ArtifactBytesOf(db::Tx& tx, absl::string_view run_id) {
  return db::QueryNumber(tx, kArtifactBytes, {run_id});
}

}  // namespace penstock
