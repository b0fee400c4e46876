// Where the tasks of a run stand in its pipeline: rows name tasks within their graphs, and what a task is stands in the
// graphs. Pure.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

enum class TaskKind {
  kRoot,
  kContainer,
  kImporter,
  kLoop,               // a graph that runs for each item
  kConditionBranches,  // a graph of conditions, of which at most one runs
  kCondition,
  kExitHandler,
  kGraph,
};

// Borrows from the pipeline.
struct TaskPlace {
  TaskKind kind = TaskKind::kRoot;
  const ml_pipelines::DagSpec* graph = nullptr;            // of which it is a task; none of the root
  const ml_pipelines::PipelineTaskSpec* task = nullptr;    // likewise
  const ml_pipelines::ComponentSpec* component = nullptr;  // never null
  const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec* executor = nullptr;  // null of a graph
};

TaskPlace RootPlace(const PipelineDocument& document);

// The task `name` of the graph that `around` is. An iteration of a loop stands where the loop does. Nothing if the graph
// has no such task.
std::optional<TaskPlace> PlaceWithin(const PipelineDocument& document, const TaskPlace& around,
                                     const std::string& name);

}  // namespace penstock
