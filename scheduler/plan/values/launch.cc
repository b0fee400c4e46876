#include "scheduler/plan/values/launch.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "scheduler/plan/values/executor_input.h"
#include "scheduler/plan/values/placeholders.h"
#include "scheduler/plan/values/quantity.h"
#include "scheduler/plan/values/task_config.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentSpec;
using ml_pipelines::PipelineDeploymentConfig;
using ContainerSpec = PipelineDeploymentConfig::PipelineContainerSpec;
using ResourceSpec = ContainerSpec::ResourceSpec;
using Env = std::vector<std::pair<std::string, std::string>>;

// The error with the place in front of it.
absl::Status At(absl::string_view place, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat(place, ": ", status.message()));
}

// --- Inputs that only the launch can fill ---

// {{$.outputs...}} first, because {{$}} shows them; a {{$}} inside {{$}} stays as it is written.
absl::StatusOr<TaskInputs> FillLaunchPlaceholders(const TaskInputs& inputs,
                                                  const PlaceholderSources& sources) {
  TaskInputs out = inputs;
  std::vector<std::pair<std::string, Placeholder>> whole_inputs;
  for (const std::string& name : inputs.launch_placeholders) {
    const auto it = out.parameters.find(name);
    if (it == out.parameters.end() || !it->second.is_string()) continue;
    const std::optional<Placeholder> placeholder =
        ParseWholePlaceholder(it->second.get_ref<const std::string&>());
    if (!placeholder.has_value()) continue;
    if (placeholder->steps.empty()) {
      whole_inputs.emplace_back(name, *placeholder);
      continue;
    }
    absl::StatusOr<std::string> text = PlaceholderText(*placeholder, sources);
    if (!text.ok()) return At(absl::StrCat("input ", QuoteForMessage(name)), text.status());
    it->second = JsonEscape(*text, placeholder->json_escape, limits::kArgumentBytes);
  }
  if (!whole_inputs.empty()) {
    const std::string executor_input =
        DumpJson(BuildExecutorInput(sources.component, out, sources.paths, sources.map));
    for (const auto& [name, placeholder] : whole_inputs) {
      out.parameters[name] = JsonEscape(executor_input, placeholder.json_escape, limits::kArgumentBytes);
    }
  }
  return out;
}

// --- Command line and environment ---

// Counts what the program is started with, as it grows: a short template may stand for very much.
class ArgumentBudget {
 public:
  // Another argument, or "NAME=value". Linux counts the zero at the end of each.
  absl::Status Add(absl::string_view text) {
    const int64_t bytes = static_cast<int64_t>(text.size()) + 1;
    total_ += bytes;
    if (absl::StrContains(text, '\0')) {
      return absl::InvalidArgumentError("it holds a zero byte, which no program can receive");
    }
    if (bytes > limits::kArgumentBytes) {
      return absl::InvalidArgumentError(absl::StrCat("it has ", text.size(), " bytes; the bound is ",
                                                     limits::kArgumentBytes - 1,
                                                     " (kArgumentBytes). Pass large data as an artifact"));
    }
    if (total_ > limits::kArgumentsBytes) {
      return absl::InvalidArgumentError(
          absl::StrCat("up to here arguments and environment have more than ", limits::kArgumentsBytes,
                       " bytes (the bound kArgumentsBytes). Pass large data as an artifact"));
    }
    return absl::OkStatus();
  }

 private:
  int64_t total_ = 0;
};

// The error, with the input that makes the argument `text` long.
absl::Status NamingLargeInput(const absl::Status& status, absl::string_view text,
                              const PlaceholderSources& sources) {
  std::string named;
  size_t most = static_cast<size_t>(limits::kArgumentBytes) / 2;
  for (const auto& [name, value] : sources.inputs.parameters) {
    if (!absl::StrContains(text, absl::StrCat("parameters['", name, "']"))) continue;
    const size_t size = JsonText(value).size();
    if (size <= most) continue;
    most = size;
    named = absl::StrCat(". Its input ", QuoteForMessage(name), " has ", size,
                         " bytes: pass it as an artifact, which the program reads from a file");
  }
  return absl::Status(status.code(), absl::StrCat(status.message(), named));
}

// The one argument that is not bound by what a system starts a program with: the executor hands a Python
// component its {{$}} in a file if it is too long.
bool IsExecutorInput(const google::protobuf::RepeatedPtrField<std::string>& texts, int i) {
  return i > 0 && texts[i - 1] == "--executor_input" && texts[i] == "{{$}}";
}

absl::Status CheckExecutorInput(absl::string_view text) {
  const int64_t bytes = static_cast<int64_t>(text.size());
  return bytes <= limits::kExecutorInputBytes
             ? absl::OkStatus()
             : absl::InvalidArgumentError(absl::StrCat(
                   "the inputs have ", bytes, " bytes; the bound is ", limits::kExecutorInputBytes,
                   " (kExecutorInputBytes). Pass large data as an artifact"));
}

absl::Status AppendArguments(const google::protobuf::RepeatedPtrField<std::string>& texts,
                             absl::string_view field, int python_source, const PlaceholderSources& sources,
                             ArgumentBudget* budget, TaskLaunch* launch) {
  std::vector<std::string>& argv = launch->argv;
  for (int i = 0; i < texts.size(); ++i) {
    const std::string place = absl::StrCat(field, "[", i, "]");
    absl::StatusOr<std::vector<std::string>> resolved = std::vector<std::string>{texts[i]};
    if (IsExecutorInput(texts, i)) {
      RETURN_IF_ERROR(CheckExecutorInput(sources.executor_input));
      launch->marks.executor_inputs.push_back(static_cast<int>(argv.size()));
      argv.emplace_back(sources.executor_input);
      continue;
    }
    if (i != python_source) resolved = ResolveArgument(texts[i], sources);
    if (!resolved.ok()) return At(place, NamingLargeInput(resolved.status(), texts[i], sources));
    for (std::string& text : *resolved) {
      const absl::Status status = budget->Add(text);
      if (!status.ok()) return At(place, NamingLargeInput(status, texts[i], sources));
      const int position = static_cast<int>(argv.size());
      if (texts[i] == "{{$}}") {
        launch->marks.executor_inputs.push_back(position);
      } else if (text != texts[i]) {
        launch->marks.filled.push_back(position);
      }
      argv.push_back(std::move(text));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Env> BuildEnv(const ContainerSpec& container, ArgumentBudget* budget) {
  Env env;
  std::map<std::string, std::string> values;
  for (const auto& variable : container.env()) {
    const std::string place = absl::StrCat("environment variable ", QuoteForMessage(variable.name()));
    if (variable.name().empty() || absl::StrContains(variable.name(), '=')) {
      return absl::InvalidArgumentError(absl::StrCat(place, ": not a possible name"));
    }
    std::string value = ExpandEnv(variable.value(), values, limits::kArgumentBytes);
    if (absl::Status status = budget->Add(absl::StrCat(variable.name(), "=", value)); !status.ok()) {
      return At(place, status);
    }
    if (values.count(variable.name()) == 0) env.emplace_back(variable.name(), "");
    values[variable.name()] = std::move(value);
  }
  for (auto& [name, value] : env) value = std::move(values[name]);
  return env;
}

// --- Resources ---

// The text field, resolved; else the deprecated number.
absl::StatusOr<std::string> ResourceText(absl::string_view field, const std::string& text, double deprecated,
                                         absl::string_view unit, const PlaceholderSources& sources) {
  if (!text.empty()) {
    absl::StatusOr<std::string> resolved = ResolveText(text, sources);
    if (!resolved.ok()) return At(absl::StrCat("resources.", field), resolved.status());
    return resolved;
  }
  if (deprecated == 0) return std::string();
  return absl::StrCat(NumberText(deprecated), unit);
}

struct ResourceField {
  absl::string_view name;
  const std::string& text;
  double deprecated;
  absl::string_view unit;  // of the deprecated number
  int64_t scale;
  int64_t* out;
  const char* side;  // in a pod, with the key below
  const char* key;
};

absl::StatusOr<TaskResources> BuildResources(const ResourceSpec& spec, const PlaceholderSources& sources) {
  TaskResources out;
  const ResourceField fields[] = {
      {"resourceCpuRequest", spec.resource_cpu_request(), spec.cpu_request(), "", 1000,
       &out.cpu_request_millicores, "requests", "cpu"},
      {"resourceCpuLimit", spec.resource_cpu_limit(), spec.cpu_limit(), "", 1000, &out.cpu_limit_millicores,
       "limits", "cpu"},
      {"resourceMemoryRequest", spec.resource_memory_request(), spec.memory_request(), "G", 1,
       &out.memory_request_bytes, "requests", "memory"},
      {"resourceMemoryLimit", spec.resource_memory_limit(), spec.memory_limit(), "G", 1,
       &out.memory_limit_bytes, "limits", "memory"},
  };
  for (const ResourceField& field : fields) {
    ASSIGN_OR_RETURN(const std::string text,
                     ResourceText(field.name, field.text, field.deprecated, field.unit, sources));
    if (text.empty()) continue;
    const absl::StatusOr<int64_t> quantity = ParseQuantity(text, field.scale);
    if (!quantity.ok()) return At(absl::StrCat("resources.", field.name), quantity.status());
    *field.out = *quantity;
    out.pod[field.side][field.key] = text;
  }
  if (out.cpu_request_millicores == 0) out.cpu_request_millicores = out.cpu_limit_millicores;
  if (out.memory_request_bytes == 0) out.memory_request_bytes = out.memory_limit_bytes;

  const ResourceSpec::AcceleratorConfig& accelerator = spec.accelerator();
  ASSIGN_OR_RETURN(
      out.accelerator_type,
      ResourceText("accelerator.resourceType",
                   accelerator.resource_type().empty() ? accelerator.type() : accelerator.resource_type(), 0,
                   "", sources));
  ASSIGN_OR_RETURN(const std::string count,
                   ResourceText("accelerator.resourceCount", accelerator.resource_count(),
                                static_cast<double>(accelerator.count()), "", sources));
  if (!out.accelerator_type.empty() && !count.empty()) {
    const absl::StatusOr<int64_t> quantity = ParseQuantity(count, 1);
    if (!quantity.ok()) return At("resources.accelerator.resourceCount", quantity.status());
    out.accelerator_count = *quantity;
    out.pod["limits"][out.accelerator_type] = count;
  }
  return out;
}

// --- Outputs ---

void AddOutputs(const ComponentSpec& component, const TaskPaths& paths, TaskLaunch* launch) {
  launch->output_artifacts = DeclaredOutputArtifacts(component, paths);
  launch->executor_output_path = ExecutorOutputPath(component, paths);
  for (const auto& [name, spec] : component.output_definitions().parameters()) {
    launch->parameter_files.emplace_back(name, ParameterFilePath(paths, name));
  }
  std::sort(launch->parameter_files.begin(), launch->parameter_files.end());
  launch->directories.push_back(paths.work_dir);
  if (!launch->parameter_files.empty()) launch->directories.push_back(paths.parameter_dir);
  if (!launch->output_artifacts.empty()) launch->directories.push_back(paths.artifact_dir);
}

// Fills in what only the engine gives: the inputs of type TASK_CONFIG. Takes away what is passed on and not
// the task's own.
void ApplyTaskConfig(const ComponentSpec& component, TaskLaunch* launch, TaskInputs* inputs) {
  for (const auto& [name, declared] : component.input_definitions().parameters()) {
    if (declared.parameter_type() == ml_pipelines::ParameterType::TASK_CONFIG) {
      inputs->parameters[name] = TaskConfigValue(component, launch->env, launch->resources.pod);
    }
  }
  if (!AppliesToTask(component, ml_pipelines::TaskConfigPassthroughType::ENV)) launch->env.clear();
  if (!AppliesToTask(component, ml_pipelines::TaskConfigPassthroughType::RESOURCES)) launch->resources = {};
}

// `sources.inputs` are `inputs`.
absl::StatusOr<TaskLaunch> Build(const ContainerSpec& container, TaskInputs& inputs,
                                 PlaceholderSources sources) {
  TaskLaunch launch;
  AddOutputs(sources.component, sources.paths, &launch);
  ArgumentBudget budget;
  ASSIGN_OR_RETURN(launch.env, BuildEnv(container, &budget));
  ASSIGN_OR_RETURN(launch.resources, BuildResources(container.resources(), sources));
  ApplyTaskConfig(sources.component, &launch, &inputs);
  launch.executor_input = DumpJson(BuildExecutorInput(sources.component, inputs, sources.paths, sources.map));
  sources.executor_input = launch.executor_input;

  absl::StatusOr<std::string> image = ResolveText(container.image(), sources);
  if (!image.ok()) return At("image", image.status());
  launch.image = *std::move(image);
  const std::vector<absl::string_view> command(container.command().begin(), container.command().end());
  RETURN_IF_ERROR(
      AppendArguments(container.command(), "command", PythonSourceIndex(command), sources, &budget, &launch));
  launch.command_size = launch.argv.size();
  RETURN_IF_ERROR(AppendArguments(container.args(), "args", -1, sources, &budget, &launch));
  return launch;
}

}  // namespace

std::string ExpandEnv(absl::string_view text, const std::map<std::string, std::string>& variables,
                      int64_t max_bytes) {
  std::string out;
  size_t at = 0;
  size_t close = 0;  // the first ')' at or after `at`, once it is looked for
  while (at < text.size() && static_cast<int64_t>(out.size()) <= max_bytes) {
    if (text[at] != '$' || at + 1 == text.size()) {
      out.push_back(text[at++]);
      continue;
    }
    if (text[at + 1] == '$') {
      out.push_back('$');
      at += 2;
      continue;
    }
    if (close <= at) close = std::min(text.find(')', at), text.size());
    if (text[at + 1] != '(' || close == text.size()) {
      out.push_back(text[at++]);
      continue;
    }
    const auto known = variables.find(std::string(text.substr(at + 2, close - at - 2)));
    const absl::string_view value =
        known == variables.end() ? text.substr(at, close + 1 - at) : absl::string_view(known->second);
    out.append(value.data(), value.size());
    at = close + 1;
  }
  return out;
}

absl::StatusOr<TaskLaunch> BuildLaunch(const ContainerSpec& container, const ComponentSpec& component,
                                       const TaskInputs& inputs, const TaskPaths& paths, const UriMount& map,
                                       const std::vector<std::string>& brought, const RunFacts& facts) {
  const std::string place = absl::StrCat("task ", QuoteForMessage(facts.task_name));
  TaskInputs placed = inputs;
  std::vector<TaskInputContent> contents = PlanInputContent(container, paths, map, brought, &placed);
  absl::StatusOr<TaskInputs> filled =
      FillLaunchPlaceholders(placed, {component, placed, paths, map, facts, /*executor_input=*/""});
  if (!filled.ok()) return At(place, filled.status());
  absl::StatusOr<TaskLaunch> launch =
      Build(container, *filled, {component, *filled, paths, map, facts, /*executor_input=*/""});
  if (!launch.ok()) return At(place, launch.status());
  launch->contents = std::move(contents);
  return launch;
}

}  // namespace penstock
