// What an importer puts out: the engine completes such a task by itself. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The one output of an importer: an artifact of the importer's type, with its URI, whatever the scheme, as
// storage keeps it, and its metadata. In metadata, in keys and values, placeholders for inputs are replaced: a
// value that is one placeholder, whole, becomes the input's value, also inside lists and structs.
// Returns INVALID_ARGUMENT, naming the task and what is wrong: no URI, one of more than limits::kUrlBytes,
// metadata of more than limits::kOutputParameterBytes, or a placeholder that refers to nothing.
absl::StatusOr<TaskOutputs> ImportedOutputs(
    const ml_pipelines::PipelineDeploymentConfig::ImporterSpec& importer,
    const ml_pipelines::ComponentSpec& component, const TaskInputs& inputs, const RunFacts& facts);

// A text that two imported artifacts have in common if, and only if, they have the same type, URI,
// metadata and place in a workspace.
std::string ImportIdentity(const ArtifactRecord& artifact);

}  // namespace penstock
