#include "scheduler/task_launch.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "pipeline/spec/volume_components.h"
#include "scheduler/plan/platform_settings.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/collect_outputs.h"
#include "scheduler/plan/values/import_artifact.h"
#include "scheduler/plan/values/input_content.h"
#include "scheduler/plan/values/launch.h"

namespace penstock {
namespace {

// Which attempt it is, from 0, for the program of a task that is tried again; as in KFP.
constexpr char kRetryIndex[] = "KFP_RETRY_INDEX";

// Where the artifacts of a run's attempt go, and the directory in which the attempt leaves them: what goes to an object
// store is uploaded from the work directory.
UriMount OutputsOf(const TaskWorld& world, const RunSnapshot& run, absl::string_view work_dir) {
  if (run.facts.has_default_root) return world.artifacts;
  const std::string& root = run.facts.pipeline_root;
  if (auto path = PathOfFileUri(root)) return {root, *std::move(path)};
  return IsObjectUri(root) ? UriMount{root, absl::StrCat(work_dir, "/artifacts")} : world.artifacts;
}

TaskPaths PathsOf(const TaskWorld& world, const RunSnapshot& run, int task, absl::string_view attempt_id) {
  const std::string work_dir = world.WorkDirOf(run.run_id, attempt_id);
  return MakeTaskPaths(OutputsOf(world, run, work_dir), run.plan->pipeline_name(), run.run_id,
                       PlannedOf(run, task).name, attempt_id, work_dir);
}

// The facts as a task on that executor sees them.
RunFacts FactsIn(const TaskWorld& world, const RunSnapshot& run, int task) {
  RunFacts facts = FactsOf(run, task);
  if (facts.has_default_root) facts.pipeline_root = world.artifacts.directory;
  if (!facts.workspace_path.empty()) facts.workspace_path = world.WorkspaceOf(run.run_id);
  return facts;
}

// Only the names of the root's tasks are unique in a run.
std::string LogUri(const TaskWorld& world, const RunSnapshot& run, int task, int attempt_number) {
  std::string name = PathComponent(PlannedOf(run, task).name);
  if (ParentOf(run, task) >= 0) absl::StrAppend(&name, "-", run.tasks[task].task_id);
  return absl::StrCat(world.logs_uri, "/", PathComponent(run.run_id), "/", name, "-", attempt_number, ".log");
}

InputContent::Need ToNeed(TaskInputContent::Need need) {
  switch (need) {
    case TaskInputContent::Need::kFetched:
      return InputContent::Need::kFetched;
    case TaskInputContent::Need::kWanted:
      return InputContent::Need::kWanted;
    case TaskInputContent::Need::kPresent:
      return InputContent::Need::kPresent;
    case TaskInputContent::Need::kPresumed:
      return InputContent::Need::kPresumed;
  }
  return InputContent::Need::kPresumed;
}

// A task may put out what it was given, by its path. What was fetched for the attempt goes with it, so what
// is kept is the URI that it was fetched from.
absl::Status RestoreFetched(const PlannedTask& planned, const TaskPaths& paths, const TaskWorld& world,
                            InputsSource inputs_source, TaskOutputs* outputs) {
  const std::string fetched_dir = absl::StrCat(paths.work_dir, "/inputs/");
  std::map<std::string, std::string> uri_of;
  for (auto& [name, list] : outputs->artifacts) {
    for (ArtifactRecord& artifact : list) {
      if (!absl::StartsWith(artifact.uri, fetched_dir)) continue;
      if (uri_of.empty()) {
        ASSIGN_OR_RETURN(const auto inputs, inputs_source());
        TaskInputs placed = *inputs;
        for (TaskInputContent& content : PlanInputContent(planned.executor->container(), paths,
                                                          world.artifacts, world.brought, &placed)) {
          uri_of[content.path] = std::move(content.uri);
        }
      }
      const auto uri = uri_of.find(artifact.uri);
      if (uri == uri_of.end()) continue;
      artifact.uri = uri->second;
      artifact.imported =
          !IsObjectUri(artifact.uri);  // who reads it has it fetched again; of objects in any case
    }
  }
  return absl::OkStatus();
}

// KFP's WorkspaceConfig.
std::string WorkspaceVolumeOf(const PipelineDocument& document) {
  Json out = Json::object();
  for (const auto& [platform, config] : document.platform->platforms()) {
    const auto& workspace = config.pipelineconfig().workspace();
    if (!workspace.size().empty()) out["size"] = workspace.size();
    const auto patch = JsonFromStruct(workspace.kubernetes().pvc_spec_patch());
    if (patch.ok() && !patch->empty()) out["kubernetes"]["pvcSpecPatch"] = *patch;
  }
  return DumpJson(out);
}

// Of this attempt, of what does not depend on what it runs.
LaunchSpec SpecOf(const TaskWorld& world, const RunSnapshot& run, int task, int attempt_number,
                  absl::string_view attempt_id) {
  LaunchSpec spec;
  spec.attempt_id = std::string(attempt_id);
  spec.run_id = run.run_id;
  spec.task_id = run.tasks[task].task_id;
  spec.task_name = PlannedOf(run, task).name;
  spec.attempt_number = attempt_number;
  spec.work_dir = world.WorkDirOf(run.run_id, attempt_id);
  spec.log_uri = LogUri(world, run, task, attempt_number);
  spec.namespace_ = run.namespace_;
  spec.service_account = run.service_account;
  if (!run.facts.workspace_path.empty()) {
    spec.workspace = world.WorkspaceOf(run.run_id);
    if (world.mounts_workspace) spec.workspace_volume = WorkspaceVolumeOf(run.plan->document());
  }
  if (IsObjectUri(run.facts.pipeline_root)) {
    spec.log_copy_uri = LogCopyUri(run.facts.pipeline_root, spec.log_uri);
  }
  return spec;
}

// What of an attempt's artifacts is to be uploaded, and whatever lies beside them.
std::optional<ContentUpload> UploadOf(const TaskPaths& paths, const RunSnapshot& run,
                                      const ArtifactMap& artifacts) {
  if (artifacts.empty() || !IsObjectUri(paths.artifact_uri_prefix)) return std::nullopt;
  return ContentUpload{paths.artifact_dir, paths.artifact_uri_prefix, run.facts.pipeline_root};
}

// What was uploaded from outside of the directory of artifacts lies in the store now, and at no path.
void PlaceUploaded(const std::map<std::string, std::string>& uploaded, TaskOutputs* outputs) {
  if (uploaded.empty()) return;
  for (auto& [name, list] : outputs->artifacts) {
    for (ArtifactRecord& artifact : list) {
      const auto found = uploaded.find(artifact.custom_path.value_or(""));
      if (found == uploaded.end()) continue;
      artifact.uri = found->second;
      artifact.custom_path.reset();
    }
  }
}

// What an importer puts out that brings the content to the workspace: where no other import puts it.
absl::StatusOr<TaskOutputs> WorkspaceOutputs(const TaskWorld& world, const RunSnapshot& run, int task,
                                             const TaskInputs& inputs) {
  const PlannedTask& planned = PlannedOf(run, task);
  const RunFacts facts = FactsIn(world, run, task);
  ASSIGN_OR_RETURN(TaskOutputs outputs,
                   ImportedOutputs(planned.executor->importer(), *planned.component, inputs, facts));
  if (facts.workspace_path.empty()) return error::ImportWithoutWorkspace(planned.name);
  ArtifactRecord& artifact = outputs.artifacts.begin()->second.front();
  artifact.custom_path = absl::StrCat(facts.workspace_path, "/.artifacts/", run.tasks[task].task_id, "/",
                                      ContentFileName(artifact.uri));
  return outputs;
}

// An importer with an attempt, which does nothing but bring the content.
absl::StatusOr<TaskLaunchPlan> PlanImportLaunch(const TaskWorld& world, const RunSnapshot& run, int task,
                                                std::shared_ptr<const TaskInputs> inputs, int attempt_number,
                                                absl::string_view attempt_id) {
  TaskLaunchPlan plan;
  plan.inputs = std::move(inputs);
  ASSIGN_OR_RETURN(const TaskOutputs outputs, WorkspaceOutputs(world, run, task, *plan.inputs));
  const auto& [name, artifacts] = *outputs.artifacts.begin();
  ArtifactRecord source = artifacts.front();
  source.custom_path.reset();
  plan.spec = SpecOf(world, run, task, attempt_number, attempt_id);
  plan.spec.argv = {"true"};
  plan.spec.inputs = {{name, TaskUri(world.artifacts, source), *artifacts.front().custom_path,
                       InputContent::Need::kFetched, /*sha256=*/""}};
  return plan;
}

// The time-out that kfp-kubernetes gives a task (set_timeout): int64, hence text in JSON; zero is none.
absl::Duration TimeoutOf(const PlannedTask& planned) {
  const auto settings = planned.platforms.find("kubernetes");
  if (settings == planned.platforms.end()) return absl::InfiniteDuration();
  const auto& fields = settings->second->fields();
  const auto given = fields.find("activeDeadlineSeconds");
  if (given == fields.end()) return absl::InfiniteDuration();
  int64_t seconds = 0;
  if (given->second.has_number_value()) {
    seconds = static_cast<int64_t>(std::clamp(given->second.number_value(), 0.0, 1e15));
  } else if (!absl::SimpleAtoi(given->second.string_value(), &seconds)) {
    seconds = 0;
  }
  return seconds > 0 ? absl::Seconds(seconds) : absl::InfiniteDuration();
}

// What the executor may heed of the machine and the platform that the task asks for.
absl::Status SetSurroundings(const RunSnapshot& run, int task, const TaskResources& resources,
                             LaunchSpec& spec) {
  const PlannedTask& planned = PlannedOf(run, task);
  spec.resources = {resources.cpu_request_millicores, resources.memory_request_bytes};
  spec.limits = {resources.cpu_limit_millicores, resources.memory_limit_bytes};
  if (resources.accelerator_count > 0) {
    spec.accelerators = {{resources.accelerator_type, resources.accelerator_count}};
  }
  for (const auto& [platform, settings] : planned.platforms) {
    ASSIGN_OR_RETURN(const Json json, ResolvedSettings(run, task, *settings));
    spec.platforms[platform] = DumpJson(json);
  }
  spec.timeout = TimeoutOf(planned);
  return absl::OkStatus();
}

VolumeRequest VolumeOf(absl::string_view image, const TaskInputs& inputs) {
  Json given = Json::object();
  for (const auto& [name, value] : inputs.parameters) {
    // An omitted argument is not the component's default: that is for the platform to choose.
    if (!inputs.defaulted.contains(name) && !value.is_null()) given[name] = value;
  }
  return {image == kDeleteVolumeImage, DumpJson(given)};
}

// That the task needs nothing of the server's disk, which it does not see.
absl::Status CheckReachable(const RunSnapshot& run, const PlannedTask& planned, const LaunchSpec& spec,
                            const TaskInputs& inputs) {
  if (!spec.artifacts.empty() && !spec.upload.has_value()) {
    return error::ArtifactsUnreachable(planned.name,
                                       run.facts.has_default_root ? "" : run.facts.pipeline_root);
  }
  for (const auto& [name, list] : inputs.artifacts) {
    for (const ArtifactRecord& artifact : list) {
      if (IsBelowUri(artifact.uri, kArtifactsUri) || PathOfFileUri(artifact.uri).has_value()) {
        return error::InputUnreachable(planned.name, name, artifact.uri);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TaskLaunchPlan> PlanTaskLaunch(const TaskWorld& world, const RunSnapshot& run, int task,
                                              std::shared_ptr<const TaskInputs> inputs, int attempt_number,
                                              absl::string_view attempt_id) {
  const PlannedTask& planned = PlannedOf(run, task);
  if (planned.executor->has_importer()) {
    return PlanImportLaunch(world, run, task, std::move(inputs), attempt_number, attempt_id);
  }
  TaskLaunchPlan plan;
  plan.inputs = std::move(inputs);
  const TaskPaths paths = PathsOf(world, run, task, attempt_id);
  ASSIGN_OR_RETURN(TaskLaunch launch,
                   BuildLaunch(planned.executor->container(), *planned.component, *plan.inputs, paths,
                               world.artifacts, world.brought, FactsIn(world, run, task)));
  const bool is_volume = world.makes_volumes && IsVolumeImage(launch.image);
  if (launch.command_size == 0 && !world.runs_entry_points && !is_volume) {
    return error::TaskWithoutCommand(planned.name);
  }
  LaunchSpec& spec = plan.spec = SpecOf(world, run, task, attempt_number, attempt_id);
  if (is_volume) spec.volume = VolumeOf(launch.image, *plan.inputs);
  spec.image = std::move(launch.image);
  spec.argv = std::move(launch.argv);
  plan.marks = std::move(launch.marks);
  spec.env = std::move(launch.env);
  plan.variables = spec.env.size();
  if (RetryPolicyOf(run, task) != nullptr) {
    spec.env.emplace_back(kRetryIndex, absl::StrCat(attempt_number - 1 - run.tasks[task].attempts_before));
  }
  spec.directories = std::move(launch.directories);
  spec.executor_output_path = std::move(launch.executor_output_path);
  for (auto& [name, path] : launch.parameter_files) spec.parameter_files.push_back({name, path});
  for (TaskInputContent& content : launch.contents) {
    spec.inputs.push_back({std::move(content.input), std::move(content.uri), std::move(content.path),
                           ToNeed(content.need), std::move(content.sha256)});
  }
  for (const auto& [name, list] : launch.output_artifacts) {
    spec.artifacts.push_back({name, list.front().uri, TaskPath(world.artifacts, list.front())});
  }
  spec.upload = UploadOf(paths, run, launch.output_artifacts);
  spec.constraints = PinsOf(run, task);
  RETURN_IF_ERROR(SetSurroundings(run, task, launch.resources, spec));
  if (!world.sees_server_disk) RETURN_IF_ERROR(CheckReachable(run, planned, spec, *plan.inputs));
  return plan;
}

absl::StatusOr<TaskOutputs> TaskOutputsOf(const TaskWorld& world, const RunSnapshot& run, int task,
                                          InputsSource inputs_source, absl::string_view attempt_id,
                                          const AttemptOutputs& left) {
  RETURN_IF_ERROR(left.status);
  const PlannedTask& planned = PlannedOf(run, task);
  if (planned.executor->has_importer()) {
    ASSIGN_OR_RETURN(const auto inputs, inputs_source());
    return WorkspaceOutputs(world, run, task, *inputs);
  }
  const TaskPaths paths = PathsOf(world, run, task, attempt_id);
  ASSIGN_OR_RETURN(TaskOutputs outputs,
                   CollectOutputs(*planned.component, planned.name, paths, world.artifacts,
                                  left.executor_output, left.parameter_files));
  PlaceUploaded(left.uploaded, &outputs);
  RETURN_IF_ERROR(RestoreFetched(planned, paths, world, inputs_source, &outputs));
  return outputs;
}

bool IsImport(const RunSnapshot& run, int task) {
  if (!HasAttempts(run, task)) return false;
  const auto& executor = *PlannedOf(run, task).executor;
  return executor.has_importer() && !executor.importer().download_to_workspace();
}

absl::StatusOr<TaskOutputs> PlanTaskImport(const RunSnapshot& run, int task, const TaskInputs& inputs) {
  const PlannedTask& planned = PlannedOf(run, task);
  return ImportedOutputs(planned.executor->importer(), *planned.component, inputs, FactsOf(run, task));
}

}  // namespace penstock
