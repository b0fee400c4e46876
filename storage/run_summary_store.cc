#include "storage/run_summary_store.h"

#include "common/status_macros.h"
#include "storage/db/rows.h"

namespace penstock {
namespace {

constexpr char kNames[] = R"sql(
  SELECT r.run_id, COALESCE(e.name, ''), COALESCE(p.display_name, ''), COALESCE(v.display_name, '')
  FROM (VALUES $ids) AS ids CROSS JOIN runs r
    LEFT JOIN experiments e ON e.experiment_id = r.experiment_id
    LEFT JOIN pipelines p ON p.pipeline_id = r.pipeline_id
    LEFT JOIN pipeline_versions v ON v.pipeline_version_id = r.pipeline_version_id
  WHERE r.run_id = column1)sql";
constexpr char kMessages[] = R"sql(
  SELECT s.run_id, s.error_message FROM (VALUES $ids) AS ids CROSS JOIN run_states s
  WHERE s.run_id = column1 AND s.error_message <> ''
    AND s.sequence = (SELECT MAX(m.sequence) FROM run_states m WHERE m.run_id = column1))sql";
// Graphs and loops fail with what is in them; the attempt is what a log can be read of.
constexpr char kFailedTasks[] = R"sql(
  SELECT t.run_id, t.task_id, CASE t.display_name WHEN '' THEN t.name ELSE t.display_name END, a.log_tail
  FROM (VALUES $ids) AS ids CROSS JOIN tasks t CROSS JOIN task_attempts a
  WHERE t.run_id = column1 AND t.task_id = (
      SELECT f.task_id FROM tasks f WHERE f.run_id = column1 AND f.state = 'FAILED'
        AND EXISTS (SELECT 1 FROM task_attempts b WHERE b.run_id = f.run_id AND b.task_id = f.task_id)
      ORDER BY f.finished_at_us LIMIT 1)
    AND a.run_id = t.run_id AND a.task_id = t.task_id
    AND a.number = (SELECT MAX(m.number) FROM task_attempts m WHERE m.run_id = t.run_id AND m.task_id = t.task_id))sql";

}  // namespace

absl::Status RunNamesLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                           std::map<std::string, RunNames>* names) {
  return db::QueryOfIdsLater(tx, kNames, run_ids, [names](const db::Row& row) {
    (*names)[row.String(0)] = {row.String(1), row.String(2), row.String(3)};
    return absl::OkStatus();
  });
}

absl::Status RunFailuresLater(db::Tx& tx, const std::vector<std::string>& run_ids,
                              std::map<std::string, RunFailure>* failures) {
  RETURN_IF_ERROR(db::QueryOfIdsLater(tx, kMessages, run_ids, [failures](const db::Row& row) {
    (*failures)[row.String(0)].message = row.String(1);
    return absl::OkStatus();
  }));
  return db::QueryOfIdsLater(tx, kFailedTasks, run_ids, [failures](const db::Row& row) {
    RunFailure& failure = (*failures)[row.String(0)];
    failure.task_id = row.String(1);
    failure.task_name = row.String(2);
    failure.log_tail = row.String(3);
    return absl::OkStatus();
  });
}

}  // namespace penstock
