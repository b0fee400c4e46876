// From a task that is ready to what the executor needs: inputs resolved, placeholders replaced, paths chosen.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "executor/executor.h"
#include "scheduler/plan/types.h"
#include "scheduler/plan/values/artifact_paths.h"

namespace penstock {

// Where things lie on this machine. Constant.
struct Places {
  std::string data_dir;  // absolute, without symbolic links
  ArtifactPathMap artifacts;
  std::string workspaces;  // directory of the directories that tasks of a run share

  // The workspace of a run.
  std::string WorkspaceOf(absl::string_view run_id) const;

  static Places Of(absl::string_view data_dir);
};

// An attempt, ready to be committed and then started.
struct TaskLaunchPlan {
  TaskInputs inputs;
  LaunchSpec spec;
  std::string log_path;  // relative to the data directory, as stored
};

// Pure. The directories of an attempt follow from its run, task, number and id alone, so that the same call
// gives the same plan after a restart. An error is the user's: it fails the task.
absl::StatusOr<TaskLaunchPlan> PlanTaskLaunch(const Places& places, const RunSnapshot& run, int task,
                                              int attempt_number, absl::string_view attempt_id);

// Whether the engine completes the task itself: it is an importer that brings nothing to the workspace.
bool IsImport(const RunSnapshot& run, int task);

// What an importer takes and puts out. Pure. An error is the user's: it fails the task.
struct TaskImportPlan {
  TaskInputs inputs;
  TaskOutputs outputs;
};
absl::StatusOr<TaskImportPlan> PlanTaskImport(const RunSnapshot& run, int task);

// The outputs of a task that ended well, from what the executor read. An error fails the task.
absl::StatusOr<TaskOutputs> TaskOutputsOf(const Places& places, const RunSnapshot& run, int task,
                                          absl::string_view attempt_id, const AttemptOutputs& left);

}  // namespace penstock
