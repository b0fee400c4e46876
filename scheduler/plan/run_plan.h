// The constant part of a run: the graphs of its pipeline, their tasks and what each waits for.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "pipeline/expression/expression.h"
#include "pipeline/graph.h"
#include "pipeline/spec/pipeline_spec.h"
#include "scheduler/plan/values/resolve_inputs.h"

namespace penstock {

struct PlannedTask {
  std::string name;  // key in the graph
  std::string display_name;
  // All inside the plan's document.
  const ml_pipelines::PipelineTaskSpec* spec;
  const ml_pipelines::ComponentSpec* component;
  const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec* executor = nullptr;  // null for a graph
  // What each platform ("kubernetes") is to do for the executor, by platform; none for a graph.
  std::map<std::string, const google::protobuf::Struct*> platforms;
  int dag = -1;  // of RunPlan::dags, if its component is a graph
  bool is_loop = false;
  bool reads_items = true;              // whether a task in the loop takes the list that the loop goes over
  bool awaits_any_end = false;          // waits for the end of its upstream, whatever it is
  std::optional<Expression> condition;  // it is skipped if this is false
  Selectors selectors;
};

// The graph of a component; shared by all tasks that use the component.
struct PlannedDag {
  const ml_pipelines::ComponentSpec* component;
  // Nodes of the graph and tasks have the same numbers.
  Graph graph;
  std::vector<PlannedTask> tasks;
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

  // The graphs that the root reaches, each once; the first is the root's.
  const std::vector<PlannedDag>& dags() const { return dags_; }

 private:
  explicit RunPlan(std::shared_ptr<const PipelineDocument> document) : document_(std::move(document)) {}

  absl::Status AddTasks(int dag);
  absl::StatusOr<int> DagOf(const std::string& component_name);

  std::shared_ptr<const PipelineDocument> document_;
  std::vector<PlannedDag> dags_;
  absl::flat_hash_map<std::string, int> dag_by_component_;  // while it is made
};

}  // namespace penstock
