#include "storage/lineage_store.h"

#include <set>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/types/span.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

// The walk goes from task to task and not from artifact to artifact: a task with many inputs and outputs then counts
// once. CROSS JOIN keeps SQLite from turning the order around.
constexpr char kTasksUp[] = R"sql(
  WITH RECURSIVE reached (run_id, task_id) AS (
    SELECT o.run_id, o.task_id FROM (VALUES $rows) AS seeds CROSS JOIN artifact_tasks o
    WHERE o.artifact_id = CAST(column1 AS BIGINT) AND o.direction = 'OUTPUT' AND o.role = 'OWN'
    UNION
    SELECT o.run_id, o.task_id FROM reached r CROSS JOIN artifact_tasks i CROSS JOIN artifact_tasks o
    WHERE i.run_id = r.run_id AND i.task_id = r.task_id AND i.direction = 'INPUT' AND i.role = 'OWN'
      AND o.artifact_id = i.artifact_id AND o.direction = 'OUTPUT' AND o.role = 'OWN')
  SELECT run_id, task_id FROM reached LIMIT )sql";
constexpr char kTasksDown[] = R"sql(
  WITH RECURSIVE reached (run_id, task_id) AS (
    SELECT i.run_id, i.task_id FROM (VALUES $rows) AS seeds CROSS JOIN artifact_tasks i
    WHERE i.artifact_id = CAST(column1 AS BIGINT) AND i.direction = 'INPUT' AND i.role = 'OWN'
    UNION
    SELECT i.run_id, i.task_id FROM reached r CROSS JOIN artifact_tasks o CROSS JOIN artifact_tasks i
    WHERE o.run_id = r.run_id AND o.task_id = r.task_id AND o.direction = 'OUTPUT' AND o.role = 'OWN'
      AND i.artifact_id = o.artifact_id AND i.direction = 'INPUT' AND i.role = 'OWN')
  SELECT run_id, task_id FROM reached LIMIT )sql";
constexpr auto kLinkColumns = db::Columns(
    db::Column("run_id", &ArtifactTaskRow::run_id), db::Column("task_id", &ArtifactTaskRow::task_id),
    db::Column("direction", &ArtifactTaskRow::direction), db::Column("name", &ArtifactTaskRow::name),
    db::Column("position", &ArtifactTaskRow::position),
    db::Column("artifact_id", &ArtifactTaskRow::artifact_id),
    db::Column("io_type", &ArtifactTaskRow::io_type), db::Column("role", &ArtifactTaskRow::role),
    db::Column("link_id", &ArtifactTaskRow::link_id));
constexpr db::SqlText kLinks = kLinkColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS reached CROSS JOIN artifact_tasks
  WHERE run_id = column1 AND task_id = column2 AND role = 'OWN')sql");
// Of those imported the ones that tasks put out at the same URI, and the other way round.
constexpr char kImportsUp[] = R"sql(
  SELECT a.artifact_id, b.artifact_id FROM (VALUES $rows) AS ids CROSS JOIN artifacts a CROSS JOIN artifacts b
  WHERE a.artifact_id = CAST(column1 AS BIGINT) AND a.import_key <> '' AND a.uri <> ''
    AND substr(b.uri, 1, 128) = substr(a.uri, 1, 128) AND b.uri || '' = a.uri AND b.import_key = '')sql";
constexpr char kImportsDown[] = R"sql(
  SELECT b.artifact_id, a.artifact_id FROM (VALUES $rows) AS ids CROSS JOIN artifacts a CROSS JOIN artifacts b
  WHERE a.artifact_id = CAST(column1 AS BIGINT) AND a.import_key = '' AND a.uri <> ''
    AND substr(b.uri, 1, 128) = substr(a.uri, 1, 128) AND b.uri || '' = a.uri AND b.import_key <> '')sql";

using TaskKey = std::pair<std::string, std::string>;

class Walk {
 public:
  Walk(db::Tx& tx, LineageDirection direction, int tasks_max)
      : tx_(tx), up_(direction == LineageDirection::kUp), tasks_max_(tasks_max) {}

  absl::StatusOr<Lineage> From(int64_t artifact_id) {
    Reach(artifact_id);
    // Each round goes as far as links lead; imports then open the next.
    for (size_t done = 0; done < lineage_.artifact_ids.size() && !lineage_.truncated;) {
      const size_t begin = done;
      done = lineage_.artifact_ids.size();
      const std::vector<int64_t> seeds(lineage_.artifact_ids.begin() + begin, lineage_.artifact_ids.end());
      RETURN_IF_ERROR(FollowLinks(seeds));
      const std::vector<int64_t> reached(lineage_.artifact_ids.begin() + begin, lineage_.artifact_ids.end());
      done = lineage_.artifact_ids.size();
      RETURN_IF_ERROR(FollowImports(reached));
    }
    return std::move(lineage_);
  }

 private:
  bool Reach(int64_t artifact_id) {
    if (!known_.insert(artifact_id).second) return false;
    if (lineage_.artifact_ids.size() >= limits::kLineageNodes) {
      lineage_.truncated = true;
      return false;
    }
    lineage_.artifact_ids.push_back(artifact_id);
    return true;
  }

  absl::Status FollowLinks(const std::vector<int64_t>& seeds) {
    const int64_t room = tasks_max_ - static_cast<int64_t>(tasks_.size());
    const std::string sql = absl::StrCat(up_ ? kTasksUp : kTasksDown, room + 1);
    const db::RowsStatement select(sql, 1);
    std::vector<TaskKey> fresh;
    const std::vector<db::Param> params(seeds.begin(), seeds.end());
    RETURN_IF_ERROR(select.Query(tx_, params, [&](const db::Row& row) {
      TaskKey task(row.String(0), row.String(1));
      if (static_cast<int64_t>(tasks_.size()) >= tasks_max_) {
        lineage_.truncated = lineage_.truncated || tasks_.count(task) == 0;
      } else if (tasks_.insert(task).second) {
        fresh.push_back(std::move(task));
      }
      return absl::OkStatus();
    }));
    return ReadLinks(fresh);
  }

  absl::Status ReadLinks(const std::vector<TaskKey>& tasks) {
    static const db::RowsStatement select(kLinks, 2);
    std::vector<db::Param> params;
    for (const auto& [run_id, task_id] : tasks) params.insert(params.end(), {run_id, task_id});
    std::vector<ArtifactTaskRow> links;
    RETURN_IF_ERROR(select.Query(tx_, params, [&](const db::Row& row) {
      kLinkColumns.ReadInto(row, 0, &links.emplace_back());
      return absl::OkStatus();
    }));
    // On the way up a task brings its inputs, on the way down its outputs; of its other side only what was reached.
    const Direction onward = up_ ? Direction::kInput : Direction::kOutput;
    for (const ArtifactTaskRow& link : links) {
      if (link.direction == onward) Reach(link.artifact_id);
    }
    for (ArtifactTaskRow& link : links) {
      if (known_.contains(link.artifact_id)) lineage_.links.push_back(std::move(link));
    }
    return absl::OkStatus();
  }

  absl::Status FollowImports(const std::vector<int64_t>& artifact_ids) {
    static const db::RowsStatement imports_up(kImportsUp, 1);
    static const db::RowsStatement imports_down(kImportsDown, 1);
    const std::vector<db::Param> params(artifact_ids.begin(), artifact_ids.end());
    return (up_ ? imports_up : imports_down).Query(tx_, params, [&](const db::Row& row) {
      const int64_t imported = row.Int64(0);
      const int64_t original = row.Int64(1);
      Reach(up_ ? original : imported);
      if (known_.contains(imported) && known_.contains(original)) {
        lineage_.imports.emplace_back(imported, original);
      }
      return absl::OkStatus();
    });
  }

  db::Tx& tx_;
  const bool up_;
  const int64_t tasks_max_;
  Lineage lineage_;
  absl::flat_hash_set<int64_t> known_;
  std::set<TaskKey> tasks_;
};

}  // namespace

absl::StatusOr<Lineage> LineageRead(db::Tx& tx, int64_t artifact_id, LineageDirection direction,
                                    int tasks_max) {
  return Walk(tx, direction, tasks_max).From(artifact_id);
}

}  // namespace penstock
