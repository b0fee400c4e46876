#include "storage/task_store.h"

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/artifact_store.h"
#include "storage/db/query.h"
#include "storage/state_columns.h"

namespace penstock {
namespace {

constexpr auto kPlaceColumns = db::Columns(
    db::Key("run_id", &TaskRow::run_id), db::Key("task_id", &TaskRow::task_id),
    db::Column("parent_task_id", &TaskRow::parent_task_id), db::Column("name", &TaskRow::name),
    db::Column("display_name", &TaskRow::display_name), db::Column("created_at_us", &TaskRow::created_at),
    db::Column("iteration", &TaskRow::iteration));
// What changes with each move.
constexpr auto kProgressColumns = db::Columns(
    db::Column("state", &TaskRow::state), db::Column("wait_reason", &TaskRow::wait_reason),
    db::Column("error_code", &TaskRow::error_code), db::Column("error_message", &TaskRow::error_message),
    db::Column("started_at_us", &TaskRow::started_at), db::Column("finished_at_us", &TaskRow::finished_at),
    db::Column("wake_at_us", &TaskRow::wake_at));
constexpr auto kInsertColumns = db::Join(db::Join(kPlaceColumns, kProgressColumns),
                                         db::Columns(db::Column("cache_decision", &TaskRow::cache_decision)));
constexpr auto kColumns =
    db::Join(kInsertColumns, db::Columns(db::Column("attempts_before", &TaskRow::attempts_before)));
constexpr db::SqlText kInsert = kInsertColumns.Sql("INSERT INTO tasks ($columns) VALUES ($values)");
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
constexpr char kSetWaitReason[] = "UPDATE tasks SET wait_reason = $3 WHERE run_id = $1 AND task_id = $2";
constexpr char kExists[] = "SELECT 1 FROM tasks WHERE run_id = $1 AND task_id = $2";
constexpr db::SqlText kList = kColumns.Sql("SELECT $columns FROM tasks WHERE run_id = $1 ORDER BY task_id");
constexpr db::SqlText kGet = kColumns.Sql("SELECT $columns FROM tasks WHERE run_id = $1 AND task_id = $2");
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

constexpr auto kParameterColumns = db::Columns(
    db::Column("task_id", &TaskParameterRow::task_id), db::Column("direction", &TaskParameterRow::direction),
    db::Column("name", &TaskParameterRow::name), db::Column("value", &TaskParameterRow::value));
constexpr db::SqlText kInsertParameter =
    kParameterColumns.SqlFrom(2, "INSERT INTO task_parameters (run_id, $columns) VALUES ($1, $values)");
constexpr db::SqlText kListParameters =
    kParameterColumns.Sql("SELECT $columns FROM task_parameters WHERE run_id = $1 AND direction = $2");
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
  return tx.ExecuteLater(kDelete, {run_id, task_id});
}

absl::Status TaskSetWaitReason(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                               WaitReason reason) {
  const auto check = [run_id = std::string(run_id), task_id = std::string(task_id)](int64_t changed) {
    return changed == 0 ? error::TaskNotFound(run_id, task_id) : absl::OkStatus();
  };
  return tx.ExecuteLater(kSetWaitReason, {run_id, task_id, Name(reason)}, check);
}

absl::StatusOr<std::vector<TaskRow>> TaskList(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kList, {run_id}, kColumns);
}

absl::StatusOr<std::vector<TaskStateRow>> TaskStates(db::Tx& tx, absl::string_view run_id) {
  return db::QueryRows(tx, kListStates, {run_id}, kStateColumns);
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

absl::Status TaskParameterInsert(db::Tx& tx, absl::string_view run_id, const TaskParameterRow& row) {
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
