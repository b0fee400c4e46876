// Pipelines and versions between the wire and storage.
#pragma once

#include "absl/status/status.h"
#include "kubeflow/pipelines/v2beta1/pipeline.pb.h"
#include "server/convert/api.h"
#include "storage/model.h"

namespace penstock {

void ToApi(const PipelineRow& row, api::Pipeline* out);

// Without pipeline_spec.
void ToApi(const PipelineVersionRow& row, api::PipelineVersion* out);

// The stored canonical text as the Struct that clients receive. DATA_LOSS if it cannot be read.
absl::Status SpecToApi(absl::string_view canonical_json, google::protobuf::Struct* out);

}  // namespace penstock
