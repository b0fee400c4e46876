#include "scheduler/plan/run_plan.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "pipeline/spec/dag_graph.h"
#include "scheduler/plan/values/loop_items.h"

namespace penstock {
namespace {

// Whether a task of the graph takes the input `name` of its component.
bool ReadsInput(const ml_pipelines::DagSpec& dag, const std::string& name) {
  for (const auto& [task_name, task] : dag.tasks()) {
    for (const auto& [input, source] : task.inputs().parameters()) {
      if (source.component_input_parameter() == name) return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const RunPlan>> RunPlan::Create(
    std::shared_ptr<const PipelineDocument> document) {
  if (!document->spec.root().has_dag()) return absl::InvalidArgumentError("root has no dag");
  std::shared_ptr<RunPlan> plan(new RunPlan(std::move(document)));
  ASSIGN_OR_RETURN(Graph graph, GraphOfDag(plan->root().dag()));
  plan->dags_.push_back({&plan->root(), std::move(graph), {}});
  // Adding the tasks of one graph finds others; the list grows meanwhile.
  for (int dag = 0; dag < static_cast<int>(plan->dags_.size()); ++dag) RETURN_IF_ERROR(plan->AddTasks(dag));
  plan->dag_by_component_.clear();
  return plan;
}

// The graph of a component, made when it is first asked for.
absl::StatusOr<int> RunPlan::DagOf(const std::string& component_name) {
  const auto [known, fresh] = dag_by_component_.try_emplace(component_name, static_cast<int>(dags_.size()));
  if (fresh) {
    const ml_pipelines::ComponentSpec& component = document_->spec.components().at(component_name);
    ASSIGN_OR_RETURN(Graph graph, GraphOfDag(component.dag()));
    dags_.push_back({&component, std::move(graph), {}});
  }
  return known->second;
}

absl::Status RunPlan::AddTasks(int dag) {
  const ml_pipelines::DagSpec& spec = dags_[dag].component->dag();
  std::vector<PlannedTask> tasks(dags_[dag].graph.size());
  for (size_t i = 0; i < tasks.size(); ++i) {
    PlannedTask& task = tasks[i];
    task.name = dags_[dag].graph.name(static_cast<int>(i));
    task.spec = &spec.tasks().at(task.name);
    task.display_name = task.spec->task_info().name().empty() ? task.name : task.spec->task_info().name();
    task.awaits_any_end = task.spec->trigger_policy().strategy() ==
                          ml_pipelines::PipelineTaskSpec::TriggerPolicy::ALL_UPSTREAM_TASKS_COMPLETED;
    if (const std::string& condition = task.spec->trigger_policy().condition(); !condition.empty()) {
      ASSIGN_OR_RETURN(task.condition, Expression::Parse(condition));
    }
    ASSIGN_OR_RETURN(task.selectors, ParseSelectors(*task.spec));
    const std::string& component_name = task.spec->component_ref().name();
    const auto component = document_->spec.components().find(component_name);
    if (component == document_->spec.components().end()) {
      return absl::InvalidArgumentError(absl::StrCat("task ", task.name, ": its component is not there"));
    }
    task.component = &component->second;
    task.is_loop = IsLoop(*task.spec);
    if (task.component->has_dag()) {
      task.reads_items =
          !task.is_loop ||
          ReadsInput(task.component->dag(), task.spec->parameter_iterator().items().input_parameter());
      ASSIGN_OR_RETURN(task.dag, DagOf(component_name));
      continue;
    }
    const auto& executors = document_->deployment.executors();
    const auto executor = executors.find(task.component->executor_label());
    if (executor == executors.end()) {
      return absl::InvalidArgumentError(absl::StrCat("task ", task.name, ": its executor is not there"));
    }
    task.executor = &executor->second;
    if (document_->platform.has_value()) {
      for (const auto& [platform, config] : document_->platform->platforms()) {
        const auto settings = config.deployment_spec().executors().find(executor->first);
        if (settings != config.deployment_spec().executors().end()) {
          task.platforms[platform] = &settings->second;
        }
      }
    }
  }
  dags_[dag].tasks = std::move(tasks);
  return absl::OkStatus();
}

}  // namespace penstock
