// Where a task stands in the tree of its run, and what flows into and out of it. Pure.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "scheduler/plan/retry.h"
#include "scheduler/plan/types.h"

namespace penstock {

const PlannedTask& PlannedOf(const RunSnapshot& run, int task);

// Of its component; the same in all runs of one pipeline.
std::string ComponentKey(const RunSnapshot& run, int task);

// Whether an executor runs it; otherwise it is made of other tasks: a graph, or a loop.
bool HasAttempts(const RunSnapshot& run, int task);

// The task that it is part of, -1 for those of the root.
int ParentOf(const RunSnapshot& run, int task);

// What the packages that it installs are pinned to, "name==version"; empty: to nothing.
std::vector<std::string> PinsOf(const RunSnapshot& run, int task);

// The policy by which its attempts are tried again, nullptr if they are not: its own, else that of the
// nearest task that it is part of.
const RetryPolicy* RetryPolicyOf(const RunSnapshot& run, int task);

// Facts of the run and of the task.
RunFacts FactsOf(const RunSnapshot& run, int task);

// The resolved inputs of a task that waits for nothing any more. They follow from what its upstream put out
// and from the inputs of its scope, which are derived anew each time: nothing is kept for each scope.
// INVALID_ARGUMENT with a sentence for the user if they do not resolve.
absl::StatusOr<TaskInputs> InputsOf(const RunSnapshot& run, int task);

// What the graph that a task stands in was given, with the item of its loop if the task is an iteration.
absl::StatusOr<std::shared_ptr<const TaskInputs>> EnclosingInputs(const RunSnapshot& run, int task);

// What a task of the same graph has put out; nullptr if nothing.
const TaskOutputs* SiblingOutputs(const RunSnapshot& run, int task, absl::string_view producer);

// The same of a task with attempts, resolved once: kept until the task has ended, of up to limits::kInputsKept
// tasks at a time.
absl::StatusOr<std::shared_ptr<const TaskInputs>> KeptInputs(RunSnapshot& run, int task);
void DropInputs(RunSnapshot& run, int task);

// Whether the condition of a task that waits for nothing any more holds; it has one. `inputs` are the task's.
// FAILED_PRECONDITION with a sentence for the user, which shows the condition, if it has no value.
absl::StatusOr<bool> ConditionHolds(const RunSnapshot& run, int task, const TaskInputs& inputs);

// What a graph whose tasks have all ended puts out, as the selectors of its component say: of several the
// first one that has something. Outputs of tasks that did not succeed are left out.
TaskOutputs OutputsOfScope(const RunSnapshot& run, int scope);

// What a loop whose iterations have all ended puts out: of each output the list of what they put out, in
// order. Those that did not succeed are left out.
TaskOutputs OutputsOfLoop(const RunSnapshot& run, int loop);

// Fills in what a loop goes over.
absl::Status SetItems(const RunSnapshot& run, LoopSnapshot& loop);

// Makes the next iteration of a loop, PENDING, and returns it.
int OpenIteration(RunSnapshot& run, int loop);

// Makes the tasks of a graph, PENDING, in a new scope of `owner`, and returns the scope.
int OpenScope(RunSnapshot& run, int dag, int owner);

}  // namespace penstock
