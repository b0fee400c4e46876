// The engine's imports: tasks that it completes itself, without an executor.
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "scheduler/engine.h"
#include "scheduler/plan/run_tree.h"
#include "storage/artifact_store.h"

namespace penstock {

// Completes ready imports, one of each run in turn, as many as one transaction should hold.
absl::Status Engine::ImportReady(absl::Time now, PassResult& result) {
  int left = limits::kImportsPerPass;
  for (bool more = true; more && left > 0;) {
    more = false;
    for (auto& [run_id, run] : runs_) {
      if (run.imports.empty() || left == 0) continue;
      const int task = run.imports.front();
      run.imports.pop_front();
      RETURN_IF_ERROR(Import(run, task, now));
      --left;
      ++result.started;
      more = true;
    }
  }
  return absl::OkStatus();
}

// Starts and ends the task at once. Both are in one commit, so nobody ever finds it running.
absl::Status Engine::Import(ActiveRun& run, int task, absl::Time now) {
  auto import = PlanTaskImport(run.snapshot, task);
  if (!import.ok()) {
    Decide(run, TaskUnstartable{task, import.status()}, now);
    return absl::OkStatus();
  }
  RETURN_IF_ERROR(GiveImportIds(run, task, import->outputs));
  RETURN_IF_ERROR(GiveArtifactIds(import->outputs));
  const auto outputs = std::make_shared<const TaskOutputs>(std::move(import->outputs));
  for (const auto& [name, list] : outputs->artifacts) {
    for (const ArtifactRecord& artifact : list) imports_[ImportKey(artifact)] = artifact.artifact_id;
  }
  run.commit.inputs.emplace_back(task, std::move(import->inputs));
  run.commit.outputs.emplace_back(task, outputs);
  const std::string attempt_id = ids_.NewId();
  Decide(run, TaskStarting{task, attempt_id}, now);
  Decide(run, AttemptEnded{task, attempt_id, AttemptResult::kSucceeded, "", outputs}, now);
  return absl::OkStatus();
}

// What was imported before, in this pass or by any run that is still there, keeps its id unless the importer
// wants it anew.
absl::Status Engine::GiveImportIds(const ActiveRun& run, int task, TaskOutputs& outputs) {
  if (PlannedOf(run.snapshot, task).executor->importer().reimport()) return absl::OkStatus();
  for (auto& [name, list] : outputs.artifacts) {
    for (ArtifactRecord& artifact : list) {
      const std::string key = ImportKey(artifact);
      if (const auto known = imports_.find(key); known != imports_.end()) {
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
