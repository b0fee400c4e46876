#include "scheduler/plan/run_tree.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/author_terms.h"
#include "scheduler/plan/values/loop_items.h"
#include "scheduler/plan/values/resolve_inputs.h"

namespace penstock {
namespace {

// The artifacts as KFP's ExecutorInput names their fields; nothing if the condition cannot ask for them.
Json ArtifactsForCondition(const Expression& condition, const TaskInputs& inputs) {
  Json out = Json::object();
  if (!absl::StrContains(condition.text(), "artifacts")) return out;
  for (const auto& [name, artifacts] : inputs.artifacts) {
    Json list = Json::array();
    for (const ArtifactRecord& artifact : artifacts) {
      list.push_back({{"name", artifact.name},
                      {"type", {{"schema_title", artifact.schema_title}}},
                      {"uri", artifact.uri},
                      {"metadata", artifact.metadata}});
    }
    out[name] = {{"artifacts", std::move(list)}};
  }
  return out;
}

const PlannedDag& DagOf(const RunSnapshot& run, int scope) { return run.plan->dags()[run.scopes[scope].dag]; }

// What a task of the scope put out, nullptr if it did not succeed.
const TaskOutputs* OutputsIn(const RunSnapshot& run, int scope, absl::string_view name) {
  const std::optional<int> planned = DagOf(run, scope).graph.Find(name);
  if (!planned.has_value()) return nullptr;
  const TaskSnapshot& task = run.tasks[run.scopes[scope].first_task + *planned];
  return task.state == TaskState::kSucceeded ? task.outputs.get() : nullptr;
}

// The state as KFP's backend names it to tasks: what was not triggered is CANCELED.
absl::string_view FinalStateName(TaskState state) {
  switch (state) {
    case TaskState::kSucceeded:
      return "COMPLETE";
    case TaskState::kFailed:
      return "FAILED";
    default:
      return "CANCELED";
  }
}

// The PipelineTaskFinalStatus of each task that an input of `planned` names, by task.
ParameterMap FinalStatuses(const RunSnapshot& run, int scope, const PlannedTask& planned) {
  ParameterMap statuses;
  for (const auto& [name, source] : planned.spec->inputs().parameters()) {
    if (!source.has_task_final_status()) continue;
    const std::string& producer = source.task_final_status().producer_task();
    const std::optional<int> number = DagOf(run, scope).graph.Find(producer);
    if (!number.has_value()) continue;
    const TaskSnapshot& task = run.tasks[run.scopes[scope].first_task + *number];
    Json error = Json::object();
    if (task.state == TaskState::kFailed) {
      error = {{"code", task.error_code}, {"message", task.error_message}};
    }
    statuses[producer] = {{"state", std::string(FinalStateName(task.state))},
                          {"pipelineTaskName", producer},
                          {"pipelineJobResourceName", run.facts.run_resource_name},
                          {"error", std::move(error)}};
  }
  return statuses;
}

template <typename Map>
const typename Map::mapped_type* FindIn(const Map& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

// The inputs of the tasks of a scope: of the root graph, or of the task whose graph it is. Recursion is
// bounded by limits::kSpecNesting.
absl::StatusOr<std::shared_ptr<const TaskInputs>> InputsOfScope(const RunSnapshot& run, int scope) {
  const int owner = run.scopes[scope].owner;
  if (owner < 0) return run.root_inputs;
  ASSIGN_OR_RETURN(TaskInputs inputs, InputsOf(run, owner));
  return std::make_shared<const TaskInputs>(std::move(inputs));
}

// Those of its loop, and its item.
absl::StatusOr<TaskInputs> IterationInputs(const RunSnapshot& run, int task) {
  const PlannedTask& planned = PlannedOf(run, task);
  const LoopSnapshot& loop = run.loops[run.tasks[task].loop];
  if (loop.inputs == nullptr) return absl::InternalError("Penstock bug: an iteration outlives its loop");
  TaskInputs inputs;
  inputs.artifacts = loop.inputs->artifacts;
  inputs.defaulted = loop.inputs->defaulted;
  inputs.launch_placeholders = loop.inputs->launch_placeholders;
  const std::string& list = planned.spec->parameter_iterator().items().input_parameter();
  for (const auto& [name, value] : loop.inputs->parameters) {
    // The list may be long, and would be copied for each iteration.
    if (planned.reads_items || name != list) inputs.parameters[name] = value;
  }
  RETURN_IF_ERROR(SetItem(*planned.spec, *planned.component, loop.items, run.tasks[task].iteration,
                          FactsOf(run, task), inputs));
  return inputs;
}

}  // namespace

const PlannedTask& PlannedOf(const RunSnapshot& run, int task) {
  const TaskSnapshot& snapshot = run.tasks[task];
  return DagOf(run, snapshot.scope).tasks[snapshot.planned];
}

std::string ComponentKey(const RunSnapshot& run, int task) {
  return absl::StrCat(run.plan->document().sha256_hex, " ",
                      PlannedOf(run, task).spec->component_ref().name());
}

bool HasAttempts(const RunSnapshot& run, int task) {
  const PlannedTask& planned = PlannedOf(run, task);
  return planned.executor != nullptr && (!planned.is_loop || run.tasks[task].iteration >= 0);
}

int ParentOf(const RunSnapshot& run, int task) {
  const TaskSnapshot& snapshot = run.tasks[task];
  return snapshot.iteration >= 0 ? run.loops[snapshot.loop].task : run.scopes[snapshot.scope].owner;
}

std::vector<std::string> PinsOf(const RunSnapshot& run, int task) {
  if (run.pins == nullptr) return {};
  std::string path;
  for (int of = task; of >= 0; of = ParentOf(run, of)) {
    if (run.tasks[of].iteration >= 0) continue;  // all of a loop are pinned alike
    path = path.empty() ? PlannedOf(run, of).name : absl::StrCat(PlannedOf(run, of).name, "/", path);
  }
  return run.pins->Of(path);
}

const RetryPolicy* RetryPolicyOf(const RunSnapshot& run, int task) {
  for (; task >= 0; task = ParentOf(run, task)) {
    const PlannedTask& planned = PlannedOf(run, task);
    if (planned.spec->has_retry_policy()) return &planned.spec->retry_policy();
  }
  return nullptr;
}

RunFacts FactsOf(const RunSnapshot& run, int task) {
  RunFacts facts = run.facts;
  facts.task_id = run.tasks[task].task_id;
  facts.task_name = PlannedOf(run, task).name;
  return facts;
}

absl::StatusOr<TaskInputs> InputsOf(const RunSnapshot& run, int task) {
  const PlannedTask& planned = PlannedOf(run, task);
  if (run.tasks[task].iteration >= 0) return IterationInputs(run, task);
  const int scope = run.tasks[task].scope;
  ASSIGN_OR_RETURN(const std::shared_ptr<const TaskInputs> outer, InputsOfScope(run, scope));
  const auto outputs_of = [&](absl::string_view producer) { return OutputsIn(run, scope, producer); };
  return ResolveInputs(*planned.spec, *planned.component, *outer, outputs_of, FactsOf(run, task),
                       planned.selectors, FinalStatuses(run, scope, planned));
}

absl::StatusOr<std::shared_ptr<const TaskInputs>> EnclosingInputs(const RunSnapshot& run, int task) {
  ASSIGN_OR_RETURN(const std::shared_ptr<const TaskInputs> outer, InputsOfScope(run, run.tasks[task].scope));
  if (run.tasks[task].iteration < 0) return outer;
  ASSIGN_OR_RETURN(TaskInputs inputs, IterationInputs(run, task));
  inputs.parameters.insert(outer->parameters.begin(), outer->parameters.end());
  return std::make_shared<const TaskInputs>(std::move(inputs));
}

const TaskOutputs* SiblingOutputs(const RunSnapshot& run, int task, absl::string_view producer) {
  return OutputsIn(run, run.tasks[task].scope, producer);
}

absl::StatusOr<std::shared_ptr<const TaskInputs>> KeptInputs(RunSnapshot& run, int task) {
  TaskSnapshot& snapshot = run.tasks[task];
  if (snapshot.inputs != nullptr) return snapshot.inputs;
  ASSIGN_OR_RETURN(TaskInputs resolved, InputsOf(run, task));
  auto inputs = std::make_shared<const TaskInputs>(std::move(resolved));
  if (run.inputs_kept < limits::kInputsKept) {
    snapshot.inputs = inputs;
    ++run.inputs_kept;
  }
  return inputs;
}

void DropInputs(RunSnapshot& run, int task) {
  if (std::exchange(run.tasks[task].inputs, nullptr) != nullptr) --run.inputs_kept;
}

absl::StatusOr<bool> ConditionHolds(const RunSnapshot& run, int task, const TaskInputs& inputs) {
  const Expression& condition = *PlannedOf(run, task).condition;
  absl::StatusOr<bool> holds =
      EvaluateCondition(condition, inputs.parameters, ArtifactsForCondition(condition, inputs));
  if (holds.ok()) return holds;
  return absl::Status(holds.status().code(),
                      absl::StrCat("task ", QuoteForMessage(PlannedOf(run, task).name), ": its condition ",
                                   InAuthorTerms(condition.Quoted()),
                                   " is neither true nor false: ", InAuthorTerms(holds.status().message())));
}

TaskOutputs OutputsOfScope(const RunSnapshot& run, int scope) {
  TaskOutputs out;
  const ml_pipelines::DagOutputsSpec& spec = DagOf(run, scope).component->dag().outputs();
  const auto take = [&](const std::string& name, const auto& selector) {
    const TaskOutputs* outputs = OutputsIn(run, scope, selector.producer_subtask());
    const Json* value =
        outputs == nullptr ? nullptr : FindIn(outputs->parameters, selector.output_parameter_key());
    if (value != nullptr) out.parameters[name] = *value;
    return value != nullptr;
  };
  for (const auto& [name, output] : spec.parameters()) {
    if (output.has_value_from_parameter()) take(name, output.value_from_parameter());
    for (const auto& selector : output.value_from_oneof().parameter_selectors()) {
      if (take(name, selector)) break;
    }
  }
  for (const auto& [name, output] : spec.artifacts()) {
    for (const auto& selector : output.artifact_selectors()) {
      const TaskOutputs* outputs = OutputsIn(run, scope, selector.producer_subtask());
      if (outputs == nullptr) continue;
      const auto* artifacts = FindIn(outputs->artifacts, selector.output_artifact_key());
      if (artifacts == nullptr) continue;
      out.artifacts[name] = *artifacts;
      break;
    }
  }
  return out;
}

TaskOutputs OutputsOfLoop(const RunSnapshot& run, int loop) {
  const LoopSnapshot& snapshot = run.loops[loop];
  const auto& declared = PlannedOf(run, snapshot.task).component->output_definitions();
  TaskOutputs out;
  for (const auto& [name, spec] : declared.parameters()) out.parameters[name] = Json::array();
  for (const auto& [name, spec] : declared.artifacts()) out.artifacts[name] = {};
  for (const int task : snapshot.iterations) {
    if (run.tasks[task].outputs == nullptr) continue;
    for (const auto& [name, value] : run.tasks[task].outputs->parameters) {
      if (const auto list = out.parameters.find(name); list != out.parameters.end()) {
        list->second.push_back(value);
      }
    }
    for (const auto& [name, artifacts] : run.tasks[task].outputs->artifacts) {
      const auto list = out.artifacts.find(name);
      if (list == out.artifacts.end()) continue;
      list->second.insert(list->second.end(), artifacts.begin(), artifacts.end());
    }
  }
  return out;
}

absl::Status SetItems(const RunSnapshot& run, LoopSnapshot& loop) {
  const PlannedTask& planned = PlannedOf(run, loop.task);
  loop.limit = planned.spec->iterator_policy().parallelism_limit();
  ASSIGN_OR_RETURN(TaskInputs inputs, InputsOf(run, loop.task));
  ASSIGN_OR_RETURN(loop.items,
                   ItemsOfLoop(*planned.spec, *planned.component, inputs, FactsOf(run, loop.task)));
  loop.inputs = std::make_shared<const TaskInputs>(std::move(inputs));
  return absl::OkStatus();
}

int OpenIteration(RunSnapshot& run, int loop) {
  LoopSnapshot& snapshot = run.loops[loop];
  const int task = static_cast<int>(run.tasks.size());
  TaskSnapshot& iteration = run.tasks.emplace_back();
  iteration.scope = run.tasks[snapshot.task].scope;
  iteration.planned = run.tasks[snapshot.task].planned;
  iteration.loop = loop;
  iteration.iteration = static_cast<int>(snapshot.iterations.size());
  snapshot.iterations.push_back(task);
  ++snapshot.unfinished;
  ++run.open_in_loops;
  return task;
}

int OpenScope(RunSnapshot& run, int dag, int owner) {
  const Graph& graph = run.plan->dags()[dag].graph;
  const int scope = static_cast<int>(run.scopes.size());
  run.scopes.push_back({dag, owner, static_cast<int>(run.tasks.size()), graph.size()});
  for (int i = 0; i < graph.size(); ++i) {
    TaskSnapshot& task = run.tasks.emplace_back();
    task.scope = scope;
    task.planned = i;
    task.unfinished_upstream = static_cast<int>(graph.predecessors(i).size());
  }
  if (owner >= 0) {
    run.tasks[owner].inner_scope = scope;
    const bool in_loop = run.tasks[owner].iteration >= 0 || run.scopes[run.tasks[owner].scope].in_loop;
    run.scopes[scope].in_loop = in_loop;
    if (in_loop) run.open_in_loops += graph.size();
  }
  return scope;
}

}  // namespace penstock
