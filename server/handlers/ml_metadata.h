// What the web UI of Kubeflow Pipelines asks of ML Metadata: read only, out of the tables of runs and tasks.
// Ids that are not known are skipped. RESOURCE_EXHAUSTED and INVALID_ARGUMENT where a bound of common/limits.h is passed,
// UNIMPLEMENTED for the options that the UI does not use.
#pragma once

#include "absl/status/status.h"
#include "ml_metadata/metadata_store.pb.h"
#include "server/context.h"

namespace penstock {

namespace mlmd = ::ml_metadata;

absl::Status MlmdArtifactTypes(RequestContext& context, const mlmd::GetArtifactTypesRequest& request,
                               mlmd::GetArtifactTypesResponse* reply);
absl::Status MlmdArtifactTypesById(RequestContext& context, const mlmd::GetArtifactTypesByIDRequest& request,
                                   mlmd::GetArtifactTypesByIDResponse* reply);
absl::Status MlmdExecutionTypes(RequestContext& context, const mlmd::GetExecutionTypesRequest& request,
                                mlmd::GetExecutionTypesResponse* reply);
absl::Status MlmdExecutionTypesById(RequestContext& context,
                                    const mlmd::GetExecutionTypesByIDRequest& request,
                                    mlmd::GetExecutionTypesByIDResponse* reply);
// NOT_FOUND if there is no type of the name.
absl::Status MlmdContextType(RequestContext& context, const mlmd::GetContextTypeRequest& request,
                             mlmd::GetContextTypeResponse* reply);

absl::Status MlmdArtifacts(RequestContext& context, const mlmd::GetArtifactsRequest& request,
                           mlmd::GetArtifactsResponse* reply);
absl::Status MlmdArtifactsById(RequestContext& context, const mlmd::GetArtifactsByIDRequest& request,
                               mlmd::GetArtifactsByIDResponse* reply);
absl::Status MlmdArtifactsByUri(RequestContext& context, const mlmd::GetArtifactsByURIRequest& request,
                                mlmd::GetArtifactsByURIResponse* reply);
absl::Status MlmdArtifactsByContext(RequestContext& context,
                                    const mlmd::GetArtifactsByContextRequest& request,
                                    mlmd::GetArtifactsByContextResponse* reply);

absl::Status MlmdExecutions(RequestContext& context, const mlmd::GetExecutionsRequest& request,
                            mlmd::GetExecutionsResponse* reply);
absl::Status MlmdExecutionsById(RequestContext& context, const mlmd::GetExecutionsByIDRequest& request,
                                mlmd::GetExecutionsByIDResponse* reply);
absl::Status MlmdExecutionsByContext(RequestContext& context,
                                     const mlmd::GetExecutionsByContextRequest& request,
                                     mlmd::GetExecutionsByContextResponse* reply);

// An empty answer if there is no such context.
absl::Status MlmdContextByName(RequestContext& context, const mlmd::GetContextByTypeAndNameRequest& request,
                               mlmd::GetContextByTypeAndNameResponse* reply);
absl::Status MlmdContextsOfArtifact(RequestContext& context,
                                    const mlmd::GetContextsByArtifactRequest& request,
                                    mlmd::GetContextsByArtifactResponse* reply);
absl::Status MlmdContextsOfExecution(RequestContext& context,
                                     const mlmd::GetContextsByExecutionRequest& request,
                                     mlmd::GetContextsByExecutionResponse* reply);

absl::Status MlmdEventsOfArtifacts(RequestContext& context,
                                   const mlmd::GetEventsByArtifactIDsRequest& request,
                                   mlmd::GetEventsByArtifactIDsResponse* reply);
absl::Status MlmdEventsOfExecutions(RequestContext& context,
                                    const mlmd::GetEventsByExecutionIDsRequest& request,
                                    mlmd::GetEventsByExecutionIDsResponse* reply);

}  // namespace penstock
