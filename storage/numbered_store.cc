#include "storage/numbered_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/state_columns.h"
#include "storage/task_key.h"

namespace penstock {
namespace {

constexpr auto kColumns = db::Columns(db::Column("number", &NumberedTask::number),
                                      db::Column("run_id", &NumberedTask::key, &TaskKey::run_id),
                                      db::Column("task_id", &NumberedTask::key, &TaskKey::task_id));
constexpr char kFindTasks[] = R"sql(
  SELECT number, run_id, task_id FROM (VALUES $rows) AS ids CROSS JOIN tasks WHERE number = CAST(column1 AS BIGINT))sql";
constexpr char kFindRuns[] = R"sql(
  SELECT number, run_id, '' FROM (VALUES $rows) AS ids CROSS JOIN runs WHERE number = CAST(column1 AS BIGINT))sql";
constexpr char kTasksOf[] = R"sql(
  SELECT number, run_id, task_id FROM (VALUES $rows) AS keys CROSS JOIN tasks
  WHERE run_id = column1 AND task_id = column2)sql";
constexpr char kRunsOf[] =
    "SELECT number, run_id, '' FROM (VALUES $rows) AS keys CROSS JOIN runs WHERE run_id = column1 AND "
    "column2 = ''";
// Each half ends by itself, since not every database merges them as it reads.
constexpr char kAfter[] = R"sql(
  SELECT number, run_id, task_id FROM (
    SELECT * FROM (SELECT number, run_id, task_id FROM tasks WHERE number > $1 ORDER BY number LIMIT $2) AS t
    UNION ALL
    SELECT * FROM (SELECT number, run_id, '' FROM runs WHERE number > $1 ORDER BY number LIMIT $2) AS r) AS numbered
  ORDER BY number LIMIT $2)sql";
constexpr char kBefore[] = R"sql(
  SELECT number, run_id, task_id FROM (
    SELECT * FROM (SELECT number, run_id, task_id FROM tasks WHERE number < $1 ORDER BY number DESC LIMIT $2) AS t
    UNION ALL
    SELECT * FROM (SELECT number, run_id, '' FROM runs WHERE number < $1 ORDER BY number DESC LIMIT $2) AS r) AS numbered
  ORDER BY number DESC LIMIT $2)sql";

constexpr auto kLinkColumns = db::Columns(
    db::Column("link_id", &NumberedLink::link_id), db::Column("artifact_id", &NumberedLink::artifact_id),
    db::Column("number", &NumberedLink::number), db::Column("direction", &NumberedLink::direction),
    db::Column("name", &NumberedLink::name), db::Column("at_us", &NumberedLink::at));
// The order of the joins is told by CROSS JOIN.
constexpr char kSelectLinks[] = R"sql(
  SELECT l.link_id, l.artifact_id, COALESCE(t.number, r.number), l.direction, l.name,
    COALESCE(NULLIF(CASE l.direction WHEN 'INPUT' THEN t.started_at_us ELSE t.finished_at_us END, 0), r.created_at_us)
  FROM )sql";
constexpr char kJoins[] = R"sql(artifact_tasks l CROSS JOIN runs r
    LEFT JOIN tasks t ON t.run_id = l.run_id AND t.task_id = l.task_id
  WHERE r.run_id = l.run_id AND )sql";
constexpr char kRunsOfArtifact[] = R"sql(
  SELECT DISTINCT r.number FROM artifact_tasks l CROSS JOIN runs r
  WHERE l.artifact_id = $1 AND r.run_id = l.run_id ORDER BY r.number LIMIT $2)sql";

absl::StatusOr<std::vector<NumberedTask>> QueryBoth(db::Tx& tx, const db::RowsStatement& tasks,
                                                    const db::RowsStatement& runs,
                                                    const std::vector<db::Param>& params) {
  ASSIGN_OR_RETURN(std::vector<NumberedTask> rows, db::QueryRowsOf(tx, tasks, params, kColumns));
  ASSIGN_OR_RETURN(const std::vector<NumberedTask> roots, db::QueryRowsOf(tx, runs, params, kColumns));
  rows.insert(rows.end(), roots.begin(), roots.end());
  std::sort(rows.begin(), rows.end(),
            [](const NumberedTask& a, const NumberedTask& b) { return a.number < b.number; });
  return rows;
}

}  // namespace

absl::StatusOr<std::vector<NumberedTask>> NumberedTasksFind(db::Tx& tx, const std::vector<int64_t>& numbers) {
  static const db::RowsStatement tasks(kFindTasks, 1);
  static const db::RowsStatement runs(kFindRuns, 1);
  return QueryBoth(tx, tasks, runs, std::vector<db::Param>(numbers.begin(), numbers.end()));
}

absl::StatusOr<std::vector<NumberedTask>> NumberedTasksOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement tasks(kTasksOf, 2);
  static const db::RowsStatement runs(kRunsOf, 2);
  return QueryBoth(tx, tasks, runs, ParamsOf(keys));
}

absl::StatusOr<std::vector<NumberedTask>> NumberedTasksAfter(db::Tx& tx, int64_t after, bool descending,
                                                             int limit) {
  return db::QueryRows(tx, descending ? kBefore : kAfter, {after, limit}, kColumns);
}

absl::StatusOr<std::vector<NumberedLink>> NumberedLinksOfArtifact(db::Tx& tx, int64_t artifact_id,
                                                                  int limit) {
  static const std::string sql =
      absl::StrCat(kSelectLinks, kJoins, "l.artifact_id = $1 ORDER BY l.link_id LIMIT $2");
  return db::QueryRows(tx, sql, {artifact_id, limit}, kLinkColumns);
}

absl::StatusOr<std::vector<NumberedLink>> NumberedLinksOfTasks(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(absl::StrCat(kSelectLinks, "(VALUES $rows) AS keys CROSS JOIN ",
                                                     kJoins, "l.run_id = column1 AND l.task_id = column2"),
                                        2);
  ASSIGN_OR_RETURN(std::vector<NumberedLink> links,
                   db::QueryRowsOf(tx, select, ParamsOf(keys), kLinkColumns));
  std::sort(links.begin(), links.end(),
            [](const NumberedLink& a, const NumberedLink& b) { return a.link_id < b.link_id; });
  return links;
}

absl::StatusOr<std::vector<int64_t>> RunNumbersOfArtifact(db::Tx& tx, int64_t artifact_id, int limit) {
  std::vector<int64_t> numbers;
  RETURN_IF_ERROR(tx.Query(kRunsOfArtifact, {artifact_id, limit}, [&](const db::Row& row) {
    numbers.push_back(row.Int64(0));
    return absl::OkStatus();
  }));
  return numbers;
}

}  // namespace penstock
