// Where the inputs of a task come from, as the pipeline says, in KFP's words (IOType of its API). Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

struct TaskInputSource {
  absl::string_view io_type;  // COMPONENT_INPUT, TASK_OUTPUT_INPUT and so on; a constant
  std::string producer_task;  // key of a task of the same graph; empty if none is named
};

// `graph` is that of which the task is one. An input that the task does not name has its component's default.
TaskInputSource ParameterSource(const ml_pipelines::DagSpec& graph,
                                const ml_pipelines::PipelineTaskSpec& task, const std::string& input);
TaskInputSource ArtifactSource(const ml_pipelines::DagSpec& graph, const ml_pipelines::PipelineTaskSpec& task,
                               const std::string& input);

// What a task's outputs are: those of a loop are lists, and a graph may put out one of several.
absl::string_view OutputIoType(const ml_pipelines::PipelineTaskSpec& task,
                               const ml_pipelines::ComponentSpec& component, const std::string& output);

}  // namespace penstock
