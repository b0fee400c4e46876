// Data sets and models of MLflow's runs, one function an RPC.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "mlflow/logged_model.pb.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"

namespace penstock {

// A data set that the experiment has already, by name and digest, is the same artifact for all runs that take it.
absl::Status MlflowInputsLog(RequestContext& context, const mlflow::LogInputsRequest& request);
absl::Status MlflowOutputsLog(RequestContext& context, const mlflow::LogOutputsRequest& request);

// A model is also an artifact that its run puts out.
std::string NewLoggedModelId(RequestContext& context);
absl::Status LoggedModelCreate(RequestContext& context, const mlflow::CreateLoggedModelRequest& request,
                               mlflow::CreateLoggedModelResponse* reply);
absl::Status LoggedModelGet(RequestContext& context, const mlflow::GetLoggedModelRequest& request,
                            mlflow::GetLoggedModelResponse* reply);
absl::Status LoggedModelFinalize(RequestContext& context, const mlflow::FinalizeLoggedModelRequest& request,
                                 mlflow::FinalizeLoggedModelResponse* reply);
// Its files stay.
absl::Status LoggedModelDelete(RequestContext& context, const mlflow::DeleteLoggedModelRequest& request);
absl::Status LoggedModelTagsSet(RequestContext& context, const mlflow::SetLoggedModelTagsRequest& request,
                                mlflow::SetLoggedModelTagsResponse* reply);
absl::Status LoggedModelTagDelete(RequestContext& context,
                                  const mlflow::DeleteLoggedModelTagRequest& request);
absl::Status LoggedModelParamsLog(RequestContext& context,
                                  const mlflow::LogLoggedModelParamsRequest& request);
absl::Status LoggedModelSearch(RequestContext& context, const mlflow::SearchLoggedModelsRequest& request,
                               mlflow::SearchLoggedModelsResponse* reply);

}  // namespace penstock
