#include "storage/task_store.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/status_macros.h"
#include "storage/setting_store.h"

namespace penstock {
namespace {

constexpr char kInsert[] = R"sql(
  INSERT INTO tasks
    (run_id, task_id, parent_task_id, name, display_name, state, wait_reason, error_code, error_message, created_at_us,
     started_at_us, finished_at_us, iteration, wake_at_us, cache_decision)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15))sql";
constexpr char kSetState[] = R"sql(
  UPDATE tasks
  SET state = $4, wait_reason = $5, error_code = $6, error_message = $7, started_at_us = $8, finished_at_us = $9,
    wake_at_us = $10, cache_decision = CASE WHEN $11 = '' THEN cache_decision ELSE $11 END
  WHERE run_id = $1 AND task_id = $2 AND state = $3)sql";
constexpr char kReopen[] = R"sql(
  UPDATE tasks
  SET attempts_before = (SELECT COUNT(*) FROM task_attempts a WHERE a.run_id = $1 AND a.task_id = $2)
  WHERE run_id = $1 AND task_id = $2)sql";
constexpr char kForgetParameters[] = "DELETE FROM task_parameters WHERE run_id = $1 AND task_id = $2";
constexpr char kForgetArtifacts[] = "DELETE FROM artifact_tasks WHERE run_id = $1 AND task_id = $2";
constexpr char kDelete[] = "DELETE FROM tasks WHERE run_id = $1 AND task_id = $2";
constexpr char kSetWaitReason[] = "UPDATE tasks SET wait_reason = $3 WHERE run_id = $1 AND task_id = $2";
constexpr char kExists[] = "SELECT 1 FROM tasks WHERE run_id = $1 AND task_id = $2";
constexpr char kInsertFirstState[] =
    "INSERT INTO task_states (run_id, task_id, sequence, state, updated_at_us) VALUES ($1, $2, $3, $4, $5)";
constexpr char kInsertState[] = R"sql(
  INSERT INTO task_states (run_id, task_id, sequence, state, updated_at_us)
  VALUES ($1, $2, (SELECT COALESCE(MAX(sequence), 0) + 1 FROM task_states WHERE run_id = $1 AND task_id = $2), $3, $4)
  )sql";
constexpr char kList[] = R"sql(
  SELECT run_id, task_id, parent_task_id, name, display_name, state, wait_reason, error_code, error_message,
    created_at_us, started_at_us, finished_at_us, iteration, wake_at_us, attempts_before, cache_decision
  FROM tasks WHERE run_id = $1 ORDER BY task_id)sql";
constexpr char kListStates[] =
    "SELECT task_id, state, updated_at_us FROM task_states WHERE run_id = $1 ORDER BY task_id, sequence";

constexpr char kAttemptColumns[] =
    "a.run_id, a.task_id, a.number, a.attempt_id, a.outcome, a.exit_code, a.signal, a.message, a.log_tail, "
    "a.log_path, "
    "a.cpu_time_us, a.max_rss_bytes, a.created_at_us, a.started_at_us, a.finished_at_us, a.holder, "
    "a.environment, a.packages";
constexpr char kAttemptInsert[] = R"sql(
  INSERT INTO task_attempts
    (run_id, task_id, number, attempt_id, outcome, message, log_tail, log_path, cpu_time_us, max_rss_bytes,
     created_at_us, started_at_us, finished_at_us, holder)
  VALUES ($1, $2, $3, $4, '', '', '', $5, 0, 0, $6, 0, 0, $7))sql";
constexpr char kAttemptFinish[] = R"sql(
  UPDATE task_attempts
  SET outcome = $4, exit_code = $5, signal = $6, message = $7, log_tail = $8, cpu_time_us = $9, max_rss_bytes = $10,
    started_at_us = $11, finished_at_us = $12, environment = $13, packages = $14
  WHERE run_id = $1 AND task_id = $2 AND number = $3 AND outcome = '')sql";
constexpr char kAttemptExists[] =
    "SELECT 1 FROM task_attempts WHERE run_id = $1 AND task_id = $2 AND number = $3";
constexpr char kTaskByAnyName[] = R"sql(
  SELECT task_id FROM tasks WHERE run_id = $1 AND (task_id = $2 OR name = $2)
  UNION SELECT task_id FROM task_attempts WHERE run_id = $1 AND attempt_id = $2)sql";

constexpr char kParameterInsert[] =
    "INSERT INTO task_parameters (run_id, task_id, direction, name, value) VALUES ($1, $2, $3, $4, $5)";
constexpr char kParameterList[] =
    "SELECT task_id, direction, name, value FROM task_parameters WHERE run_id = $1 AND direction = $2";
constexpr char kArtifactIdCounter[] = "artifact_ids";
constexpr char kArtifactInsert[] = R"sql(
  INSERT INTO artifacts
    (artifact_id, run_id, name, schema_title, schema_version, uri, custom_path, metadata, created_at_us, import_key,
     content_sha256, content_stat)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12))sql";
// One that is imported again keeps its row.
constexpr char kArtifactInsertImported[] = R"sql(
  INSERT INTO artifacts
    (artifact_id, run_id, name, schema_title, schema_version, uri, custom_path, metadata, created_at_us, import_key,
     content_sha256, content_stat)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
  ON CONFLICT (artifact_id) DO NOTHING)sql";
constexpr char kArtifactFindImported[] =
    "SELECT artifact_id FROM artifacts WHERE import_key = $1 AND import_key <> '' ORDER BY artifact_id DESC "
    "LIMIT 1";
// Also those whose rows belong to other runs.
constexpr char kArtifactList[] = R"sql(
  SELECT artifact_id, run_id, name, schema_title, schema_version, uri, custom_path, metadata, created_at_us, import_key,
    content_sha256, content_stat
  FROM artifacts WHERE artifact_id IN (SELECT artifact_id FROM artifact_tasks WHERE run_id = $1)
  ORDER BY artifact_id)sql";
constexpr char kArtifactOutputs[] = R"sql(
  SELECT a.artifact_id, a.run_id, a.name, a.schema_title, a.schema_version, a.uri, a.custom_path, a.metadata,
    a.created_at_us, a.import_key, a.content_sha256, a.content_stat, l.name
  FROM artifact_tasks l JOIN artifacts a ON a.artifact_id = l.artifact_id
  WHERE l.run_id = $1 AND l.task_id = $2 AND l.direction = 'OUTPUT' ORDER BY l.name, l.position)sql";
constexpr char kArtifactExists[] = "SELECT 1 FROM artifacts WHERE artifact_id = $1";
constexpr char kFromCache[] = R"sql(
  SELECT 1 FROM tasks t WHERE t.run_id = $1 AND t.task_id = $2 AND t.state = 'SUCCEEDED' AND t.cache_decision <> ''
    AND NOT EXISTS (SELECT 1 FROM task_attempts a WHERE a.run_id = $1 AND a.task_id = $2))sql";
constexpr char kParametersOfTask[] =
    "SELECT task_id, direction, name, value FROM task_parameters "
    "WHERE run_id = $1 AND task_id = $2 AND direction = $3";
constexpr char kArtifactTaskInsert[] =
    "INSERT INTO artifact_tasks (run_id, task_id, direction, name, position, artifact_id) "
    "VALUES ($1, $2, $3, $4, $5, $6)";
constexpr char kArtifactTaskList[] = R"sql(
  SELECT task_id, direction, name, position, artifact_id FROM artifact_tasks
  WHERE run_id = $1 ORDER BY task_id, direction, name, position)sql";

absl::string_view Name(Direction direction) { return direction == Direction::kInput ? "INPUT" : "OUTPUT"; }
Direction ReadDirection(absl::string_view text) {
  return text == "INPUT" ? Direction::kInput : Direction::kOutput;
}

db::Param Optional(const std::optional<int>& value) {
  return value.has_value() ? db::Param(*value) : db::Param(db::Null{});
}

absl::Status NoSuchMove(const TaskRow& row, TaskState from, TaskState to) {
  return absl::InternalError(absl::StrCat("task ", row.task_id, " may not move from ", penstock::Name(from),
                                          " to ", penstock::Name(to)));
}

absl::Status CheckMoves(const TaskRow& row, TaskState from, absl::Span<const TaskMove> moves) {
  for (const auto& [to, at] : moves) {
    if (!MayMove(from, to)) return NoSuchMove(row, from, to);
    from = to;
  }
  return absl::OkStatus();
}

ArtifactRow ReadArtifact(const db::Row& row) {
  return {row.Int64(0),  row.String(1), row.String(2), row.String(3), row.String(4),  row.String(5),
          row.String(6), row.String(7), row.Time(8),   row.String(9), row.String(10), row.String(11)};
}

TaskAttemptRow ReadAttempt(const db::Row& row) {
  TaskAttemptRow attempt;
  attempt.run_id = row.String(0);
  attempt.task_id = row.String(1);
  attempt.number = static_cast<int>(row.Int64(2));
  attempt.attempt_id = row.String(3);
  attempt.outcome = row.String(4);
  if (!row.IsNull(5)) attempt.exit_code = static_cast<int>(row.Int64(5));
  if (!row.IsNull(6)) attempt.signal = static_cast<int>(row.Int64(6));
  attempt.message = row.String(7);
  attempt.log_tail = row.String(8);
  attempt.log_path = row.String(9);
  attempt.cpu_time = absl::Microseconds(row.Int64(10));
  attempt.max_rss_bytes = row.Int64(11);
  attempt.created_at = row.Time(12);
  attempt.started_at = row.Time(13);
  attempt.finished_at = row.Time(14);
  attempt.holder = row.String(15);
  attempt.environment = row.String(16);
  attempt.packages = row.String(17);
  return attempt;
}

absl::StatusOr<bool> Exists(db::Tx& tx, absl::string_view sql, std::initializer_list<db::Param> params) {
  bool exists = false;
  RETURN_IF_ERROR(tx.Query(sql, params, [&](const db::Row&) {
    exists = true;
    return absl::OkStatus();
  }));
  return exists;
}

absl::Status CompareAndSet(db::Tx& tx, TaskState from, const TaskRow& row, const TaskHistory& history) {
  const auto check = [&tx, run_id = row.run_id, task_id = row.task_id](int64_t changed) -> absl::Status {
    if (changed > 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool exists, Exists(tx, kExists, {run_id, task_id}));
    return exists ? error::TaskMoved(task_id) : error::TaskNotFound(run_id, task_id);
  };
  RETURN_IF_ERROR(tx.ExecuteLater(kSetState,
                                  {row.run_id, row.task_id, penstock::Name(from), penstock::Name(row.state),
                                   penstock::Name(row.wait_reason), row.error_code, row.error_message,
                                   row.started_at, row.finished_at, row.wake_at, row.cache_decision},
                                  check));
  for (const auto& [state, at] : history) {
    RETURN_IF_ERROR(tx.ExecuteLater(kInsertState, {row.run_id, row.task_id, penstock::Name(state), at}));
  }
  return absl::OkStatus();
}

// Appends to `rows` what `read` makes of each row of a query about one run.
template <typename T, typename Reader>
absl::StatusOr<std::vector<T>> ListOfRun(db::Tx& tx, absl::string_view sql, absl::string_view run_id,
                                         Reader read) {
  std::vector<T> rows;
  RETURN_IF_ERROR(tx.Query(sql, {run_id}, [&](const db::Row& row) {
    rows.push_back(read(row));
    return absl::OkStatus();
  }));
  return rows;
}

}  // namespace

absl::Status TaskInsert(db::Tx& tx, const TaskRow& row) {
  return TaskInsert(tx, row, TaskHistory{{row.state, row.created_at}});
}

absl::Status TaskInsert(db::Tx& tx, const TaskRow& row, const TaskHistory& history) {
  RETURN_IF_ERROR(CheckMoves(row, history.front().first, absl::MakeConstSpan(history).subspan(1)));
  RETURN_IF_ERROR(tx.ExecuteLater(
      kInsert,
      {row.run_id, row.task_id, row.parent_task_id, row.name, row.display_name, penstock::Name(row.state),
       penstock::Name(row.wait_reason), row.error_code, row.error_message, row.created_at, row.started_at,
       row.finished_at, row.iteration, row.wake_at, row.cache_decision}));
  for (size_t i = 0; i < history.size(); ++i) {
    const auto& [state, at] = history[i];
    RETURN_IF_ERROR(
        tx.ExecuteLater(kInsertFirstState, {row.run_id, row.task_id, i + 1, penstock::Name(state), at}));
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
  return tx.ExecuteLater(kSetWaitReason, {run_id, task_id, penstock::Name(reason)}, check);
}

absl::StatusOr<std::vector<TaskRow>> TaskList(db::Tx& tx, absl::string_view run_id) {
  return ListOfRun<TaskRow>(tx, kList, run_id, [](const db::Row& row) {
    return TaskRow{row.String(0),
                   row.String(1),
                   row.String(2),
                   row.String(3),
                   row.String(4),
                   TaskStateFromName(row.Text(5)).value_or(TaskState::kFailed),
                   WaitReasonFromName(row.Text(6)).value_or(WaitReason::kNone),
                   static_cast<int>(row.Int64(7)),
                   row.String(8),
                   row.Time(9),
                   row.Time(10),
                   row.Time(11),
                   static_cast<int>(row.Int64(12)),
                   row.Time(13),
                   static_cast<int>(row.Int64(14)),
                   row.String(15)};
  });
}

absl::StatusOr<std::vector<TaskStateRow>> TaskStates(db::Tx& tx, absl::string_view run_id) {
  return ListOfRun<TaskStateRow>(tx, kListStates, run_id, [](const db::Row& row) {
    return TaskStateRow{row.String(0), TaskStateFromName(row.Text(1)).value_or(TaskState::kFailed),
                        row.Time(2)};
  });
}

absl::Status TaskAttemptInsert(db::Tx& tx, const TaskAttemptRow& row) {
  return tx.ExecuteLater(kAttemptInsert, {row.run_id, row.task_id, row.number, row.attempt_id, row.log_path,
                                          row.created_at, row.holder});
}

absl::Status TaskAttemptFinish(db::Tx& tx, const TaskAttemptRow& row) {
  const auto check = [&tx, run_id = row.run_id, task_id = row.task_id, number = row.number,
                      attempt_id = row.attempt_id](int64_t changed) -> absl::Status {
    if (changed > 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const bool exists, Exists(tx, kAttemptExists, {run_id, task_id, number}));
    if (!exists) return error::TaskNotFound(run_id, task_id);
    return absl::AbortedError(absl::StrCat("attempt ", attempt_id, " has ended already"));
  };
  return tx.ExecuteLater(
      kAttemptFinish,
      {row.run_id, row.task_id, row.number, row.outcome, Optional(row.exit_code), Optional(row.signal),
       row.message, row.log_tail, absl::ToInt64Microseconds(row.cpu_time), row.max_rss_bytes, row.started_at,
       row.finished_at, row.environment, row.packages},
      check);
}

absl::StatusOr<std::vector<TaskAttemptRow>> TaskAttemptList(db::Tx& tx, absl::string_view run_id) {
  static const std::string sql = absl::StrCat(
      "SELECT ", kAttemptColumns, " FROM task_attempts a WHERE a.run_id = $1 ORDER BY a.task_id, a.number");
  return ListOfRun<TaskAttemptRow>(tx, sql, run_id, ReadAttempt);
}

absl::StatusOr<std::string> TaskIdFind(db::Tx& tx, absl::string_view run_id, absl::string_view task) {
  std::string task_id;
  RETURN_IF_ERROR(tx.Query(kTaskByAnyName, {run_id, task}, [&](const db::Row& row) {
    task_id = row.String(0);
    return absl::OkStatus();
  }));
  if (task_id.empty()) return error::TaskNotFound(run_id, task);
  return task_id;
}

absl::StatusOr<TaskAttemptRow> TaskAttemptFind(db::Tx& tx, absl::string_view run_id, absl::string_view task,
                                               int number) {
  ASSIGN_OR_RETURN(const std::string task_id, TaskIdFind(tx, run_id, task));
  static const std::string sql =
      absl::StrCat("SELECT ", kAttemptColumns,
                   " FROM task_attempts a WHERE a.run_id = $1 AND a.task_id = $2 AND "
                   "($3 = 0 OR a.number = $3) ORDER BY a.number DESC LIMIT 1");
  std::optional<TaskAttemptRow> found;
  RETURN_IF_ERROR(tx.Query(sql, {run_id, task_id, number}, [&](const db::Row& row) {
    found = ReadAttempt(row);
    return absl::OkStatus();
  }));
  if (found.has_value()) return *std::move(found);
  if (number == 0) {
    ASSIGN_OR_RETURN(const bool from_cache, Exists(tx, kFromCache, {run_id, task_id}));
    return absl::NotFoundError(
        absl::StrCat("Task '", task,
                     from_cache ? "' was taken from the cache: it did not run" : "' has not been started"));
  }
  return absl::NotFoundError(absl::StrCat("Task '", task, "' has no attempt ", number));
}

absl::Status TaskParameterInsert(db::Tx& tx, absl::string_view run_id, const TaskParameterRow& row) {
  return tx.ExecuteLater(kParameterInsert, {run_id, row.task_id, Name(row.direction), row.name, row.value});
}

absl::StatusOr<std::vector<TaskParameterRow>> TaskParameterList(db::Tx& tx, absl::string_view run_id,
                                                                Direction direction) {
  std::vector<TaskParameterRow> rows;
  RETURN_IF_ERROR(tx.Query(kParameterList, {run_id, Name(direction)}, [&](const db::Row& row) {
    rows.push_back({row.String(0), ReadDirection(row.Text(1)), row.String(2), row.String(3)});
    return absl::OkStatus();
  }));
  return rows;
}

absl::StatusOr<int64_t> ArtifactIdReserve(db::Tx& tx, int64_t count) {
  RETURN_IF_ERROR(CounterAdd(tx, kArtifactIdCounter, count));
  ASSIGN_OR_RETURN(const int64_t last, CounterGet(tx, kArtifactIdCounter));
  return last - count + 1;
}

absl::Status ArtifactInsert(db::Tx& tx, const ArtifactRow& row) {
  return tx.ExecuteLater(
      row.import_key.empty() ? kArtifactInsert : kArtifactInsertImported,
      {row.artifact_id, row.run_id, row.name, row.schema_title, row.schema_version, row.uri, row.custom_path,
       row.metadata, row.created_at, row.import_key, row.content_sha256, row.content_stat});
}

absl::StatusOr<std::optional<int64_t>> ArtifactFindImported(db::Tx& tx, absl::string_view import_key) {
  std::optional<int64_t> found;
  RETURN_IF_ERROR(tx.Query(kArtifactFindImported, {import_key}, [&](const db::Row& row) {
    found = row.Int64(0);
    return absl::OkStatus();
  }));
  return found;
}

absl::Status ArtifactTaskInsert(db::Tx& tx, absl::string_view run_id, const ArtifactTaskRow& row) {
  return tx.ExecuteLater(kArtifactTaskInsert,
                         {run_id, row.task_id, Name(row.direction), row.name, row.position, row.artifact_id});
}

absl::StatusOr<std::vector<ArtifactRow>> ArtifactList(db::Tx& tx, absl::string_view run_id) {
  return ListOfRun<ArtifactRow>(tx, kArtifactList, run_id, ReadArtifact);
}

absl::StatusOr<StoredOutputs> TaskOutputList(db::Tx& tx, absl::string_view run_id, absl::string_view task_id,
                                             bool parameters, bool artifacts) {
  StoredOutputs outputs;
  if (parameters) {
    RETURN_IF_ERROR(
        tx.Query(kParametersOfTask, {run_id, task_id, Name(Direction::kOutput)}, [&](const db::Row& row) {
          outputs.parameters.emplace_back(row.String(2), row.String(3));
          return absl::OkStatus();
        }));
  }
  if (artifacts) {
    RETURN_IF_ERROR(tx.Query(kArtifactOutputs, {run_id, task_id}, [&](const db::Row& row) {
      outputs.artifacts.emplace_back(row.String(12), ReadArtifact(row));
      return absl::OkStatus();
    }));
  }
  return outputs;
}

absl::StatusOr<bool> ArtifactExists(db::Tx& tx, int64_t artifact_id) {
  return Exists(tx, kArtifactExists, {artifact_id});
}

absl::StatusOr<std::vector<ArtifactTaskRow>> ArtifactTaskList(db::Tx& tx, absl::string_view run_id) {
  return ListOfRun<ArtifactTaskRow>(tx, kArtifactTaskList, run_id, [](const db::Row& row) {
    return ArtifactTaskRow{row.String(0), ReadDirection(row.Text(1)), row.String(2),
                           static_cast<int>(row.Int64(3)), row.Int64(4)};
  });
}

}  // namespace penstock
