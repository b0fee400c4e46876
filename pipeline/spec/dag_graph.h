// The tasks of one graph of a pipeline and what each waits for.
#pragma once

#include "absl/status/statusor.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "pipeline/graph.h"

namespace penstock {

// The tasks of `dag` in the order of their names. A task waits for its dependent_tasks and for every task
// whose output or final state it reads: compiled pipelines do not always list the latter. Returns
// INVALID_ARGUMENT for a task that waits for one that is not in the graph, or for a cycle, which is listed.
// Pure; safe from any thread.
absl::StatusOr<Graph> GraphOfDag(const ml_pipelines::DagSpec& dag);

}  // namespace penstock
