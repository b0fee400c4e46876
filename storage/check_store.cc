#include "storage/check_store.h"

#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr char kCountRuns[] =
    "SELECT experiment_id, namespace, storage_state, state, COUNT(*) FROM runs "
    "GROUP BY experiment_id, namespace, storage_state, state";
constexpr char kStoredCounts[] = "SELECT scope, storage_state, state, runs FROM run_counts";
constexpr char kSetCount[] =
    "INSERT INTO run_counts (scope, storage_state, state, runs) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (scope, storage_state, state) DO UPDATE SET runs = excluded.runs";
constexpr char kCountArtifacts[] = "SELECT COUNT(*) FROM artifacts";
constexpr char kArtifacts[] = "artifacts";  // as artifact_store.cc has it
constexpr char kBroken[] = R"sql(
  SELECT namespace, fingerprint, run_id, task_id FROM cache_entries e
  WHERE output_artifacts > (SELECT COUNT(*) FROM artifact_tasks t JOIN artifacts a ON a.artifact_id = t.artifact_id
    WHERE t.run_id = e.run_id AND t.task_id = e.task_id AND t.direction = 'OUTPUT')
  ORDER BY namespace, fingerprint LIMIT $1)sql";
constexpr char kOfArtifact[] = R"sql(
  SELECT e.namespace, e.fingerprint, e.run_id, e.task_id FROM artifact_tasks t
  JOIN cache_entries e ON e.run_id = t.run_id AND e.task_id = t.task_id
  WHERE t.artifact_id = $1 AND t.direction = 'OUTPUT' LIMIT $2)sql";
constexpr char kDelete[] = "DELETE FROM cache_entries WHERE namespace = $1 AND fingerprint = $2";
constexpr char kLogs[] = R"sql(
  SELECT run_id, task_id, number, log_path FROM task_attempts
  WHERE (run_id, task_id, number) > ($1, $2, $3) AND outcome <> '' AND log_path <> ''
  ORDER BY run_id, task_id, number LIMIT $4)sql";

using Cell = std::tuple<std::string, std::string, std::string>;  // scope, storage state, state

absl::StatusOr<std::vector<CacheFinding>> Findings(db::Tx& tx, absl::string_view sql, db::Params params) {
  std::vector<CacheFinding> found;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const db::Row& row) {
    found.push_back({row.String(0), row.String(1), row.String(2), row.String(3)});
    return absl::OkStatus();
  }));
  return found;
}

}  // namespace

absl::StatusOr<std::vector<CounterFinding>> CountersCheck(db::Tx& tx, bool repair) {
  std::map<Cell, int64_t> counted;
  RETURN_IF_ERROR(tx.Query(kCountRuns, {}, [&](const db::Row& row) {
    for (const std::string& scope : {std::string("all"), absl::StrCat("experiment/", row.Text(0)),
                                     absl::StrCat("namespace/", row.Text(1))}) {
      counted[{scope, row.String(2), row.String(3)}] += row.Int64(4);
    }
    return absl::OkStatus();
  }));
  std::map<Cell, int64_t> stored;
  RETURN_IF_ERROR(tx.Query(kStoredCounts, {}, [&](const db::Row& row) {
    stored[{row.String(0), row.String(1), row.String(2)}] = row.Int64(3);
    return absl::OkStatus();
  }));
  for (const auto& [cell, runs] : stored) counted.try_emplace(cell, 0);
  std::vector<CounterFinding> findings;
  for (const auto& [cell, runs] : counted) {
    const auto& [scope, storage, state] = cell;
    const auto found = stored.find(cell);
    const int64_t said = found == stored.end() ? 0 : found->second;
    if (said == runs) continue;
    findings.push_back({absl::StrCat("run_counts ", scope, " ", storage, " ", state), said, runs});
    if (repair) RETURN_IF_ERROR(tx.Execute(kSetCount, {scope, storage, state, runs}).status());
  }
  ASSIGN_OR_RETURN(const int64_t artifacts, db::QueryNumber(tx, kCountArtifacts, {}));
  ASSIGN_OR_RETURN(const int64_t said, CounterGet(tx, kArtifacts));
  if (said != artifacts) {
    findings.push_back({kArtifacts, said, artifacts});
    if (repair) RETURN_IF_ERROR(CounterAdd(tx, kArtifacts, artifacts - said));
  }
  return findings;
}

absl::StatusOr<std::vector<CacheFinding>> CacheEntriesBroken(db::Tx& tx, int limit) {
  const db::Param params[] = {limit};
  return Findings(tx, kBroken, params);
}

absl::StatusOr<std::vector<CacheFinding>> CacheEntriesOf(db::Tx& tx, int64_t artifact_id, int limit) {
  const db::Param params[] = {artifact_id, limit};
  return Findings(tx, kOfArtifact, params);
}

absl::Status CacheEntryDelete(db::Tx& tx, const CacheFinding& entry) {
  return tx.Execute(kDelete, {entry.namespace_, entry.fingerprint}).status();
}

absl::StatusOr<std::vector<AttemptLog>> EndedAttemptLogs(db::Tx& tx, const AttemptLog& after, int limit) {
  std::vector<AttemptLog> logs;
  RETURN_IF_ERROR(
      tx.Query(kLogs, {after.run_id, after.task_id, after.number, limit}, [&](const db::Row& row) {
        logs.push_back({row.String(0), row.String(1), static_cast<int>(row.Int64(2)), row.String(3)});
        return absl::OkStatus();
      }));
  return logs;
}

}  // namespace penstock
