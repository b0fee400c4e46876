#include "scheduler/plan/run_plan.h"

#include "absl/strings/str_cat.h"
#include "common/spec/dag_graph.h"
#include "common/status_macros.h"

namespace penstock {

absl::StatusOr<std::shared_ptr<const RunPlan>> RunPlan::Create(
    std::shared_ptr<const PipelineDocument> document) {
  const ml_pipelines::PipelineSpec& spec = document->spec;
  if (!spec.root().has_dag()) return absl::InvalidArgumentError("root has no dag");
  const ml_pipelines::DagSpec& dag = spec.root().dag();
  ASSIGN_OR_RETURN(Graph graph, GraphOfDag(dag));
  std::shared_ptr<RunPlan> plan(new RunPlan(std::move(document), std::move(graph)));
  plan->tasks_.reserve(plan->graph_.size());
  for (int i = 0; i < plan->graph_.size(); ++i) {
    PlannedTask task;
    task.name = plan->graph_.name(i);
    task.spec = &dag.tasks().at(task.name);
    const auto component = spec.components().find(task.spec->component_ref().name());
    if (component == spec.components().end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("root.dag.tasks.", task.name, ": its component is not there"));
    }
    task.component = &component->second;
    const auto& executors = plan->document_->deployment.executors();
    const auto executor = executors.find(task.component->executor_label());
    if (executor == executors.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("root.dag.tasks.", task.name, ": its executor is not there"));
    }
    task.executor = &executor->second;
    task.display_name = task.spec->task_info().name().empty() ? task.name : task.spec->task_info().name();
    plan->tasks_.push_back(std::move(task));
  }
  return plan;
}

}  // namespace penstock
