// Compiled pipelines: from text or JSON to typed and validated, once, and then shared.
//
// All functions are pure and safe from any thread. Their errors are INVALID_ARGUMENT unless said otherwise,
// name the path in the document (root.dag.tasks.train.inputs.parameters.x), and say what would be right.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

// Never changes once it is parsed.
struct PipelineDocument {
  // What the API gives as pipeline_spec: the pipeline spec as it was written, or with a platform document
  // {"pipeline_spec": ..., "platform_spec": ...}. In DumpJson's form, with field names in camelCase.
  std::string canonical_json;
  // SHA-256 of canonical_json.
  std::string sha256_hex;
  // Its deployment_spec is left empty: that is `deployment`, typed.
  ml_pipelines::PipelineSpec spec;
  ml_pipelines::PipelineDeploymentConfig deployment;
  std::optional<ml_pipelines::PlatformSpec> platform;
};

// Reads a pipeline file: YAML or JSON; a pipeline document and at most one platform document, empty ones
// passed over; or the Kubernetes manifest form (kinds Pipeline and PipelineVersion); or what the API gives as
// pipeline_spec. The whole language is accepted, also what CheckSupported then refuses.
absl::StatusOr<std::shared_ptr<const PipelineDocument>> ParsePipelineText(absl::string_view yaml_or_json);

// Reads Run.pipeline_spec: the bare spec, or with a platform {"pipeline_spec": ..., "platform_spec": ...}.
// `json` comes from ParseJson, ParseYaml or JsonFromStruct, and so is bounded.
absl::StatusOr<std::shared_ptr<const PipelineDocument>> ParsePipelineJson(Json json);

// Reads the canonical_json of an earlier parse again, without validating it again.
// Returns DATA_LOSS if it cannot be read.
absl::StatusOr<std::shared_ptr<const PipelineDocument>> LoadStoredPipeline(absl::string_view canonical_json);

// Whether a pipeline that is uploaded may have this pipelineInfo.name: ^[a-z0-9][a-z0-9-]{0,127}$
// (a spec sent within a run may have any other).
absl::Status CheckPipelineName(absl::string_view name);

// Whether a run may start with these parameters: `parameters` is an object (or null, which is an empty one)
// that gives every required input of the root and no other, each of its declared kind and, if it declares
// literals, one of them. Numbers need not be integers for NUMBER_INTEGER, as in KFP. Null for an input that is
// optional or has a default is as if it was not given. The root's artifacts stand among them (run_artifacts.h).
// The error lists all that is missing, unknown or wrong.
absl::Status CheckRunParameters(const PipelineDocument& document, const Json& parameters);

// UNIMPLEMENTED if the pipeline uses what the engine does not execute yet, listing each such feature and a
// place that uses it. Caching options and platform settings of a task are not refused: without effect, the
// task still runs.
absl::Status CheckSupported(const PipelineDocument& document);

}  // namespace penstock
