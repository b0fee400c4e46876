// From what a compiled task says about its inputs to their values.
#pragma once

#include <map>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "pipeline/expression/expression.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The outputs of a task of the same graph, or nullptr if it has none because it failed, was skipped or was
// cancelled. For a nested graph or a loop these are its surfaced or collected outputs, ready made.
using OutputLookup = absl::FunctionRef<const TaskOutputs*(absl::string_view producer_task)>;

// The parameter_expression_selectors of a task's inputs, by input.
using Selectors = std::map<std::string, Expression>;

// INVALID_ARGUMENT for one that is no expression, which a validated pipeline has not.
absl::StatusOr<Selectors> ParseSelectors(const ml_pipelines::PipelineTaskSpec& task);

// Resolves the inputs of the task `facts.task_name`. `component` is the task's; if it is a graph, the result
// is the scope of the tasks in it. `scope_inputs` are the resolved inputs of the enclosing graph.
// `final_statuses` holds, by task name, the PipelineTaskFinalStatus JSON of each task that a
// task_final_status input names.
//
// A parameter is taken from its source, of which its selector (all are in `selectors`) takes a part, checked
// against the literals that the component allows, and converted to the declared type. Inputs that the
// component does not declare are passed on as they are; placeholders refer to them.
//
// Absent is an input that is not passed, whose value is null (unless nothing but a text will take it), or
// whose producer has no such output although the task waits for all upstream tasks to complete whatever their
// state. It gets the component's default, as it is written; else, if it is optional, a graph gets null and a
// container task nothing; else the task fails.
//
// Placeholders in a constant are replaced here, anywhere in it, also in the keys of a struct:
// {{$.inputs.parameters['x']}} with another input of the task, {{$.pipeline_...}} and {{$.workspace_path}}. A
// whole text that is one placeholder for an input takes the input's value, so that it may fill a declared
// number, list or struct; elsewhere the text form is put in. A whole text {{$}} or {{$.outputs...}} is left
// for the launch. Other braces are data and stay.
//
// The inputs of a loop are those that all its iterations share; the one for the item is not among them.
//
// Returns INVALID_ARGUMENT with a sentence that names task, input, expected type and found value.
absl::StatusOr<TaskInputs> ResolveInputs(const ml_pipelines::PipelineTaskSpec& task,
                                         const ml_pipelines::ComponentSpec& component,
                                         const TaskInputs& scope_inputs, OutputLookup lookup,
                                         const RunFacts& facts, const Selectors& selectors = {},
                                         const ParameterMap& final_statuses = {});

// The inputs of the root graph, from the run's parameters (an object, checked when the run was created):
// defaults filled in, null for an optional one without default.
TaskInputs RootInputs(const ml_pipelines::ComponentSpec& root, const Json& run_parameters);

}  // namespace penstock
