// What a loop goes over, and what its iterations are given.
#pragma once

#include "absl/status/statusor.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// Whether the task is a loop.
inline bool IsLoop(const ml_pipelines::PipelineTaskSpec& task) {
  return task.iterator_case() != ml_pipelines::PipelineTaskSpec::ITERATOR_NOT_SET;
}

struct LoopItems {
  Json parameters = Json::array();  // the items, unless they are artifacts
  int count = 0;
};

// The items of the loop `task`, whose shared inputs are `inputs`: a list from the pipeline, in which
// placeholders are replaced as in constants; or the value of an input, which is a list or the JSON text of
// one; or the artifacts of an input. INVALID_ARGUMENT with a sentence that names the task if they cannot be
// gone over, or if they are more than limits::kLoopIterations.
absl::StatusOr<LoopItems> ItemsOfLoop(const ml_pipelines::PipelineTaskSpec& task,
                                      const ml_pipelines::ComponentSpec& component, const TaskInputs& inputs,
                                      const RunFacts& facts);

// Gives `inputs`, which are those of the loop, the item of one iteration. INVALID_ARGUMENT if it is not of
// the type that the component declares.
absl::Status SetItem(const ml_pipelines::PipelineTaskSpec& task, const ml_pipelines::ComponentSpec& component,
                     const LoopItems& items, int iteration, const RunFacts& facts, TaskInputs& inputs);

}  // namespace penstock
