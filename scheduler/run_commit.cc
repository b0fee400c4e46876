#include "scheduler/run_commit.h"

#include <iterator>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "pipeline/spec/task_io.h"
#include "scheduler/attempt_rows.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/import_artifact.h"
#include "storage/artifact_store.h"
#include "storage/cache_store.h"
#include "storage/metric_store.h"
#include "storage/run_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr char kMetricsSchema[] = "system.Metrics";

// All moves of one task in a commit, oldest first.
using Moves = std::vector<const TaskChange*>;

TaskRow RowAfter(const RunSnapshot& run, const TaskChange& move) {
  TaskRow row;
  row.run_id = run.run_id;
  row.task_id = run.tasks[move.task].task_id;
  row.state = move.to;
  row.wait_reason = move.wait_reason;
  row.error_code = move.error_code;
  row.error_message = move.error_message;
  row.started_at = move.started_at;
  row.finished_at = move.finished_at;
  row.wake_at = move.wake_at;
  return row;
}

absl::Status WriteTask(db::Tx& tx, const RunSnapshot& run, absl::Span<const TaskChange* const> moves,
                       const std::string& decision) {
  if (moves.front()->reopened) {
    const TaskChange& reopened = *moves.front();
    RETURN_IF_ERROR(TaskReopen(tx, *reopened.from, RowAfter(run, reopened), reopened.at));
    moves.remove_prefix(1);
    if (moves.empty()) return absl::OkStatus();
  }
  TaskRow row = RowAfter(run, *moves.back());
  row.cache_decision = decision;
  TaskHistory history;
  for (const TaskChange* move : moves) history.emplace_back(move->to, move->at);
  if (moves.front()->from.has_value()) return TaskSetState(tx, *moves.front()->from, row, history);
  const int task = moves.front()->task;
  row.created_at = moves.front()->at;
  row.iteration = run.tasks[task].iteration;
  row.name = PlannedOf(run, task).name;
  row.display_name = PlannedOf(run, task).display_name;
  if (const int parent = ParentOf(run, task); parent >= 0) row.parent_task_id = run.tasks[parent].task_id;
  return TaskInsert(tx, row, history);
}

absl::Status WriteTasks(db::Tx& tx, const RunSnapshot& run, const RunCommit& commit) {
  // In the order in which they moved first, so parents before what is in them.
  std::vector<Moves> tasks;
  absl::flat_hash_map<int, size_t> places;
  for (const TaskChange& change : commit.tasks) {
    const auto [place, fresh] = places.try_emplace(change.task, tasks.size());
    if (fresh) tasks.emplace_back();
    tasks[place->second].push_back(&change);
  }
  for (const Moves& moves : tasks) {
    const auto decision = commit.cache_decisions.find(moves.front()->task);
    RETURN_IF_ERROR(
        WriteTask(tx, run, moves, decision == commit.cache_decisions.end() ? "" : decision->second));
  }
  return absl::OkStatus();
}

int64_t NumericId(const ArtifactRecord& artifact) {
  int64_t id = 0;
  return absl::SimpleAtoi(artifact.artifact_id, &id) ? id : 0;
}

// What is known of all that one commit writes.
struct Writing {
  db::Tx& tx;
  const RunSnapshot& run;
  const RunOwner& owner;
  absl::Time now;
};

// The graph that a task stands in.
const ml_pipelines::DagSpec& GraphOf(const RunSnapshot& run, int task) {
  return run.plan->dags()[run.scopes[run.tasks[task].scope].dag].component->dag();
}

// The link of a task with an artifact, but for the artifact.
ArtifactTaskRow LinkOf(const RunSnapshot& run, int task, Direction direction, const std::string& name,
                       LinkRole role) {
  ArtifactTaskRow link;
  link.run_id = run.run_id;
  link.task_id = run.tasks[task].task_id;
  link.direction = direction;
  link.name = name;
  link.role = HasAttempts(run, task) ? role : LinkRole::kScope;
  const PlannedTask& planned = PlannedOf(run, task);
  if (direction == Direction::kOutput) {
    link.io_type = std::string(OutputIoType(*planned.spec, *planned.component, name));
  } else {
    TaskInputSource source = ArtifactSource(GraphOf(run, task), *planned.spec, name);
    link.io_type = std::string(source.io_type);
    link.producer_task = std::move(source.producer_task);
  }
  return link;
}

absl::Status WriteLinks(const Writing& writing, int task, Direction direction, const ArtifactMap& artifacts,
                        LinkRole role) {
  for (const auto& [name, list] : artifacts) {
    ArtifactTaskRow link = LinkOf(writing.run, task, direction, name, role);
    for (const ArtifactRecord& artifact : list) {
      link.artifact_id = NumericId(artifact);
      if (link.artifact_id != 0) RETURN_IF_ERROR(ArtifactTaskInsert(writing.tx, link));
      ++link.position;
    }
  }
  return absl::OkStatus();
}

// What the run itself was given.
absl::Status WriteRootLinks(const Writing& writing) {
  for (const auto& [name, list] : writing.run.root_inputs->artifacts) {
    ArtifactTaskRow link;
    link.run_id = writing.run.run_id;
    link.direction = Direction::kInput;
    link.name = name;
    link.io_type = "RUNTIME_VALUE_INPUT";
    link.role = LinkRole::kScope;
    for (const ArtifactRecord& artifact : list) {
      link.artifact_id = NumericId(artifact);
      if (link.artifact_id != 0) RETURN_IF_ERROR(ArtifactTaskInsert(writing.tx, link));
      ++link.position;
    }
  }
  return absl::OkStatus();
}

absl::Status WriteParameters(db::Tx& tx, const RunSnapshot& run, int task, Direction direction,
                             const ParameterMap& parameters) {
  for (const auto& [name, value] : parameters) {
    RETURN_IF_ERROR(
        TaskParameterInsert(tx, run.run_id, {run.tasks[task].task_id, direction, name, DumpJson(value)}));
  }
  return absl::OkStatus();
}

absl::Status WriteOutputs(const Writing& writing, int task, const TaskOutputs& outputs, LinkRole role) {
  RETURN_IF_ERROR(WriteParameters(writing.tx, writing.run, task, Direction::kOutput, outputs.parameters));
  return WriteLinks(writing, task, Direction::kOutput, outputs.artifacts, role);
}

absl::Status WriteArtifact(const Writing& writing, const ArtifactRecord& artifact) {
  ArtifactRow row;
  row.artifact_id = NumericId(artifact);
  row.uuid = writing.owner.ids.NewId();
  row.run_id = writing.run.run_id;
  row.namespace_ = writing.owner.namespace_;
  row.name = artifact.name;
  row.schema_title = artifact.schema_title;
  row.schema_version = artifact.schema_version;
  row.uri = artifact.uri;
  row.custom_path = artifact.custom_path.value_or("");
  row.metadata = DumpJson(artifact.metadata);
  row.size_bytes = artifact.size_bytes;
  row.content_sha256 = artifact.content_sha256;
  row.content_stat = artifact.content_stat;
  if (artifact.imported) row.import_key = ImportKey(artifact);
  row.created_at = writing.now;
  return ArtifactInsert(writing.tx, row);
}

absl::Status WriteArtifacts(const Writing& writing, int task, const ArtifactMap& artifacts) {
  if (!HasAttempts(writing.run, task)) {
    return absl::OkStatus();  // a graph or loop puts out what tasks in it have made
  }
  for (const auto& [name, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) RETURN_IF_ERROR(WriteArtifact(writing, artifact));
  }
  return absl::OkStatus();
}

// The numbers in the metadata of a task's Metrics, each as the first point of a series.
absl::Status WriteMetrics(const Writing& writing, int task, const ArtifactMap& artifacts) {
  if (!HasAttempts(writing.run, task)) return absl::OkStatus();
  std::vector<NamedMetricPoint> points;
  for (const auto& [output, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) {
      if (artifact.schema_title != kMetricsSchema) continue;
      for (const auto& [name, value] : artifact.metadata.items()) {
        if (!value.is_number() || name.size() > limits::kMetricNameBytes) continue;
        points.push_back({name, {0, writing.now, value.get<double>()}});
      }
    }
  }
  const absl::Status logged =
      MetricsLog(writing.tx, {writing.run.run_id, writing.run.tasks[task].task_id}, points);
  // A run with too many series has lost nothing: the artifact has the values.
  return absl::IsResourceExhausted(logged) ? absl::OkStatus() : logged;
}

// The run that they came from may have been deleted since they were found.
absl::Status CheckReused(db::Tx& tx, const ArtifactMap& artifacts) {
  for (const auto& [name, list] : artifacts) {
    for (const ArtifactRecord& artifact : list) {
      ASSIGN_OR_RETURN(const bool exists, ArtifactExists(tx, NumericId(artifact)));
      if (!exists) return absl::AbortedError(absl::StrCat("artifact ", artifact.artifact_id, " was deleted"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::string ImportKey(const ArtifactRecord& artifact) { return Sha256Hex(ImportIdentity(artifact)); }

void RunCommit::Add(Decision& decision) {
  std::move(decision.tasks.begin(), decision.tasks.end(), std::back_inserter(tasks));
  std::move(decision.run.begin(), decision.run.end(), std::back_inserter(run));
  std::move(decision.removed.begin(), decision.removed.end(), std::back_inserter(removed));
  for (auto& [task, of_task] : decision.inputs) {
    inputs.emplace_back(task, std::make_shared<const TaskInputs>(std::move(of_task)));
  }
  std::move(decision.outputs.begin(), decision.outputs.end(), std::back_inserter(outputs));
}

absl::Status WriteRunCommit(db::Tx& tx, const RunSnapshot& run, const RunCommit& commit,
                            const RunOwner& owner, absl::Time now) {
  const Writing writing{tx, run, owner, now};
  for (const std::string& task_id : commit.removed) RETURN_IF_ERROR(TaskDelete(tx, run.run_id, task_id));
  RETURN_IF_ERROR(WriteTasks(tx, run, commit));
  for (const auto& [task, reason, message] : commit.waiting) {
    RETURN_IF_ERROR(TaskSetWaitReason(tx, run.run_id, run.tasks[task].task_id, reason, message));
  }
  for (const ArtifactRecord& artifact : commit.root_artifacts) {
    RETURN_IF_ERROR(WriteArtifact(writing, artifact));
  }
  if (commit.root_taken) RETURN_IF_ERROR(WriteRootLinks(writing));
  // Before the inputs of the tasks that this pass starts: these may be the same artifacts.
  for (const auto& [task, outputs] : commit.outputs) {
    RETURN_IF_ERROR(WriteArtifacts(writing, task, outputs->artifacts));
    RETURN_IF_ERROR(WriteOutputs(writing, task, *outputs, LinkRole::kOwn));
    RETURN_IF_ERROR(WriteMetrics(writing, task, outputs->artifacts));
  }
  std::set<int> from_cache;
  for (const auto& [task, outputs] : commit.reused) {
    from_cache.insert(task);
    RETURN_IF_ERROR(CheckReused(tx, outputs->artifacts));
    RETURN_IF_ERROR(WriteOutputs(writing, task, *outputs, LinkRole::kCache));
    RETURN_IF_ERROR(WriteMetrics(writing, task, outputs->artifacts));
  }
  for (const CacheEntryRow& entry : commit.cache_entries) RETURN_IF_ERROR(CacheEntryPut(tx, entry));
  for (const TaskAttemptRow& attempt : commit.attempts_begun) RETURN_IF_ERROR(TaskAttemptInsert(tx, attempt));
  for (const TaskAttemptRow& attempt : commit.attempts_ended) RETURN_IF_ERROR(TaskAttemptFinish(tx, attempt));
  for (const auto& [task, inputs] : commit.inputs) {
    RETURN_IF_ERROR(WriteParameters(tx, run, task, Direction::kInput, inputs->parameters));
    const LinkRole role = from_cache.count(task) > 0 ? LinkRole::kCache : LinkRole::kOwn;
    RETURN_IF_ERROR(WriteLinks(writing, task, Direction::kInput, inputs->artifacts, role));
  }
  for (const RunChange& change : commit.run) {
    RETURN_IF_ERROR(RunSetState(tx, run.run_id, change.from,
                                {change.to, change.at, change.error_code, change.error_message}));
  }
  return absl::OkStatus();
}

absl::Status WriteRunFailure(db::Tx& tx, const std::string& run_id, const absl::Status& why, absl::Time now) {
  ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
  ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, TaskList(tx, run_id));
  for (TaskRow& task : tasks) {
    if (IsFinal(task.state)) continue;
    const TaskState from = task.state;
    task.state = TaskState::kCanceled;
    task.wait_reason = WaitReason::kNone;
    task.error_message = "Ended because the run could not be driven any further";
    task.finished_at = now;
    RETURN_IF_ERROR(TaskSetState(tx, from, task, now));
  }
  ASSIGN_OR_RETURN(std::vector<TaskAttemptRow> attempts, TaskAttemptList(tx, run_id));
  for (TaskAttemptRow& attempt : attempts) {
    if (!attempt.outcome.empty()) continue;
    attempt.outcome = std::string(OutcomeName(AttemptOutcome::kLost));
    attempt.finished_at = now;
    RETURN_IF_ERROR(TaskAttemptFinish(tx, attempt));
  }
  return RunSetState(tx, run_id, row.state,
                     {RunState::kFailed, now, static_cast<int>(why.code()), std::string(why.message())});
}

}  // namespace penstock
