// From what a task left behind to its outputs.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The outputs of the succeeded task `task_name`. `executor_output_text` is the content of
// ExecutorOutputPath, `parameter_files` that of the output parameter files by output name; what was
// not written is left out.
//
// Parameters: the executor output wins over the file. A value there has to be of the declared kind; null
// counts as not written. A declared parameter that was not written fails the task. NaN and infinity fail it
// too: no pipeline parameter can hold them.
//
// Artifacts: every declared one is there, whether the task reported it or not, with its URI, metadata (key by
// key over the declared) and custom path as reported. Paths under the artifact root become logical URIs
// again, and a relative custom path is taken from the work directory. Python writes NaN and Infinity into
// metadata although JSON has no such numbers (a ROC curve begins with an infinite threshold): NaN becomes
// null, and an infinity the largest double of its sign, so that the value still is a number and in its place.
//
// Undeclared outputs are ignored. Keys are taken in camelCase and in snake_case.
// Returns INVALID_ARGUMENT with a sentence that names the task and the output.
absl::StatusOr<TaskOutputs> CollectOutputs(const ml_pipelines::ComponentSpec& component,
                                           absl::string_view task_name, const TaskPaths& paths,
                                           const UriMount& map,
                                           const std::optional<std::string>& executor_output_text,
                                           const std::map<std::string, std::string>& parameter_files);

}  // namespace penstock
