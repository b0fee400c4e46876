#include "scheduler/run_commit.h"

#include <iterator>

#include "absl/strings/numbers.h"
#include "common/json.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/import_artifact.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

absl::Status WriteTaskChange(db::Tx& tx, const RunSnapshot& run, const TaskChange& change) {
  TaskRow row;
  row.run_id = run.run_id;
  row.task_id = run.tasks[change.task].task_id;
  row.state = change.to;
  row.wait_reason = change.wait_reason;
  row.error_code = change.error_code;
  row.error_message = change.error_message;
  row.started_at = change.started_at;
  row.finished_at = change.finished_at;
  row.wake_at = change.wake_at;
  if (change.reopened) return TaskReopen(tx, *change.from, row, change.at);
  if (change.from.has_value()) return TaskSetState(tx, *change.from, row, change.at);
  row.created_at = change.at;
  row.iteration = run.tasks[change.task].iteration;
  row.name = PlannedOf(run, change.task).name;
  row.display_name = PlannedOf(run, change.task).display_name;
  if (const int parent = ParentOf(run, change.task); parent >= 0)
    row.parent_task_id = run.tasks[parent].task_id;
  return TaskInsert(tx, row);
}

int64_t NumericId(const ArtifactRecord& artifact) {
  int64_t id = 0;
  return absl::SimpleAtoi(artifact.artifact_id, &id) ? id : 0;
}

absl::Status WriteLinks(db::Tx& tx, const RunSnapshot& run, int task, Direction direction,
                        const ArtifactMap& artifacts) {
  for (const auto& [name, list] : artifacts) {
    for (int position = 0; position < static_cast<int>(list.size()); ++position) {
      const int64_t id = NumericId(list[position]);
      if (id == 0) continue;
      RETURN_IF_ERROR(
          ArtifactTaskInsert(tx, run.run_id, {run.tasks[task].task_id, direction, name, position, id}));
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

absl::Status WriteOutputs(db::Tx& tx, const RunSnapshot& run, int task, const TaskOutputs& outputs,
                          absl::Time now) {
  // A graph or loop puts out what tasks in it have made.
  const bool makes_artifacts = HasAttempts(run, task);
  for (const auto& [name, list] : outputs.artifacts) {
    for (const ArtifactRecord& artifact : list) {
      if (!makes_artifacts) break;
      RETURN_IF_ERROR(ArtifactInsert(
          tx, {NumericId(artifact), run.run_id, artifact.name, artifact.schema_title, artifact.schema_version,
               artifact.uri, artifact.custom_path.value_or(""), DumpJson(artifact.metadata), now,
               artifact.imported ? ImportKey(artifact) : ""}));
    }
  }
  RETURN_IF_ERROR(WriteParameters(tx, run, task, Direction::kOutput, outputs.parameters));
  return WriteLinks(tx, run, task, Direction::kOutput, outputs.artifacts);
}

}  // namespace

std::string ImportKey(const ArtifactRecord& artifact) { return Sha256Hex(ImportIdentity(artifact)); }

void RunCommit::Add(Decision& decision) {
  std::move(decision.tasks.begin(), decision.tasks.end(), std::back_inserter(tasks));
  std::move(decision.run.begin(), decision.run.end(), std::back_inserter(run));
  std::move(decision.removed.begin(), decision.removed.end(), std::back_inserter(removed));
  std::move(decision.inputs.begin(), decision.inputs.end(), std::back_inserter(inputs));
  std::move(decision.outputs.begin(), decision.outputs.end(), std::back_inserter(outputs));
}

absl::Status WriteRunCommit(db::Tx& tx, const RunSnapshot& run, const RunCommit& commit, absl::Time now) {
  for (const std::string& task_id : commit.removed) RETURN_IF_ERROR(TaskDelete(tx, run.run_id, task_id));
  for (const TaskChange& change : commit.tasks) RETURN_IF_ERROR(WriteTaskChange(tx, run, change));
  for (const auto& [task, reason] : commit.waiting) {
    RETURN_IF_ERROR(TaskSetWaitReason(tx, run.run_id, run.tasks[task].task_id, reason));
  }
  // Before the inputs of the tasks that this pass starts: these may be the same artifacts.
  for (const auto& [task, outputs] : commit.outputs)
    RETURN_IF_ERROR(WriteOutputs(tx, run, task, *outputs, now));
  for (const TaskAttemptRow& attempt : commit.attempts_begun) RETURN_IF_ERROR(TaskAttemptInsert(tx, attempt));
  for (const TaskAttemptRow& attempt : commit.attempts_ended) RETURN_IF_ERROR(TaskAttemptFinish(tx, attempt));
  for (const auto& [task, inputs] : commit.inputs) {
    RETURN_IF_ERROR(WriteParameters(tx, run, task, Direction::kInput, inputs.parameters));
    RETURN_IF_ERROR(WriteLinks(tx, run, task, Direction::kInput, inputs.artifacts));
  }
  for (const RunChange& change : commit.run) {
    RETURN_IF_ERROR(RunSetState(tx, run.run_id, change.from,
                                {change.to, change.at, change.error_code, change.error_message}));
  }
  return absl::OkStatus();
}

}  // namespace penstock
