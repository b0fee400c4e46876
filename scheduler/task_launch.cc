#include "scheduler/task_launch.h"

#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "content/artifact_uri.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/collect_outputs.h"
#include "scheduler/plan/values/import_artifact.h"
#include "scheduler/plan/values/input_content.h"
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

InputContent::Need ToNeed(TaskInputContent::Need need) {
  switch (need) {
    case TaskInputContent::Need::kFetched:
      return InputContent::Need::kFetched;
    case TaskInputContent::Need::kPresent:
      return InputContent::Need::kPresent;
    case TaskInputContent::Need::kPresumed:
      return InputContent::Need::kPresumed;
  }
  return InputContent::Need::kPresumed;
}

// A task may put out what it was given, by its path. What was fetched for the attempt goes with it, so what
// is kept is the URI that it was fetched from.
absl::Status RestoreFetched(const RunSnapshot& run, int task, const TaskPaths& paths,
                            const ArtifactPathMap& map, TaskOutputs* outputs) {
  const std::string fetched_dir = absl::StrCat(paths.work_dir, "/inputs/");
  std::map<std::string, std::string> uri_of;
  for (auto& [name, artifacts] : outputs->artifacts) {
    for (ArtifactRecord& artifact : artifacts) {
      if (!absl::StartsWith(artifact.uri, fetched_dir)) continue;
      if (uri_of.empty()) {
        ASSIGN_OR_RETURN(TaskInputs inputs, InputsOf(run, task));
        for (TaskInputContent& content :
             PlanInputContent(PlannedOf(run, task).executor->container(), paths, map, &inputs)) {
          uri_of[content.path] = std::move(content.uri);
        }
      }
      const auto uri = uri_of.find(artifact.uri);
      if (uri == uri_of.end()) continue;
      artifact.uri = uri->second;
      artifact.imported = true;  // who reads it has it fetched again
    }
  }
  return absl::OkStatus();
}

// Of this attempt, of what does not depend on what it runs.
LaunchSpec SpecOf(const Places& places, const RunSnapshot& run, int task, int attempt_number,
                  absl::string_view attempt_id, absl::string_view log_path) {
  LaunchSpec spec;
  spec.attempt_id = std::string(attempt_id);
  spec.run_id = run.run_id;
  spec.task_id = run.tasks[task].task_id;
  spec.task_name = PlannedOf(run, task).name;
  spec.attempt_number = attempt_number;
  spec.work_dir = PathsOf(places, run, task, attempt_id).work_dir;
  spec.log_path = absl::StrCat(places.data_dir, "/", log_path);
  spec.shared_dir = run.facts.workspace_path;
  return spec;
}

// What an importer puts out that brings the content to the workspace: where no other import puts it.
absl::StatusOr<TaskOutputs> WorkspaceOutputs(const RunSnapshot& run, int task, const TaskInputs& inputs) {
  const PlannedTask& planned = PlannedOf(run, task);
  ASSIGN_OR_RETURN(TaskOutputs outputs, ImportedOutputs(planned.executor->importer(), *planned.component,
                                                        inputs, FactsOf(run, task)));
  if (run.facts.workspace_path.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("task '", planned.name,
                     "' is to bring its artifact to the workspace, and the run has none: set "
                     "dsl.PipelineConfig(workspace=dsl.WorkspaceConfig(size=...))"));
  }
  ArtifactRecord& artifact = outputs.artifacts.begin()->second.front();
  artifact.custom_path = absl::StrCat(run.facts.workspace_path, "/.artifacts/", run.tasks[task].task_id, "/",
                                      ContentFileName(artifact.uri));
  return outputs;
}

// An importer with an attempt, which does nothing but bring the content.
absl::StatusOr<TaskLaunchPlan> PlanImportLaunch(const Places& places, const RunSnapshot& run, int task,
                                                int attempt_number, absl::string_view attempt_id) {
  TaskLaunchPlan plan;
  ASSIGN_OR_RETURN(plan.inputs, InputsOf(run, task));
  ASSIGN_OR_RETURN(const TaskOutputs outputs, WorkspaceOutputs(run, task, plan.inputs));
  const auto& [name, artifacts] = *outputs.artifacts.begin();
  ArtifactRecord source = artifacts.front();
  source.custom_path.reset();
  plan.log_path = LogPath(run, task, attempt_number);
  plan.spec = SpecOf(places, run, task, attempt_number, attempt_id, plan.log_path);
  plan.spec.argv = {"true"};
  plan.spec.inputs = {{name, TaskUri(places.artifacts, source), *artifacts.front().custom_path,
                       InputContent::Need::kFetched}};
  return plan;
}

}  // namespace

Places Places::Of(absl::string_view data_dir) {
  return {std::string(data_dir),
          {std::string(kArtifactUriPrefix), absl::StrCat(data_dir, "/artifacts")},
          absl::StrCat(data_dir, "/workspaces")};
}

std::string Places::WorkspaceOf(absl::string_view run_id) const {
  return absl::StrCat(workspaces, "/", PathComponent(run_id));
}

absl::StatusOr<TaskLaunchPlan> PlanTaskLaunch(const Places& places, const RunSnapshot& run, int task,
                                              int attempt_number, absl::string_view attempt_id) {
  const PlannedTask& planned = PlannedOf(run, task);
  if (planned.executor->has_importer()) {
    return PlanImportLaunch(places, run, task, attempt_number, attempt_id);
  }
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
  LaunchSpec& spec = plan.spec = SpecOf(places, run, task, attempt_number, attempt_id, plan.log_path);
  spec.image = std::move(launch.image);
  spec.argv = std::move(launch.argv);
  spec.env = std::move(launch.env);
  if (RetryPolicyOf(run, task) != nullptr) {
    spec.env.emplace_back(kRetryIndex, absl::StrCat(attempt_number - 1 - run.tasks[task].attempts_before));
  }
  spec.directories = std::move(launch.directories);
  spec.executor_output_path = std::move(launch.executor_output_path);
  for (auto& [name, path] : launch.parameter_files) spec.parameter_files.push_back({name, path});
  for (TaskInputContent& content : launch.contents) {
    spec.inputs.push_back(
        {std::move(content.input), std::move(content.uri), std::move(content.path), ToNeed(content.need)});
  }
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
  if (planned.executor->has_importer()) {
    ASSIGN_OR_RETURN(const TaskInputs inputs, InputsOf(run, task));
    return WorkspaceOutputs(run, task, inputs);
  }
  const TaskPaths paths = PathsOf(places, run, task, attempt_id);
  ASSIGN_OR_RETURN(TaskOutputs outputs,
                   CollectOutputs(*planned.component, planned.name, paths, places.artifacts,
                                  left.executor_output, left.parameter_files));
  RETURN_IF_ERROR(RestoreFetched(run, task, paths, places.artifacts, &outputs));
  return outputs;
}

bool IsImport(const RunSnapshot& run, int task) {
  if (!HasAttempts(run, task)) return false;
  const auto& executor = *PlannedOf(run, task).executor;
  return executor.has_importer() && !executor.importer().download_to_workspace();
}

absl::StatusOr<TaskImportPlan> PlanTaskImport(const RunSnapshot& run, int task) {
  const PlannedTask& planned = PlannedOf(run, task);
  TaskImportPlan plan;
  ASSIGN_OR_RETURN(plan.inputs, InputsOf(run, task));
  ASSIGN_OR_RETURN(plan.outputs, ImportedOutputs(planned.executor->importer(), *planned.component,
                                                 plan.inputs, FactsOf(run, task)));
  return plan;
}

}  // namespace penstock
