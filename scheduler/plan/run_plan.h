// The constant part of a run: the tasks of its pipeline and what each waits for.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/graph.h"
#include "common/spec/pipeline_spec.h"

namespace penstock {

struct PlannedTask {
  std::string name;  // key in the graph
  std::string display_name;
  // All inside the plan's document.
  const ml_pipelines::PipelineTaskSpec* spec;
  const ml_pipelines::ComponentSpec* component;
  const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec* executor;
};

// Immutable; shared by all runs of one document and by all threads.
class RunPlan {
 public:
  // INVALID_ARGUMENT for a document that was not validated; see ParsePipelineText and CheckSupported.
  static absl::StatusOr<std::shared_ptr<const RunPlan>> Create(
      std::shared_ptr<const PipelineDocument> document);

  const PipelineDocument& document() const { return *document_; }
  const ml_pipelines::ComponentSpec& root() const { return document_->spec.root(); }
  const std::string& pipeline_name() const { return document_->spec.pipeline_info().name(); }

  // Nodes of the graph and tasks have the same numbers.
  const Graph& graph() const { return graph_; }
  const std::vector<PlannedTask>& tasks() const { return tasks_; }

 private:
  RunPlan(std::shared_ptr<const PipelineDocument> document, Graph graph)
      : document_(std::move(document)), graph_(std::move(graph)) {}

  std::shared_ptr<const PipelineDocument> document_;
  Graph graph_;
  std::vector<PlannedTask> tasks_;
};

}  // namespace penstock
