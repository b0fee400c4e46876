// Lineage: handlers of penstock.v1.LineageService. See penstock/v1/lineage.proto.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/lineage.pb.h"
#include "server/context.h"

namespace penstock {

// All: NOT_FOUND for an artifact or run that is not there, INVALID_ARGUMENT for a bad page token.
absl::Status LineageGet(RequestContext& context, const penstock::v1::GetLineageRequest& request,
                        penstock::v1::Lineage* reply);
absl::Status ArtifactRunList(RequestContext& context, const penstock::v1::ListArtifactRunsRequest& request,
                             penstock::v1::ListArtifactRunsResponse* reply);
absl::Status RunArtifactList(RequestContext& context, const penstock::v1::ListRunArtifactsRequest& request,
                             penstock::v1::ListRunArtifactsResponse* reply);

}  // namespace penstock
