#include "server/handlers/task_write.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/task.h"
#include "server/convert/task_record.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/handlers/task.h"
#include "server/handlers/task_read.h"
#include "server/validate.h"
#include "storage/cache_store.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"
#include "storage/task_record_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// What a client says of one task, checked.
struct Change {
  const PipelineTask& given;
  TypedTags tags;
};

absl::StatusOr<Change> ReadChange(const PipelineTask& given) {
  RETURN_IF_ERROR(CheckTask(given));
  ASSIGN_OR_RETURN(TypedTags tags, PropertiesFrom(given));
  return Change{given, std::move(tags)};
}

// A root's properties are the tags of its run.
absl::Status SetTags(db::Tx& tx, const TaskKey& key, const TypedTags& tags) {
  const std::string owner = key.task_id.empty() ? key.run_id : TaskTagOwner(key.run_id, key.task_id);
  for (const auto& [name, tag] : tags) RETURN_IF_ERROR(TagSet(tx, owner, name, tag));
  if (tags.empty()) return absl::OkStatus();
  RETURN_IF_ERROR(tx.Flush());
  ASSIGN_OR_RETURN(const TypedTags all, TypedTagsRead(tx, owner));
  return all.size() > limits::kTypedTags ? error::BulkTooMany(all.size(), limits::kTypedTags)
                                         : absl::OkStatus();
}

bool IsRecordedHit(const TaskRow& row) {
  const auto decision = CacheDecisionOf(row);
  return decision.has_value() && decision->result == CacheResult::kHit;
}

// The states that a recorded task goes through from one to another: a client may leave RUNNING out.
std::optional<TaskHistory> MovesOf(TaskState from, TaskState to, absl::Time at) {
  if (MayMove(from, to)) return TaskHistory{{to, at}};
  if (MayMove(from, TaskState::kRunning) && MayMove(TaskState::kRunning, to)) {
    return TaskHistory{{TaskState::kRunning, at}, {to, at}};
  }
  return std::nullopt;
}

absl::Time EndOf(const PipelineTask& given, absl::Time now) {
  return given.has_end_time() ? TimeFrom(given.end_time()) : now;
}

void SetTimes(const PipelineTask& given, absl::Time now, TaskRow* row) {
  if (row->state != TaskState::kPending && row->state != TaskState::kSkipped &&
      row->started_at == absl::UnixEpoch()) {
    row->started_at = row->created_at;
  }
  if (IsFinal(row->state)) row->finished_at = EndOf(given, now);
}

absl::Status PutRecord(db::Tx& tx, const TaskRow& row, const std::string& namespace_,
                       const PipelineTask& record) {
  std::string bytes;
  record.SerializeToString(&bytes);
  RETURN_IF_ERROR(
      TaskRecordPut(tx, {row.run_id, row.task_id, namespace_, record.cache_fingerprint(), bytes}));
  return TaskParametersReplace(tx, row.run_id, row.task_id, ParametersOf(row.task_id, record));
}

absl::Status CheckParent(db::Tx& tx, const std::string& run_id, const std::string& parent) {
  if (parent.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const TaskRow row, TaskGet(tx, run_id, parent));
  return row.iteration >= 0 ? error::TaskNotFound(run_id, parent) : absl::OkStatus();
}

absl::Status CheckNew(const api::CreateTaskRequest& request) {
  const PipelineTask& given = request.task();
  RETURN_IF_ERROR(CheckName("task.name", given.name(), limits::kSpecNameBytes));
  if (!given.task_id().empty()) return error::TaskIdGiven();
  if (given.type() == PipelineTask::ROOT) return error::RootExists(request.run_id());
  if (!given.run_id().empty() && given.run_id() != request.run_id()) {
    return error::TaskFieldFixed("run_id", request.run_id());
  }
  return absl::OkStatus();
}

absl::Status Update(db::Tx& tx, const RunRow& run, const Change& change, TaskRow row, absl::Time now) {
  const PipelineTask& given = change.given;
  const TaskKey key = {row.run_id, row.task_id};
  PipelineTask record;
  ASSIGN_OR_RETURN(const auto records, TaskRecordsOf(tx, {key}));
  if (!records.empty() && !record.ParseFromString(records.front().record)) {
    return error::TaskRecordDamaged(key.task_id);
  }
  const std::string parent = row.parent_task_id.empty() ? row.run_id : row.parent_task_id;
  if (!given.name().empty() && given.name() != row.name) return error::TaskFieldFixed("name", key.task_id);
  if (!given.run_id().empty() && given.run_id() != row.run_id) {
    return error::TaskFieldFixed("run_id", key.task_id);
  }
  if (given.has_parent_task_id() && given.parent_task_id() != parent) {
    return error::TaskFieldFixed("parent_task_id", key.task_id);
  }
  if (given.type() != PipelineTask::TASK_TYPE_UNSPECIFIED && given.type() != record.type()) {
    return error::TaskFieldFixed("type", key.task_id);
  }
  RETURN_IF_ERROR(MergeTask(given, &record));
  if (!given.display_name().empty()) {
    RETURN_IF_ERROR(TaskSetDisplayName(tx, key.run_id, key.task_id, given.display_name()));
  }
  const TaskState from = row.state;
  row.state = TaskStateFrom(given).value_or(from);
  row.cache_decision = RecordedDecision(
      record, given.state() == PipelineTask::CACHED ||
                  (given.state() == PipelineTask::RUNTIME_STATE_UNSPECIFIED && IsRecordedHit(row)));
  row.error_message = record.status_metadata().message();
  if (row.state == from) {
    if (IsFinal(row.state) && given.has_end_time()) row.finished_at = TimeFrom(given.end_time());
    RETURN_IF_ERROR(TaskSetRecorded(tx, row));
  } else {
    const auto moves = MovesOf(from, row.state, IsFinal(row.state) ? EndOf(given, now) : now);
    if (!moves.has_value()) return error::TaskStateFixed(key.task_id, Name(from), Name(row.state));
    row.wait_reason = WaitReason::kNone;
    SetTimes(given, now, &row);
    RETURN_IF_ERROR(TaskSetState(tx, from, row, *moves));
  }
  return PutRecord(tx, row, run.namespace_, record);
}

// What a client may change of a root, or of a task that the engine runs: only properties of its own.
absl::Status CheckForeign(const RequestContext& context, const Change& change, const TaskSource& source,
                          const TaskKey& key) {
  TaskPlaces places(source);
  PipelineTask current;
  TaskToApi(source, places, context.deps.public_uris, key, &current);
  const std::string field = ChangedField(change.given, current);
  return field.empty() ? absl::OkStatus() : error::TaskOfEngineFixed(field, current.task_id());
}

TaskKey KeyOf(const std::string& run_id, const std::string& task_id) {
  return {run_id, task_id == run_id ? "" : task_id};
}

// Applies all changes, by task id, or none.
absl::Status UpdateAll(RequestContext& context, const std::string& run_id,
                       const std::map<std::string, Change>& changes) {
  // First those that the engine runs, which need their pipeline to be told.
  std::vector<TaskKey> keys;
  for (const auto& [task_id, change] : changes) keys.push_back(KeyOf(run_id, task_id));
  TaskSource source;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    source = {};
    RETURN_IF_ERROR(RunGet(tx, run_id).status());
    return ReadTasks(tx, keys, kAllTaskParts, &source);
  }));
  RETURN_IF_ERROR(LoadDocuments(context, &source));
  for (const TaskKey& key : keys) {
    const std::string& id = key.task_id.empty() ? run_id : key.task_id;
    if (!key.task_id.empty()) {
      const auto task = source.tasks.find(key.task_id);
      if (task == source.tasks.end() || task->second.iteration >= 0) return error::TaskNotFound(run_id, id);
      if (task->second.recorded) continue;
    }
    RETURN_IF_ERROR(CheckForeign(context, changes.at(id), source, key));
  }
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow run, RunGet(tx, run_id));
    for (const TaskKey& key : keys) {
      const Change& change = changes.at(key.task_id.empty() ? run_id : key.task_id);
      if (!key.task_id.empty()) {
        ASSIGN_OR_RETURN(TaskRow row, TaskGet(tx, run_id, key.task_id));
        if (row.recorded) RETURN_IF_ERROR(Update(tx, run, change, std::move(row), now));
      }
      RETURN_IF_ERROR(SetTags(tx, key, change.tags));
    }
    return absl::OkStatus();
  });
}

// The latest task that succeeded with the fingerprint, whoever has executed it.
absl::StatusOr<std::optional<TaskKey>> FindCachedIn(db::Tx& tx, const std::string& namespace_,
                                                    const std::string& fingerprint) {
  ASSIGN_OR_RETURN(std::optional<TaskKey> key, TaskRecordFindCached(tx, namespace_, fingerprint));
  ASSIGN_OR_RETURN(const auto entries, CacheEntries(tx, namespace_, {fingerprint}));
  for (const auto& [found, entry] : entries) {
    // Ids of tasks that came later are greater.
    if (!key.has_value() || key->task_id < entry.task_id) key = TaskKey{entry.run_id, entry.task_id};
  }
  return key;
}

absl::Status Reply(RequestContext& context, const std::string& run_id, const std::string& task_id,
                   PipelineTask* reply) {
  api::GetTaskRequest get;
  get.set_run_id(run_id);
  get.set_task_id(task_id);
  return TaskGet(context, get, reply);
}

}  // namespace

absl::Status TaskCreate(RequestContext& context, const api::CreateTaskRequest& request,
                        api::PipelineTask* reply) {
  const PipelineTask& given = request.task();
  ASSIGN_OR_RETURN(const Change change, ReadChange(given));
  RETURN_IF_ERROR(CheckNew(request));
  PipelineTask record;
  record.set_type(given.type() == PipelineTask::TASK_TYPE_UNSPECIFIED ? PipelineTask::RUNTIME : given.type());
  RETURN_IF_ERROR(MergeTask(given, &record));
  const absl::Time now = context.deps.clock.Now();
  TaskRow row;
  row.run_id = request.run_id();
  row.task_id = context.deps.ids.NewId();
  if (given.parent_task_id() != request.run_id()) row.parent_task_id = given.parent_task_id();
  row.name = given.name();
  row.display_name = given.display_name().empty() ? given.name() : given.display_name();
  row.state = TaskStateFrom(given).value_or(TaskState::kPending);
  row.recorded = true;
  row.created_at = given.has_create_time() ? TimeFrom(given.create_time()) : now;
  row.started_at = row.finished_at = absl::UnixEpoch();
  SetTimes(given, now, &row);
  row.error_message = given.status_metadata().message();
  row.cache_decision = RecordedDecision(record, given.state() == PipelineTask::CACHED);
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow run, RunGet(tx, row.run_id));
    RETURN_IF_ERROR(CheckParent(tx, row.run_id, row.parent_task_id));
    ASSIGN_OR_RETURN(const int64_t recorded, RecordedTaskAdd(tx, row.run_id));
    if (recorded > limits::kRecordedTasks) {
      return error::RecordedTasksTooMany(row.run_id, limits::kRecordedTasks);
    }
    RETURN_IF_ERROR(TaskInsert(tx, row));
    RETURN_IF_ERROR(PutRecord(tx, row, run.namespace_, record));
    return SetTags(tx, {row.run_id, row.task_id}, change.tags);
  }));
  return Reply(context, row.run_id, row.task_id, reply);
}

absl::Status TaskUpdate(RequestContext& context, const api::UpdateTaskRequest& request,
                        api::PipelineTask* reply) {
  std::map<std::string, Change> changes;
  ASSIGN_OR_RETURN(Change change, ReadChange(request.task()));
  if (!request.task().task_id().empty() && request.task().task_id() != request.task_id()) {
    return error::TaskFieldFixed("task_id", request.task_id());
  }
  changes.emplace(request.task_id(), std::move(change));
  RETURN_IF_ERROR(UpdateAll(context, request.run_id(), changes));
  return Reply(context, request.run_id(), request.task_id(), reply);
}

absl::Status TasksUpdate(RequestContext& context, const api::UpdateTasksBulkRequest& request,
                         api::UpdateTasksBulkResponse* reply) {
  if (request.tasks().size() > limits::kBulkItems) {
    return error::BulkTooMany(request.tasks().size(), limits::kBulkItems);
  }
  std::map<std::string, Change> changes;
  for (const auto& [task_id, task] : request.tasks()) {
    ASSIGN_OR_RETURN(Change change, ReadChange(task));
    if (!task.task_id().empty() && task.task_id() != task_id) {
      return error::TaskFieldFixed("task_id", task_id);
    }
    changes.emplace(task_id, std::move(change));
  }
  RETURN_IF_ERROR(UpdateAll(context, request.run_id(), changes));
  for (const auto& [task_id, change] : changes) {
    RETURN_IF_ERROR(Reply(context, request.run_id(), task_id, &(*reply->mutable_tasks())[task_id]));
  }
  return absl::OkStatus();
}

absl::Status TaskFindCached(RequestContext& context, const api::FindCachedTaskRequest& request,
                            api::PipelineTask* reply) {
  if (request.cache_fingerprint().empty()) {
    return error::FieldRequired("cache_fingerprint", "give what the task is found by");
  }
  std::optional<TaskKey> key;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(key, FindCachedIn(tx, request.namespace_(), request.cache_fingerprint()));
    // A server without users has its runs in the namespace without a name, whatever its clients call it.
    if (key.has_value() || request.namespace_().empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(key, FindCachedIn(tx, "", request.cache_fingerprint()));
    return absl::OkStatus();
  }));
  if (!key.has_value()) return absl::OkStatus();
  const absl::Status found = Reply(context, key->run_id, key->task_id, reply);
  return absl::IsNotFound(found) ? absl::OkStatus() : found;  // deleted since
}

}  // namespace penstock
