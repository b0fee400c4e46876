#include "scheduler/importer.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "scheduler/plan/run_tree.h"
#include "storage/artifact_store.h"

namespace penstock {

absl::Status Importer::Import(ActiveRun& run, int task, absl::Time now) {
  const auto inputs = run.InputsOf(task);
  if (!inputs.ok()) {
    run.Decide(TaskUnstartable{task, inputs.status()}, now);
    return absl::OkStatus();
  }
  absl::StatusOr<TaskOutputs> imported = PlanTaskImport(run.snapshot(), task, **inputs);
  if (!imported.ok()) {
    run.Decide(TaskUnstartable{task, imported.status()}, now);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(GiveKnownIds(run, task, *imported));
  RETURN_IF_ERROR(artifact_ids_.Give(*imported));
  const auto outputs = std::make_shared<const TaskOutputs>(*std::move(imported));
  for (const auto& [name, list] : outputs->artifacts) {
    for (const ArtifactRecord& artifact : list) imported_[ImportKey(artifact)] = artifact.artifact_id;
  }
  run.commit().inputs.emplace_back(task, *inputs);
  run.commit().outputs.emplace_back(task, outputs);
  const std::string attempt_id = ids_.NewId();
  run.Decide(TaskStarting{task, attempt_id}, now);
  run.Decide(AttemptEnded{task, attempt_id, AttemptResult::kSucceeded, "", outputs}, now);
  return absl::OkStatus();
}

absl::Status Importer::ImportRoot(ActiveRun& run) {
  TaskOutputs fresh;  // by name, as if a task had put them out
  TaskInputs inputs = *run.snapshot().root_inputs;
  for (auto& [name, list] : inputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      if (!artifact.artifact_id.empty()) continue;
      const std::string key = ImportKey(artifact);
      if (const auto known = imported_.find(key); known != imported_.end()) {
        artifact.artifact_id = known->second;
        continue;
      }
      fresh.artifacts[name] = {artifact};
      RETURN_IF_ERROR(artifact_ids_.Give(fresh));
      artifact = fresh.artifacts[name].front();
      imported_[key] = artifact.artifact_id;
      run.commit().root_artifacts.push_back(artifact);
      fresh.artifacts.clear();
    }
  }
  if (!inputs.artifacts.empty()) run.SetRootInputs(std::move(inputs));
  return absl::OkStatus();
}

// What was imported before, in this pass or by any run that is still there, keeps its id unless the importer
// wants it anew.
absl::Status Importer::GiveKnownIds(const ActiveRun& run, int task, TaskOutputs& outputs) {
  if (PlannedOf(run.snapshot(), task).executor->importer().reimport()) return absl::OkStatus();
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      const std::string key = ImportKey(artifact);
      if (const auto known = imported_.find(key); known != imported_.end()) {
        artifact.artifact_id = known->second;
        continue;
      }
      std::optional<int64_t> id;
      RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
        ASSIGN_OR_RETURN(id, ArtifactFindImported(tx, key));
        return absl::OkStatus();
      }));
      if (id.has_value()) artifact.artifact_id = absl::StrCat(*id);
    }
  }
  return absl::OkStatus();
}

}  // namespace penstock
