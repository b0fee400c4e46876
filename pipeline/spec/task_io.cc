#include "pipeline/spec/task_io.h"

namespace penstock {
namespace {

using ml_pipelines::DagSpec;
using ml_pipelines::PipelineTaskSpec;

constexpr absl::string_view kComponentDefault = "COMPONENT_DEFAULT_INPUT";
constexpr absl::string_view kTaskOutput = "TASK_OUTPUT_INPUT";
constexpr absl::string_view kComponentInput = "COMPONENT_INPUT";
constexpr absl::string_view kRuntimeValue = "RUNTIME_VALUE_INPUT";
constexpr absl::string_view kCollected = "COLLECTED_INPUTS";
constexpr absl::string_view kIterator = "ITERATOR_INPUT";
constexpr absl::string_view kIteratorRaw = "ITERATOR_INPUT_RAW";
constexpr absl::string_view kFinalStatus = "TASK_FINAL_STATUS_OUTPUT";

bool IsLoop(const PipelineTaskSpec& task) {
  return task.iterator_case() != PipelineTaskSpec::ITERATOR_NOT_SET;
}

// What a loop puts out is what its iterations have put out, collected.
TaskInputSource OfTask(const DagSpec& graph, const std::string& producer) {
  const auto found = graph.tasks().find(producer);
  const bool collected = found != graph.tasks().end() && IsLoop(found->second);
  return {collected ? kCollected : kTaskOutput, producer};
}

}  // namespace

TaskInputSource ParameterSource(const DagSpec& graph, const PipelineTaskSpec& task,
                                const std::string& input) {
  const auto& iterator = task.parameter_iterator();
  if (task.has_parameter_iterator() && iterator.item_input() == input) {
    return {iterator.items().has_raw() ? kIteratorRaw : kIterator, ""};
  }
  const auto found = task.inputs().parameters().find(input);
  if (found == task.inputs().parameters().end()) return {kComponentDefault, ""};
  const auto& source = found->second;
  if (source.has_task_output_parameter()) {
    return OfTask(graph, source.task_output_parameter().producer_task());
  }
  if (source.has_task_final_status()) return {kFinalStatus, source.task_final_status().producer_task()};
  if (source.has_runtime_value()) return {kRuntimeValue, ""};
  return {kComponentInput, ""};
}

TaskInputSource ArtifactSource(const DagSpec& graph, const PipelineTaskSpec& task, const std::string& input) {
  if (task.has_artifact_iterator() && task.artifact_iterator().item_input() == input) return {kIterator, ""};
  const auto found = task.inputs().artifacts().find(input);
  if (found == task.inputs().artifacts().end()) return {kComponentInput, ""};
  const auto& source = found->second;
  if (source.has_task_output_artifact()) return OfTask(graph, source.task_output_artifact().producer_task());
  return {kComponentInput, ""};
}

absl::string_view OutputIoType(const PipelineTaskSpec& task, const ml_pipelines::ComponentSpec& component,
                               const std::string& output) {
  if (IsLoop(task)) return "ITERATOR_OUTPUT";
  const auto& outputs = component.dag().outputs();
  if (const auto found = outputs.artifacts().find(output); found != outputs.artifacts().end()) {
    if (found->second.artifact_selectors_size() > 1) return "ONE_OF_OUTPUT";
  }
  if (const auto found = outputs.parameters().find(output); found != outputs.parameters().end()) {
    if (found->second.has_value_from_oneof()) return "ONE_OF_OUTPUT";
  }
  return "OUTPUT";
}

}  // namespace penstock
