// A graph as a whole: the order of its tasks, and where its outputs come from.
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/dag_graph.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock::spec_internal {
namespace {

using ml_pipelines::ComponentSpec;
using ml_pipelines::DagOutputsSpec;

// One selector: `output` of the task `producer`. `outputs_of` gives the outputs of that kind of a component.
template <typename OutputsOf>
absl::Status ValidateSelector(const DagScope& scope, const std::string& producer, const std::string& output,
                              absl::string_view key_field, OutputsOf outputs_of, const DocPath& path) {
  const ComponentSpec* component = ComponentOfTask(scope, producer);
  if (component == nullptr) {
    return path.Key("producerSubtask")
        .Error("there is no task ", QuoteForMessage(producer), " in the graph",
               SuggestName(producer, SortedKeys(scope.component.dag().tasks())));
  }
  const auto& outputs = outputs_of(*component);
  if (!outputs.contains(output)) {
    return path.Key(key_field).Error("the task ", QuoteForMessage(producer), " has no such output ",
                                     QuoteForMessage(output), SuggestName(output, SortedKeys(outputs)));
  }
  return absl::OkStatus();
}

absl::Status ValidateParameterSelector(const DagScope& scope,
                                       const DagOutputsSpec::ParameterSelectorSpec& selector,
                                       const DocPath& path) {
  return ValidateSelector(
      scope, selector.producer_subtask(), selector.output_parameter_key(), "outputParameterKey",
      [](const ComponentSpec& c) -> const auto& { return c.output_definitions().parameters(); }, path);
}

absl::Status ValidateOutputParameter(const DagScope& scope,
                                     const DagOutputsSpec::DagOutputParameterSpec& output,
                                     const DocPath& path) {
  if (output.has_value_from_parameter()) {
    return ValidateParameterSelector(scope, output.value_from_parameter(), path.Key("valueFromParameter"));
  }
  if (!output.has_value_from_oneof()) {
    return path.Error("expected one of the fields 'valueFromParameter' and 'valueFromOneof'");
  }
  const DocPath oneof_path = path.Key("valueFromOneof");
  const DocPath selectors_path = oneof_path.Key("parameterSelectors");
  const auto& selectors = output.value_from_oneof().parameter_selectors();
  if (selectors.empty()) return selectors_path.Error("expected at least one selector");
  for (int i = 0; i < selectors.size(); ++i) {
    RETURN_IF_ERROR(ValidateParameterSelector(scope, selectors[i], selectors_path.Index(i)));
  }
  return absl::OkStatus();
}

absl::Status ValidateOutputArtifact(const DagScope& scope,
                                    const DagOutputsSpec::DagOutputArtifactSpec& output,
                                    const DocPath& path) {
  const DocPath selectors_path = path.Key("artifactSelectors");
  if (output.artifact_selectors().empty()) return selectors_path.Error("expected at least one selector");
  for (int i = 0; i < output.artifact_selectors_size(); ++i) {
    const auto& selector = output.artifact_selectors(i);
    RETURN_IF_ERROR(ValidateSelector(
        scope, selector.producer_subtask(), selector.output_artifact_key(), "outputArtifactKey",
        [](const ComponentSpec& c) -> const auto& { return c.output_definitions().artifacts(); },
        selectors_path.Index(i)));
  }
  return absl::OkStatus();
}

// The outputs of one kind: those that the graph gives are those that the component declares.
template <typename Declared, typename Given, typename Validate>
absl::Status ValidateOutputsOfKind(const Declared& declared, const Given& given, Validate validate,
                                   const DocPath& path) {
  for (const std::string& name : SortedKeys(given)) {
    const DocPath output_path = path.Key(name);
    if (!declared.contains(name)) {
      return output_path.Error("the component's outputDefinitions declare no such output",
                               SuggestName(name, SortedKeys(declared)));
    }
    RETURN_IF_ERROR(validate(given.at(name), output_path));
  }
  for (const std::string& name : SortedKeys(declared)) {
    if (!given.contains(name)) {
      return path.Error("the output ", QuoteForMessage(name),
                        " is declared in outputDefinitions, but no task is named that gives it");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateOutputs(const DagScope& scope, const DocPath& path) {
  const DagOutputsSpec& outputs = scope.component.dag().outputs();
  const auto& declared = scope.component.output_definitions();
  RETURN_IF_ERROR(ValidateOutputsOfKind(
      declared.parameters(), outputs.parameters(),
      [&](const auto& output, const DocPath& at) { return ValidateOutputParameter(scope, output, at); },
      path.Key("parameters")));
  return ValidateOutputsOfKind(
      declared.artifacts(), outputs.artifacts(),
      [&](const auto& output, const DocPath& at) { return ValidateOutputArtifact(scope, output, at); },
      path.Key("artifacts"));
}

}  // namespace

absl::Status ValidateDag(const DagScope& scope, const DocPath& path) {
  const auto& tasks = scope.component.dag().tasks();
  const DocPath tasks_path = path.Key("tasks");
  if (tasks.empty()) return tasks_path.Error("expected at least one task");
  for (const std::string& name : SortedKeys(tasks)) {
    const DocPath task_path = tasks_path.Key(name);
    RETURN_IF_ERROR(CheckName(name, "a task", task_path));
    RETURN_IF_ERROR(ValidateTask(scope, name, tasks.at(name), task_path));
  }
  // Finds cycles; that each task that is waited for is there has been checked above.
  const auto graph = GraphOfDag(scope.component.dag());
  if (!graph.ok()) return tasks_path.Error(graph.status().message());
  return ValidateOutputs(scope, path.Key("outputs"));
}

}  // namespace penstock::spec_internal
