// MLflow's model registry, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "mlflow/model_registry.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status RegisteredModelCreate(RequestContext& context,
                                   const mlflow::CreateRegisteredModelRequest& request,
                                   mlflow::CreateRegisteredModelResponse* reply);
absl::Status RegisteredModelGet(RequestContext& context, const mlflow::GetRegisteredModelRequest& request,
                                mlflow::GetRegisteredModelResponse* reply);
absl::Status RegisteredModelSearch(RequestContext& context,
                                   const mlflow::SearchRegisteredModelsRequest& request,
                                   mlflow::SearchRegisteredModelsResponse* reply);
absl::Status RegisteredModelUpdate(RequestContext& context,
                                   const mlflow::UpdateRegisteredModelRequest& request,
                                   mlflow::UpdateRegisteredModelResponse* reply);
absl::Status RegisteredModelRename(RequestContext& context,
                                   const mlflow::RenameRegisteredModelRequest& request,
                                   mlflow::RenameRegisteredModelResponse* reply);
absl::Status RegisteredModelDelete(RequestContext& context,
                                   const mlflow::DeleteRegisteredModelRequest& request);
absl::Status LatestVersionsGet(RequestContext& context, const mlflow::GetLatestVersionsRequest& request,
                               mlflow::GetLatestVersionsResponse* reply);
absl::Status RegisteredModelTagSet(RequestContext& context,
                                   const mlflow::SetRegisteredModelTagRequest& request);
absl::Status RegisteredModelTagDelete(RequestContext& context,
                                      const mlflow::DeleteRegisteredModelTagRequest& request);
absl::Status RegisteredModelAliasSet(RequestContext& context,
                                     const mlflow::SetRegisteredModelAliasRequest& request);
absl::Status RegisteredModelAliasDelete(RequestContext& context,
                                        const mlflow::DeleteRegisteredModelAliasRequest& request);
absl::Status ModelVersionGetByAlias(RequestContext& context,
                                    const mlflow::GetModelVersionByAliasRequest& request,
                                    mlflow::GetModelVersionByAliasResponse* reply);
absl::Status ModelVersionCreate(RequestContext& context, const mlflow::CreateModelVersionRequest& request,
                                mlflow::CreateModelVersionResponse* reply);
absl::Status ModelVersionGet(RequestContext& context, const mlflow::GetModelVersionRequest& request,
                             mlflow::GetModelVersionResponse* reply);
absl::Status ModelVersionSearch(RequestContext& context, const mlflow::SearchModelVersionsRequest& request,
                                mlflow::SearchModelVersionsResponse* reply);
absl::Status ModelVersionUpdate(RequestContext& context, const mlflow::UpdateModelVersionRequest& request,
                                mlflow::UpdateModelVersionResponse* reply);
absl::Status ModelVersionDelete(RequestContext& context, const mlflow::DeleteModelVersionRequest& request);
// Where the version's files are, also if its source is another version or a logged model.
absl::Status ModelVersionUriGet(RequestContext& context,
                                const mlflow::GetModelVersionDownloadUriRequest& request,
                                mlflow::GetModelVersionDownloadUriResponse* reply);
absl::Status ModelVersionTagSet(RequestContext& context, const mlflow::SetModelVersionTagRequest& request);
absl::Status ModelVersionTagDelete(RequestContext& context,
                                   const mlflow::DeleteModelVersionTagRequest& request);

}  // namespace penstock
