#include "storage/task_store.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/db/query.h"
#include "storage/db/rows.h"
#include "storage/setting_store.h"
#include "storage/state_columns.h"
#include "storage/task_key.h"

namespace penstock {
namespace {

constexpr auto kPlaceColumns = db::Columns(
    db::Key("run_id", &TaskRow::run_id), db::Key("task_id", &TaskRow::task_id),
    db::Column("parent_task_id", &TaskRow::parent_task_id), db::Column("name", &TaskRow::name),
    db::Column("display_name", &TaskRow::display_name), db::Column("created_at_us", &TaskRow::created_at),
    db::Column("iteration", &TaskRow::iteration), db::Column("recorded", &TaskRow::recorded));
// What changes with each move.
constexpr auto kProgressColumns = db::Columns(
    db::Column("state", &TaskRow::state), db::Column("wait_reason", &TaskRow::wait_reason),
    db::Column("wait_message", &TaskRow::wait_message), db::Column("error_code", &TaskRow::error_code),
    db::Column("error_message", &TaskRow::error_message), db::Column("started_at_us", &TaskRow::started_at),
    db::Column("finished_at_us", &TaskRow::finished_at), db::Column("wake_at_us", &TaskRow::wake_at));
constexpr auto kInsertColumns = db::Join(db::Join(kPlaceColumns, kProgressColumns),
                                         db::Columns(db::Column("cache_decision", &TaskRow::cache_decision),
                                                     db::Column("attempts_before", &TaskRow::attempts_before),
                                                     db::Column("description", &TaskRow::description)));
constexpr auto kColumns = db::Join(kInsertColumns, db::Columns(db::Column("number", &TaskRow::number)));
constexpr char kNumberCounter[] = "task_numbers";
constexpr db::SqlText kInsert = kInsertColumns.Sql(
    "INSERT INTO tasks ($columns, number) "
    "VALUES ($values, (SELECT value FROM counters WHERE name = 'task_numbers'))");
constexpr db::SqlText kSetState = kProgressColumns.SqlFrom(5, R"sql(
  UPDATE tasks
  SET $assignments, cache_decision = CASE WHEN $4 = '' THEN cache_decision ELSE $4 END
  WHERE run_id = $1 AND task_id = $2 AND state = $3)sql");
constexpr char kReopen[] = R"sql(
  UPDATE tasks
  SET attempts_before = (SELECT COUNT(*) FROM task_attempts a WHERE a.run_id = $1 AND a.task_id = $2)
  WHERE run_id = $1 AND task_id = $2)sql";
constexpr char kForgetParameters[] = "DELETE FROM task_parameters WHERE run_id = $1 AND task_id = $2";
constexpr char kForgetArtifacts[] = "DELETE FROM artifact_tasks WHERE run_id = $1 AND task_id = $2";
constexpr char kDelete[] = "DELETE FROM tasks WHERE run_id = $1 AND task_id = $2";
constexpr char kSetWaitReason[] =
    "UPDATE tasks SET wait_reason = $3, wait_message = $4 WHERE run_id = $1 AND task_id = $2";
constexpr char kExists[] = "SELECT 1 FROM tasks WHERE run_id = $1 AND task_id = $2";
constexpr db::SqlText kList = kColumns.Sql("SELECT $columns FROM tasks WHERE run_id = $1 ORDER BY task_id");
constexpr db::SqlText kSelectSome = kColumns.Sql(
    "SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN tasks WHERE run_id = column1 AND task_id = "
    "column2");
constexpr char kCountIterations[] = R"sql(
  SELECT parent_task_id, COUNT(*) FROM (VALUES $rows) AS keys CROSS JOIN tasks
  WHERE run_id = column1 AND parent_task_id = column2 AND iteration >= 0 GROUP BY parent_task_id)sql";
// What may be part of a loop's iterations lies behind the loop, in the order of the primary key.
constexpr char kOfLoop[] =
    " AND EXISTS (SELECT 1 FROM tasks i WHERE i.run_id = $1 AND i.task_id = tasks.parent_task_id"
    " AND i.parent_task_id = $2 AND i.iteration >= 0)";
constexpr char kOfParent[] = " AND parent_task_id = $2";
// The ids out of the index that has them, then the rows: SQLite would rather read the rows of the whole run.
constexpr db::SqlText kSelectPage = kColumns.Sql(R"sql(
  SELECT $columns FROM (
    SELECT run_id AS page_run, task_id AS page_task FROM tasks
    WHERE run_id = $1 AND parent_task_id = $2 AND iteration = -1)sql");
constexpr char kSelectPageEnd[] =
    ") AS page CROSS JOIN tasks WHERE run_id = page_run AND task_id = page_task ORDER BY task_id";
constexpr db::SqlText kSelectListed =
    kColumns.Sql("SELECT $columns FROM tasks WHERE run_id = $1 AND iteration = -1");
constexpr char kCountListed[] = "SELECT COUNT(*) FROM tasks WHERE run_id = $1 AND iteration = -1";
constexpr char kCountOfLoop[] = R"sql(
  SELECT COUNT(*) FROM tasks i CROSS JOIN tasks t
  WHERE i.run_id = $1 AND i.parent_task_id = $2 AND i.iteration >= 0
    AND t.run_id = $1 AND t.parent_task_id = i.task_id AND t.iteration = -1)sql";
// Ids come from an index that has all of this, and names from the rows: else SQLite reads the whole run for each task.
constexpr char kSelectChildren[] = R"sql(
  SELECT column1, column2, t.task_id,
    (SELECT n.name FROM tasks n WHERE n.run_id = column1 AND n.task_id = t.task_id)
  FROM (VALUES $rows) AS keys CROSS JOIN tasks t
  WHERE t.run_id = column1 AND t.parent_task_id = column2 AND t.iteration = -1 ORDER BY t.task_id)sql";
constexpr char kHasParts[] = "SELECT 1 FROM tasks WHERE run_id = $1 AND parent_task_id = $2 LIMIT 1";
constexpr char kSetDisplayName[] = "UPDATE tasks SET display_name = $3 WHERE run_id = $1 AND task_id = $2";
constexpr char kSetRecorded[] = R"sql(
  UPDATE tasks SET error_message = $3, finished_at_us = $4, cache_decision = $5 WHERE run_id = $1 AND task_id = $2)sql";
constexpr char kHasIterations[] =
    "SELECT 1 FROM tasks WHERE run_id = $1 AND parent_task_id = $2 AND iteration >= 0 LIMIT 1";
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM tasks WHERE run_id = $1 AND task_id = $2");
constexpr char kSetDescription[] = "UPDATE tasks SET description = $3 WHERE run_id = $1 AND task_id = $2";
constexpr char kFindByAnyName[] = R"sql(
  SELECT task_id FROM tasks WHERE run_id = $1 AND (task_id = $2 OR name = $2)
  UNION SELECT task_id FROM task_attempts WHERE run_id = $1 AND attempt_id = $2)sql";

constexpr auto kStateColumns =
    db::Columns(db::Column("task_id", &TaskStateRow::task_id), db::Column("state", &TaskStateRow::state),
                db::Column("updated_at_us", &TaskStateRow::updated_at));
constexpr db::SqlText kInsertFirstState =
    kStateColumns.SqlFrom(3, "INSERT INTO task_states (run_id, sequence, $columns) VALUES ($1, $2, $values)");
// $2 is the task, the first of the columns.
constexpr db::SqlText kInsertState = kStateColumns.SqlFrom(2, R"sql(
  INSERT INTO task_states (run_id, sequence, $columns)
  VALUES ($1, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM task_states WHERE run_id = $1 AND task_id = $2), $values)
  )sql");
constexpr db::SqlText kListStates =
    kStateColumns.Sql("SELECT $columns FROM task_states WHERE run_id = $1 ORDER BY task_id, sequence");

constexpr db::SqlText kSelectSomeStates = kStateColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN task_states WHERE run_id = column1 AND task_id = column2
  ORDER BY task_id, sequence)sql");

constexpr auto kParameterColumns = db::Columns(
    db::Column("task_id", &TaskParameterRow::task_id), db::Column("direction", &TaskParameterRow::direction),
    db::Column("name", &TaskParameterRow::name), db::Column("value", &TaskParameterRow::value));
constexpr db::SqlText kInsertParameter =
    kParameterColumns.SqlFrom(2, "INSERT INTO task_parameters (run_id, $columns) VALUES ($1, $values)");
constexpr db::SqlText kListParameters =
    kParameterColumns.Sql("SELECT $columns FROM task_parameters WHERE run_id = $1 AND direction = $2");
constexpr db::SqlText kSelectSomeParameters = kParameterColumns.Sql(R"sql(
  SELECT $columns FROM (VALUES $rows) AS keys CROSS JOIN task_parameters WHERE run_id = column1 AND task_id = column2
  ORDER BY task_id, direction, name)sql");
constexpr char kListOutputParameters[] =
    "SELECT name, value FROM task_parameters WHERE run_id = $1 AND task_id = $2 AND direction = 'OUTPUT'";

absl::Status NoSuchMove(const TaskRow& row, TaskState from, TaskState to) {
  return absl::InternalError(
      absl::StrCat("task ", row.task_id, " may not move from ", Name(from), " to ", Name(to)));
}

// A task may move more than once in one commit; each step has to be allowed.
absl::Status CheckMoves(const TaskRow& row, TaskState from, absl::Span<const TaskMove> moves) {
  for (const auto& [to, at] : moves) {
    if (!MayMove(from, to)) return NoSuchMove(row, from, to);
    from = to;
  }
  return absl::OkStatus();
}

absl::Status CompareAndSet(db::Tx& tx, TaskState from, const TaskRow& row, const TaskHistory& history) {
  tx.NoteChange(row.run_id);
  const auto check = [&tx, run_id = row.run_id, task_id = row.task_id](int64_t changed) -> absl::Status {
    if (changed > 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool exists, db::Exists(tx, kExists, {run_id, task_id}));
    return exists ? error::TaskMoved(task_id) : error::TaskNotFound(run_id, task_id);
  };
  RETURN_IF_ERROR(tx.ExecuteLater(
      kSetState, kProgressColumns.Params(row, row.run_id, row.task_id, Name(from), row.cache_decision),
      check));
  for (const auto& [state, at] : history) {
    RETURN_IF_ERROR(tx.ExecuteLater(kInsertState, {row.run_id, row.task_id, Name(state), at}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TaskInsert(db::Tx& tx, const TaskRow& row) {
  return TaskInsert(tx, row, TaskHistory{{row.state, row.created_at}});
}

absl::Status TaskInsert(db::Tx& tx, const TaskRow& row, const TaskHistory& history) {
  RETURN_IF_ERROR(CheckMoves(row, history.front().first, absl::MakeConstSpan(history).subspan(1)));
  tx.NoteChange(row.run_id);
  RETURN_IF_ERROR(CounterAdd(tx, kNumberCounter, 1));
  RETURN_IF_ERROR(tx.ExecuteLater(kInsert, kInsertColumns.Params(row), nullptr));
  for (size_t i = 0; i < history.size(); ++i) {
    const auto& [state, at] = history[i];
    RETURN_IF_ERROR(tx.ExecuteLater(kInsertFirstState, {row.run_id, i + 1, row.task_id, Name(state), at}));
  }
  return absl::OkStatus();
}

absl::Status TaskSetState(db::Tx& tx, TaskState from, const TaskRow& row, absl::Time at) {
  return TaskSetState(tx, from, row, TaskHistory{{row.state, at}});
}

absl::Status TaskSetState(db::Tx& tx, TaskState from, const TaskRow& row, const TaskHistory& history) {
  RETURN_IF_ERROR(CheckMoves(row, from, history));
  return CompareAndSet(tx, from, row, history);
}

absl::Status TaskReopen(db::Tx& tx, TaskState from, const TaskRow& row, absl::Time at) {
  if (!MayReopen(from, row.state)) return NoSuchMove(row, from, row.state);
  RETURN_IF_ERROR(CompareAndSet(tx, from, row, TaskHistory{{row.state, at}}));
  // A graph or loop that goes on keeps what it has; what begins afresh forgets its inputs and outputs.
  if (row.state != TaskState::kPending) return absl::OkStatus();
  RETURN_IF_ERROR(tx.ExecuteLater(kForgetParameters, {row.run_id, row.task_id}));
  RETURN_IF_ERROR(tx.ExecuteLater(kForgetArtifacts, {row.run_id, row.task_id}));
  return tx.ExecuteLater(kReopen, {row.run_id, row.task_id});
}

absl::Status TaskDelete(db::Tx& tx, absl::string_view run_id, absl::string_view task_id) {
  tx.NoteChange(run_id);
  // Links have no foreign key to tasks, since those of the root have none.
  RETURN_IF_ERROR(tx.ExecuteLater(kForgetArtifacts, {run_id, task_id}));
  return tx.ExecuteLater(kDelete, {run_id, task_id});
}

absl::Status TaskSetWaitReason(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                               WaitReason reason, absl::string_view message) {
  tx.NoteChange(run_id);
  const auto check = [run_id = std::string(run_id), task_id = std::string(task_id)](int64_t changed) {
    return changed == 0 ? error::TaskNotFound(run_id, task_id) : absl::OkStatus();
  };
  return tx.ExecuteLater(kSetWaitReason, {run_id, task_id, Name(reason), message}, check);
}

absl::StatusOr<std::vector<TaskRow>> TaskList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kList, {run_id}, kColumns);
}

absl::StatusOr<std::vector<TaskStateRow>> TaskStates(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kListStates, {run_id}, kStateColumns);
}

absl::StatusOr<std::vector<TaskRow>> TasksFind(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectSome, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kColumns);
}

absl::StatusOr<std::vector<TaskStateRow>> TaskStatesOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectSomeStates, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kStateColumns);
}

absl::StatusOr<std::vector<TaskParameterRow>> TaskParametersOf(db::Tx& tx, const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kSelectSomeParameters, 2);
  return db::QueryRowsOf(tx, select, ParamsOf(keys), kParameterColumns);
}

absl::StatusOr<std::vector<TaskRow>> TasksAfter(db::Tx& tx, const TaskScope& scope, absl::string_view after,
                                                bool descending, int limit) {
  const bool of_parent = scope.parent.has_value() && !scope.parent_is_loop;
  const std::string order = absl::StrCat(" ORDER BY task_id", descending ? " DESC" : "", " LIMIT ", limit);
  const std::string behind = absl::StrCat(" AND task_id ", descending ? "< " : "> ");
  if (of_parent) {
    const std::string sql = absl::StrCat(absl::string_view(kSelectPage), behind, "$3", order, kSelectPageEnd,
                                         descending ? " DESC" : "");
    return db::QueryRows(tx, sql, {scope.run_id, *scope.parent, after}, kColumns);
  }
  if (scope.parent.has_value()) {
    const std::string sql = absl::StrCat(absl::string_view(kSelectListed), kOfLoop, behind, "$3", order);
    return db::QueryRows(tx, sql, {scope.run_id, *scope.parent, after}, kColumns);
  }
  const std::string sql = absl::StrCat(absl::string_view(kSelectListed), behind, "$2", order);
  return db::QueryRows(tx, sql, {scope.run_id, after}, kColumns);
}

absl::StatusOr<int64_t> TaskCount(db::Tx& tx, const TaskScope& scope) {
  if (!scope.parent.has_value()) return db::QueryNumber(tx, kCountListed, {scope.run_id});
  if (scope.parent_is_loop) return db::QueryNumber(tx, kCountOfLoop, {scope.run_id, *scope.parent});
  return db::QueryNumber(tx, absl::StrCat(kCountListed, kOfParent), {scope.run_id, *scope.parent});
}

absl::StatusOr<std::vector<std::pair<std::string, std::string>>> TaskChildrenFirst(db::Tx& tx,
                                                                                   const TaskScope& scope,
                                                                                   int limit) {
  ASSIGN_OR_RETURN(const auto rows, TasksAfter(tx, scope, "", /*descending=*/false, limit));
  std::vector<std::pair<std::string, std::string>> children;
  for (const TaskRow& row : rows) children.emplace_back(row.task_id, row.name);
  return children;
}

absl::Status TaskChildrenRead(db::Tx& tx, const std::vector<TaskKey>& keys, TaskChildren* children) {
  static const db::RowsStatement select(kSelectChildren, 2);
  return select.Query(tx, ParamsOf(keys), [&](const db::Row& row) {
    (*children)[row.String(row.Text(1).empty() ? 0 : 1)].emplace_back(row.String(2), row.String(3));
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> TaskHasParts(db::Tx& tx, const TaskKey& key) {
  return db::Exists(tx, kHasParts, {key.run_id, key.task_id});
}

absl::StatusOr<bool> TaskHasIterations(db::Tx& tx, const TaskKey& key) {
  return db::Exists(tx, kHasIterations, {key.run_id, key.task_id});
}

absl::StatusOr<std::map<std::string, int64_t>> TaskIterationCounts(db::Tx& tx,
                                                                   const std::vector<TaskKey>& keys) {
  static const db::RowsStatement select(kCountIterations, 2);
  std::map<std::string, int64_t> counts;
  RETURN_IF_ERROR(select.Query(tx, ParamsOf(keys), [&](const db::Row& row) {
    counts[row.String(0)] = row.Int64(1);
    return absl::OkStatus();
  }));
  return counts;
}

absl::StatusOr<std::string> TaskIdFind(db::Tx& tx, absl::string_view run_id, absl::string_view task) {
  ASSIGN_OR_RETURN(const auto task_id, db::QueryValue<std::string>(tx, kFindByAnyName, {run_id, task}));
  if (!task_id.has_value()) return error::TaskNotFound(run_id, task);
  return *task_id;
}

absl::StatusOr<TaskRow> TaskGet(db::Tx& tx, absl::string_view run_id, absl::string_view task_id) {
  ASSIGN_OR_RETURN(auto row, db::QueryRow(tx, kGet, {run_id, task_id}, kColumns));
  if (!row.has_value()) return error::TaskNotFound(run_id, task_id);
  row->run_id = std::string(run_id);
  return *std::move(row);
}

absl::Status TaskSetDisplayName(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                absl::string_view display_name) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetDisplayName, {run_id, task_id, display_name}));
  return changed == 0 ? error::TaskNotFound(run_id, task_id) : absl::OkStatus();
}

absl::Status TaskSetRecorded(db::Tx& tx, const TaskRow& row) {
  tx.NoteChange(row.run_id);
  return tx.ExecuteLater(kSetRecorded,
                         {row.run_id, row.task_id, row.error_message, row.finished_at, row.cache_decision},
                         nullptr);
}

absl::Status TaskParametersReplace(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                   const std::vector<TaskParameterRow>& rows) {
  RETURN_IF_ERROR(tx.ExecuteLater(kForgetParameters, {run_id, task_id}, nullptr));
  for (const TaskParameterRow& row : rows) RETURN_IF_ERROR(TaskParameterInsert(tx, run_id, row));
  return absl::OkStatus();
}

absl::Status TaskSetDescription(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                absl::string_view description) {
  tx.NoteChange(run_id);
  ASSIGN_OR_RETURN(const int64_t changed, tx.Execute(kSetDescription, {run_id, task_id, description}));
  return changed == 0 ? error::TaskNotFound(run_id, task_id) : absl::OkStatus();
}

absl::Status TaskParameterInsert(db::Tx& tx, absl::string_view run_id, const TaskParameterRow& row) {
  tx.NoteChange(run_id);
  return tx.ExecuteLater(kInsertParameter, kParameterColumns.Params(row, run_id), nullptr);
}

absl::StatusOr<std::vector<TaskParameterRow>> TaskParameterList(db::Tx& tx, absl::string_view run_id,
                                                                Direction direction) {
  return db::QueryRows(tx, kListParameters, {run_id, Name(direction)}, kParameterColumns);
}

absl::StatusOr<StoredOutputs> TaskOutputList(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                             bool parameters, bool artifacts) {
  StoredOutputs outputs;
  if (parameters) {
    RETURN_IF_ERROR(tx.Query(kListOutputParameters, {run_id, task_id}, [&](const db::Row& row) {
      outputs.parameters.emplace_back(row.String(0), row.String(1));
      return absl::OkStatus();
    }));
  }
  if (artifacts) {
    ASSIGN_OR_RETURN(outputs.artifacts, ArtifactOutputList(tx, run_id, task_id));
  }
  return outputs;
}

}  // namespace penstock
