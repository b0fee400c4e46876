// What a run or a recurring run is made of: the pipeline that a request names, and its parameters.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "pipeline/spec/pipeline_spec.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

struct PipelineSource {
  std::shared_ptr<const PipelineDocument> document;
  std::string pipeline_id;          // empty when the spec came with the request
  std::string pipeline_version_id;  // likewise

  bool own_spec() const { return pipeline_version_id.empty(); }
};

// The version that `reference` names, by its id or as the latest of a pipeline, or the pipeline of `spec`,
// which may be null. NOT_FOUND or INVALID_ARGUMENT say which of it is wrong; UNIMPLEMENTED if the engine
// cannot run it.
absl::StatusOr<PipelineSource> ResolvePipeline(RequestContext& context,
                                               const api::PipelineVersionReference& reference,
                                               const google::protobuf::Struct* spec);

// A pipeline that is stored.
absl::StatusOr<std::shared_ptr<const PipelineDocument>> StoredDocument(RequestContext& context,
                                                                       const std::string& spec_sha256);

// The parameters as they are stored. INVALID_ARGUMENT if the pipeline does not take them, or they are too
// large.
absl::StatusOr<std::string> ParametersText(const api::RuntimeConfig& config,
                                           const PipelineDocument& document);

}  // namespace penstock
