#include "scheduler/task_launch.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/artifact_uri.h"
#include "common/status_macros.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/collect_outputs.h"
#include "scheduler/plan/values/launch.h"

namespace penstock {
namespace {

// Which attempt it is, from 0, for the program of a task that is tried again; as in KFP.
constexpr char kRetryIndex[] = "KFP_RETRY_INDEX";

TaskPaths PathsOf(const Places& places, const RunSnapshot& run, int task, absl::string_view attempt_id) {
  const std::string work_dir =
      absl::StrCat(places.data_dir, "/work/runs/", PathComponent(run.run_id), "/", attempt_id);
  return MakeTaskPaths(places.artifacts, run.plan->pipeline_name(), run.run_id, PlannedOf(run, task).name,
                       attempt_id, work_dir);
}

// Relative to the data directory. Only the names of the root's tasks are unique in a run.
std::string LogPath(const RunSnapshot& run, int task, int attempt_number) {
  std::string name = PathComponent(PlannedOf(run, task).name);
  if (ParentOf(run, task) >= 0) absl::StrAppend(&name, "-", run.tasks[task].task_id);
  return absl::StrCat("logs/", PathComponent(run.run_id), "/", name, "-", attempt_number, ".log");
}

}  // namespace

Places Places::Of(absl::string_view data_dir) {
  return {std::string(data_dir), {std::string(kArtifactUriPrefix), absl::StrCat(data_dir, "/artifacts")}};
}

absl::StatusOr<TaskLaunchPlan> PlanTaskLaunch(const Places& places, const RunSnapshot& run, int task,
                                              int attempt_number, absl::string_view attempt_id) {
  const PlannedTask& planned = PlannedOf(run, task);
  const RunFacts facts = FactsOf(run, task);
  TaskLaunchPlan plan;
  ASSIGN_OR_RETURN(plan.inputs, InputsOf(run, task));
  const TaskPaths paths = PathsOf(places, run, task, attempt_id);
  ASSIGN_OR_RETURN(TaskLaunch launch, BuildLaunch(planned.executor->container(), *planned.component,
                                                  plan.inputs, paths, places.artifacts, facts));
  if (launch.command_size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("Task '", planned.name,
                     "' gives no command: an image's own entry point cannot run on this "
                     "machine. Name the program in the component's command"));
  }
  plan.log_path = LogPath(run, task, attempt_number);
  LaunchSpec& spec = plan.spec;
  spec.attempt_id = std::string(attempt_id);
  spec.run_id = run.run_id;
  spec.task_id = run.tasks[task].task_id;
  spec.task_name = planned.name;
  spec.attempt_number = attempt_number;
  spec.image = std::move(launch.image);
  spec.argv = std::move(launch.argv);
  spec.env = std::move(launch.env);
  if (RetryPolicyOf(run, task) != nullptr) {
    spec.env.emplace_back(kRetryIndex, absl::StrCat(attempt_number - 1));
  }
  spec.work_dir = paths.work_dir;
  spec.log_path = absl::StrCat(places.data_dir, "/", plan.log_path);
  spec.directories = std::move(launch.directories);
  spec.executor_output_path = std::move(launch.executor_output_path);
  for (auto& [name, path] : launch.parameter_files) spec.parameter_files.push_back({name, path});
  for (const auto& [name, list] : launch.output_artifacts) {
    spec.artifacts.push_back({name, TaskPath(places.artifacts, list.front())});
  }
  spec.resources = {launch.resources.cpu_request_millicores, launch.resources.memory_request_bytes};
  return plan;
}

absl::StatusOr<TaskOutputs> TaskOutputsOf(const Places& places, const RunSnapshot& run, int task,
                                          absl::string_view attempt_id, const AttemptOutputs& left) {
  RETURN_IF_ERROR(left.status);
  const PlannedTask& planned = PlannedOf(run, task);
  return CollectOutputs(*planned.component, planned.name, PathsOf(places, run, task, attempt_id),
                        places.artifacts, left.executor_output, left.parameter_files);
}

}  // namespace penstock
