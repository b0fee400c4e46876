// Artifacts and their links, as clients of KFP 3.0 read and record them.
#pragma once

#include "absl/status/status.h"
#include "kubeflow/pipelines/v2beta1/artifact.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// An id is that of an artifact, or of one number of its Metrics. NOT_FOUND.
absl::Status ArtifactGet(RequestContext& context, const api::GetArtifactRequest& request,
                         api::Artifact* reply);
absl::Status ArtifactList(RequestContext& context, const api::ListArtifactsRequest& request,
                          api::ListArtifactsResponse* reply);

// Registers an artifact; with a task, as an output of it. NOT_FOUND for a run or task that is not there,
// INVALID_ARGUMENT for what is missing or too large.
absl::Status ArtifactCreate(RequestContext& context, const api::CreateArtifactRequest& request,
                            api::Artifact* reply);
absl::Status ArtifactsCreate(RequestContext& context, const api::CreateArtifactsBulkRequest& request,
                             api::CreateArtifactsBulkResponse* reply);

absl::Status ArtifactTaskList(RequestContext& context, const api::ListArtifactTasksRequest& request,
                              api::ListArtifactTasksResponse* reply);
// A link that is there already is given once more.
absl::Status ArtifactTaskCreate(RequestContext& context, const api::CreateArtifactTaskRequest& request,
                                api::ArtifactTask* reply);
absl::Status ArtifactTasksCreate(RequestContext& context, const api::CreateArtifactTasksBulkRequest& request,
                                 api::CreateArtifactTasksBulkResponse* reply);

}  // namespace penstock
