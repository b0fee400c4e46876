// Experiments as MLflow's clients ask for them, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status MlflowExperimentCreate(RequestContext& context, const mlflow::CreateExperimentRequest& request,
                                    mlflow::CreateExperimentResponse* reply);
absl::Status MlflowExperimentGet(RequestContext& context, const mlflow::GetExperimentRequest& request,
                                 mlflow::GetExperimentResponse* reply);
absl::Status MlflowExperimentGetByName(RequestContext& context,
                                       const mlflow::GetExperimentByNameRequest& request,
                                       mlflow::GetExperimentByNameResponse* reply);
absl::Status MlflowExperimentUpdate(RequestContext& context, const mlflow::UpdateExperimentRequest& request);
// Its runs are archived along with it, and come back with it.
absl::Status MlflowExperimentDelete(RequestContext& context, const mlflow::DeleteExperimentRequest& request);
absl::Status MlflowExperimentRestore(RequestContext& context,
                                     const mlflow::RestoreExperimentRequest& request);
absl::Status MlflowExperimentTagSet(RequestContext& context, const mlflow::SetExperimentTagRequest& request);
absl::Status MlflowExperimentTagDelete(RequestContext& context,
                                       const mlflow::DeleteExperimentTagRequest& request);
absl::Status MlflowDatasetSearch(RequestContext& context, const mlflow::SearchDatasetsRequest& request,
                                 mlflow::SearchDatasetsResponse* reply);

}  // namespace penstock
