#include "server/handlers/task_read.h"

#include <set>
#include <utility>

#include "common/limits.h"
#include "common/status_macros.h"
#include "server/handlers/pipeline_source.h"
#include "server/memory.h"
#include "storage/numbered_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_record_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr size_t kTagOwnersAtOnce = 256;

template <typename Row>
void Add(std::vector<Row> rows, TaskSource::ByTask<Row>* by_task) {
  for (Row& row : rows) {
    std::vector<Row>& of_task = (*by_task)[row.task_id];
    of_task.push_back(std::move(row));
  }
}

absl::Status AddLinks(db::Tx& tx, std::vector<ArtifactTaskRow> links, TaskSource* source) {
  std::set<int64_t> wanted;
  for (ArtifactTaskRow& link : links) {
    wanted.insert(link.artifact_id);
    std::vector<ArtifactTaskRow>& of_task = source->links[link.task_id.empty() ? link.run_id : link.task_id];
    of_task.push_back(std::move(link));
  }
  ASSIGN_OR_RETURN(std::vector<ArtifactRow> artifacts, ArtifactsFind(tx, {wanted.begin(), wanted.end()}));
  for (ArtifactRow& artifact : artifacts) {
    const int64_t id = artifact.artifact_id;
    source->artifacts[id] = std::move(artifact);
  }
  return absl::OkStatus();
}

absl::Status AddRun(db::Tx& tx, const std::string& run_id, TaskSource* source) {
  if (source->runs.contains(run_id)) return absl::OkStatus();
  RunSource run;
  ASSIGN_OR_RETURN(run.row, RunGet(tx, run_id));
  ASSIGN_OR_RETURN(run.config, RunConfigGet(tx, run_id));
  source->runs.emplace(run_id, std::move(run));
  return absl::OkStatus();
}

// Goes up level by level to the roots.
absl::Status AddParents(db::Tx& tx, TaskSource* source) {
  std::set<TaskKey> missing;
  for (const auto& [task_id, row] : source->tasks) {
    if (!row.parent_task_id.empty()) missing.insert({row.run_id, row.parent_task_id});
  }
  while (!missing.empty()) {
    std::vector<TaskKey> keys;
    for (const TaskKey& key : missing) {
      if (!source->tasks.contains(key.task_id)) keys.push_back(key);
    }
    missing.clear();
    ASSIGN_OR_RETURN(std::vector<TaskRow> rows, TasksFind(tx, keys));
    for (TaskRow& row : rows) {
      if (!row.parent_task_id.empty()) missing.insert({row.run_id, row.parent_task_id});
      const std::string id = row.task_id;
      source->tasks[id] = std::move(row);
    }
  }
  return absl::OkStatus();
}

// The tasks whose outputs were taken for these.
absl::Status AddCacheNumbers(db::Tx& tx, const std::vector<TaskRow>& rows, TaskSource* source) {
  std::vector<TaskKey> keys;
  for (const TaskRow& row : rows) {
    const auto decision = CacheDecisionOf(row);
    if (decision.has_value() && decision->result == CacheResult::kHit) {
      keys.push_back({decision->run_id, decision->task_id});
    }
  }
  ASSIGN_OR_RETURN(const auto numbered, NumberedTasksOf(tx, keys));
  for (const NumberedTask& task : numbered) source->numbers[task.key] = task.number;
  return absl::OkStatus();
}

// The owner of a task's tags: those of a root are its run's.
std::string TagOwnerOf(const TaskKey& key) {
  return key.task_id.empty() ? key.run_id : TaskTagOwner(key.run_id, key.task_id);
}

absl::Status AddChildren(db::Tx& tx, TaskSource* source) {
  std::vector<TaskKey> graphs;
  for (const TaskKey& key : source->keys) {
    const bool is_loop = source->iterations.contains(key.task_id);
    if (!is_loop && !key.task_id.empty()) {
      graphs.push_back(key);
      continue;
    }
    // Those of which there may be very many.
    ASSIGN_OR_RETURN(source->children[is_loop ? key.task_id : key.run_id],
                     TaskChildrenFirst(tx, {key.run_id, key.task_id, is_loop}, limits::kTaskChildren));
  }
  RETURN_IF_ERROR(TaskChildrenRead(tx, graphs, &source->children));
  for (auto& [task_id, children] : source->children) {
    if (children.size() > limits::kTaskChildren) children.resize(limits::kTaskChildren);
  }
  return absl::OkStatus();
}

// What clients have recorded of those tasks that they record. One that cannot be read, which only a newer server can have
// written, is as if there was none.
absl::Status AddRecords(db::Tx& tx, TaskSource* source) {
  std::vector<TaskKey> recorded;
  for (const TaskKey& key : source->keys) {
    const auto task = source->tasks.find(key.task_id);
    if (task != source->tasks.end() && task->second.recorded) recorded.push_back(key);
  }
  ASSIGN_OR_RETURN(const auto rows, TaskRecordsOf(tx, recorded));
  for (const TaskRecordRow& row : rows) (void)source->records[row.task_id].ParseFromString(row.record);
  return absl::OkStatus();
}

// What is read alike for some tasks and for a whole run.
absl::Status AddRest(db::Tx& tx, const TaskParts& parts, TaskSource* source) {
  RETURN_IF_ERROR(AddRecords(tx, source));
  if (parts.states) {
    for (const TaskKey& key : source->keys) {
      if (!key.task_id.empty()) continue;
      ASSIGN_OR_RETURN(source->runs.at(key.run_id).states, RunStates(tx, key.run_id));
    }
  }
  if (parts.children) RETURN_IF_ERROR(AddChildren(tx, source));
  if (!parts.tags) return absl::OkStatus();
  std::vector<std::string> owners;
  for (size_t i = 0; i < source->keys.size(); ++i) {
    owners.push_back(TagOwnerOf(source->keys[i]));
    if (owners.size() < kTagOwnersAtOnce && i + 1 < source->keys.size()) continue;
    RETURN_IF_ERROR(TypedTagsReadLater(tx, owners, &source->tags));
    RETURN_IF_ERROR(tx.Flush());
    owners.clear();
  }
  return absl::OkStatus();
}

absl::Status AddTasks(db::Tx& tx, std::vector<TaskRow> rows, TaskSource* source) {
  RETURN_IF_ERROR(AddCacheNumbers(tx, rows, source));
  for (TaskRow& row : rows) {
    const std::string id = row.task_id;
    source->tasks[id] = std::move(row);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadTasks(db::Tx& tx, const std::vector<TaskKey>& keys, const TaskParts& parts,
                       TaskSource* source) {
  std::vector<TaskKey> tasks;
  for (const TaskKey& key : keys) {
    if (!key.task_id.empty()) tasks.push_back(key);
  }
  ASSIGN_OR_RETURN(std::vector<TaskRow> rows, TasksFind(tx, tasks));
  RETURN_IF_ERROR(AddTasks(tx, std::move(rows), source));
  for (const TaskKey& key : keys) {
    if (!key.task_id.empty() && !source->tasks.contains(key.task_id)) continue;
    const absl::Status added = AddRun(tx, key.run_id, source);
    if (absl::IsNotFound(added)) continue;
    RETURN_IF_ERROR(added);
    source->keys.push_back(key);
  }
  RETURN_IF_ERROR(AddParents(tx, source));
  ASSIGN_OR_RETURN(const auto iterations, TaskIterationCounts(tx, tasks));
  source->iterations.insert(iterations.begin(), iterations.end());
  if (parts.states) {
    ASSIGN_OR_RETURN(auto states, TaskStatesOf(tx, tasks));
    Add(std::move(states), &source->states);
  }
  if (parts.attempts) {
    ASSIGN_OR_RETURN(auto attempts, TaskAttemptsOf(tx, tasks));
    Add(std::move(attempts), &source->attempts);
  }
  if (parts.parameters) {
    ASSIGN_OR_RETURN(auto parameters, TaskParametersOf(tx, tasks));
    Add(std::move(parameters), &source->parameters);
  }
  RETURN_IF_ERROR(AddRest(tx, parts, source));
  if (!parts.links) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto links, ArtifactTasksOf(tx, keys));
  return AddLinks(tx, std::move(links), source);
}

absl::Status ReadRunTasks(db::Tx& tx, const std::string& run_id, const TaskParts& parts, TaskSource* source) {
  RETURN_IF_ERROR(AddRun(tx, run_id, source));
  ASSIGN_OR_RETURN(std::vector<TaskRow> rows, TaskList(tx, run_id));
  source->keys.push_back({run_id, ""});
  for (const TaskRow& row : rows) {
    source->keys.push_back({run_id, row.task_id});
    if (row.iteration >= 0) ++source->iterations[row.parent_task_id];
  }
  RETURN_IF_ERROR(AddTasks(tx, std::move(rows), source));
  if (parts.states) {
    ASSIGN_OR_RETURN(auto states, TaskStates(tx, run_id));
    Add(std::move(states), &source->states);
  }
  if (parts.attempts) {
    ASSIGN_OR_RETURN(auto attempts, TaskAttemptList(tx, run_id));
    Add(std::move(attempts), &source->attempts);
  }
  if (parts.parameters) {
    for (const Direction direction : {Direction::kInput, Direction::kOutput}) {
      ASSIGN_OR_RETURN(auto parameters, TaskParameterList(tx, run_id, direction));
      Add(std::move(parameters), &source->parameters);
    }
  }
  RETURN_IF_ERROR(AddRest(tx, parts, source));
  if (!parts.links) return absl::OkStatus();
  ASSIGN_OR_RETURN(auto links, ArtifactTaskList(tx, run_id));
  return AddLinks(tx, std::move(links), source);
}

absl::Status TakeMemoryForParameters(RequestContext& context, const TaskSource& source) {
  int64_t bytes = 0;
  for (const auto& [task_id, rows] : source.parameters) {
    for (const TaskParameterRow& row : rows) bytes += row.value.size();
  }
  return bytes < limits::kRunMemoryFree ? absl::OkStatus()
                                        : TakeMemory(context, bytes * limits::kAnswerMemoryFactor);
}

absl::Status LoadDocuments(RequestContext& context, TaskSource* source) {
  for (auto& [run_id, run] : source->runs) {
    if (run.document != nullptr) continue;
    ASSIGN_OR_RETURN(run.document, StoredDocument(context, run.config.spec_sha256));
  }
  return absl::OkStatus();
}

}  // namespace penstock
