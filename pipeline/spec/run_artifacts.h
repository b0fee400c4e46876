// Artifacts that a run is given for the inputs of the pipeline itself. KFP has no field for them, so they stand among
// the run's parameters, under the input's name, where every client can put them:
//
//   12, "12" or {"artifact_id": "12"}        one that is stored
//   "s3://bucket/key", "/data/rows.csv",     what lies at a URI or an absolute path; it becomes an artifact as an
//   {"uri": "...", "metadata": {...}}        importer would make one
//   a list of these                          for an input that takes a list
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

struct RunArtifact {
  int64_t artifact_id = 0;  // 0: it is given by its URI
  std::string uri;
  Json metadata = Json::object();
};

// INVALID_ARGUMENT, as the end of a sentence about the value, if it is none of these forms, or a list where the input
// takes one artifact.
absl::StatusOr<std::vector<RunArtifact>> ReadRunArtifacts(
    const ml_pipelines::ComponentInputsSpec::ArtifactSpec& declared, const Json& value);

}  // namespace penstock
