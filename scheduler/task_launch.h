// From a task that is ready to what the executor needs: placeholders replaced, paths chosen as its executor's
// tasks see them. Pure.
#pragma once

#include <memory>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "executor/executor.h"
#include "scheduler/plan/types.h"
#include "scheduler/plan/values/launch.h"

namespace penstock {

// An attempt, ready to be committed and then started.
struct TaskLaunchPlan {
  std::shared_ptr<const TaskInputs> inputs;
  LaunchSpec spec;
  ArgumentMarks marks;   // of spec.argv
  size_t variables = 0;  // of spec.env that the pipeline sets; they come first
};

// The directories of an attempt follow from its run, task, number and id alone, so that the same call gives
// the same plan after a restart. An error is the user's: it fails the task.
absl::StatusOr<TaskLaunchPlan> PlanTaskLaunch(const TaskWorld& world, const RunSnapshot& run, int task,
                                              std::shared_ptr<const TaskInputs> inputs, int attempt_number,
                                              absl::string_view attempt_id);

// Whether the engine completes the task itself: it is an importer that brings nothing to the workspace.
bool IsImport(const RunSnapshot& run, int task);

// What such an importer puts out. An error is the user's: it fails the task.
absl::StatusOr<TaskOutputs> PlanTaskImport(const RunSnapshot& run, int task, const TaskInputs& inputs);

// Gives a task's resolved inputs, to those who may need them.
using InputsSource = absl::FunctionRef<absl::StatusOr<std::shared_ptr<const TaskInputs>>()>;

// The outputs of a task that ended well, from what the executor read. An error fails the task.
absl::StatusOr<TaskOutputs> TaskOutputsOf(const TaskWorld& world, const RunSnapshot& run, int task,
                                          InputsSource inputs, absl::string_view attempt_id,
                                          const AttemptOutputs& left);

}  // namespace penstock
