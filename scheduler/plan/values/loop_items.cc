#include "scheduler/plan/values/loop_items.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"
#include "scheduler/plan/values/constant.h"
#include "scheduler/plan/values/parameter_type.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentSpec;
using ml_pipelines::ParameterType;
using ml_pipelines::PipelineTaskSpec;

absl::Status Error(const RunFacts& facts, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("task ", QuoteForMessage(facts.task_name), ", the items of the loop: ", what));
}

absl::Status NoList(const RunFacts& facts, const Json& found) {
  return Error(facts, absl::StrCat("a loop goes over a list, or the JSON text of one; found ",
                                   JsonKindName(found), ": ", JsonExcerpt(found)));
}

ParameterTypeEnum ItemType(const PipelineTaskSpec& task, const ComponentSpec& component) {
  const auto& declared = component.input_definitions().parameters();
  const auto it = declared.find(task.parameter_iterator().item_input());
  return it == declared.end() ? ParameterType::STRING : DeclaredType(it->second);
}

absl::StatusOr<Json> RawItems(const PipelineTaskSpec& task, const ComponentSpec& component,
                              const TaskInputs& inputs, const RunFacts& facts) {
  absl::StatusOr<Json> items = ParseJson(task.parameter_iterator().items().raw());
  if (!items.ok()) return Error(facts, items.status().message());
  if (!items->is_array()) return NoList(facts, *items);
  const bool native = ItemType(task, component) != ParameterType::STRING;
  const auto input = [&](const std::string& name) -> absl::StatusOr<Json> {
    const auto it = inputs.parameters.find(name);
    if (it != inputs.parameters.end()) return it->second;
    return absl::InvalidArgumentError(
        absl::StrCat("they refer to the input ", QuoteForMessage(name), ", which the task does not have"));
  };
  for (Json& item : *items) {
    if (!HasPlaceholder(item)) continue;
    absl::StatusOr<Json> resolved = ResolveConstant(item, native, facts, input);
    if (!resolved.ok()) return Error(facts, resolved.status().message());
    item = *std::move(resolved);
  }
  return items;
}

absl::StatusOr<Json> InputItems(const PipelineTaskSpec& task, const TaskInputs& inputs,
                                const RunFacts& facts) {
  const std::string& name = task.parameter_iterator().items().input_parameter();
  const auto it = inputs.parameters.find(name);
  if (it == inputs.parameters.end()) {
    return Error(facts, absl::StrCat("the input ", QuoteForMessage(name), " has no value"));
  }
  if (it->second.is_array()) return it->second;
  if (it->second.is_string()) {
    absl::StatusOr<Json> items = ParseJson(it->second.get_ref<const std::string&>());
    if (items.ok() && items->is_array()) return items;
  }
  return NoList(facts, it->second);
}

}  // namespace

absl::StatusOr<LoopItems> ItemsOfLoop(const PipelineTaskSpec& task, const ComponentSpec& component,
                                      const TaskInputs& inputs, const RunFacts& facts) {
  LoopItems items;
  size_t count = 0;
  if (task.has_artifact_iterator()) {
    const auto it = inputs.artifacts.find(task.artifact_iterator().items().input_artifact());
    count = it == inputs.artifacts.end() ? 0 : it->second.size();
  } else {
    if (task.parameter_iterator().items().has_raw()) {
      ASSIGN_OR_RETURN(items.parameters, RawItems(task, component, inputs, facts));
    } else {
      ASSIGN_OR_RETURN(items.parameters, InputItems(task, inputs, facts));
    }
    count = items.parameters.size();
  }
  if (count > static_cast<size_t>(limits::kLoopIterations)) {
    return Error(facts, absl::StrCat("there are ", count, "; at most ", limits::kLoopIterations,
                                     " are allowed (the bound kLoopIterations)"));
  }
  items.count = static_cast<int>(count);
  return items;
}

absl::Status SetItem(const PipelineTaskSpec& task, const ComponentSpec& component, const LoopItems& items,
                     int iteration, const RunFacts& facts, TaskInputs& inputs) {
  if (task.has_artifact_iterator()) {
    const auto list = inputs.artifacts.find(task.artifact_iterator().items().input_artifact());
    if (list == inputs.artifacts.end() || list->second.size() <= static_cast<size_t>(iteration)) {
      return Error(facts, absl::StrCat("there is no artifact ", iteration));
    }
    const ArtifactRecord item = list->second[iteration];
    inputs.artifacts[task.artifact_iterator().item_input()] = {item};
    return absl::OkStatus();
  }
  absl::StatusOr<Json> item = ConvertParameter(items.parameters[iteration], ItemType(task, component));
  if (!item.ok()) return Error(facts, absl::StrCat("item ", iteration, ": ", item.status().message()));
  inputs.parameters[task.parameter_iterator().item_input()] = *std::move(item);
  return absl::OkStatus();
}

}  // namespace penstock
