// Searches of MLflow's clients, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status MlflowExperimentSearch(RequestContext& context, const mlflow::SearchExperimentsRequest& request,
                                    mlflow::SearchExperimentsResponse* reply);
// A page may have less than was asked for, and yet not be the last: see storage/run_search.h. Tasks are found by their
// parent, tags.mlflow.parentRunId = 'RUN', and by nothing else.
absl::Status MlflowRunSearch(RequestContext& context, const mlflow::SearchRunsRequest& request,
                             mlflow::SearchRunsResponse* reply);

}  // namespace penstock
