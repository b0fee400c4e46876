// What MLflow's clients log to a run, and its metrics read back; one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status MlflowMetricLog(RequestContext& context, const mlflow::LogMetricRequest& request);
absl::Status MlflowParameterLog(RequestContext& context, const mlflow::LogParameterRequest& request);
// All of it or nothing. A batch that comes twice changes nothing the second time.
absl::Status MlflowBatchLog(RequestContext& context, const mlflow::LogBatchRequest& request);
absl::Status MlflowTagSet(RequestContext& context, const mlflow::SetTagRequest& request);
absl::Status MlflowTagDelete(RequestContext& context, const mlflow::DeleteTagRequest& request);
absl::Status MlflowModelRecord(RequestContext& context, const mlflow::LogModelRequest& request);

// In the order of times, steps and values; a series of more than limits::kMlflowHistorySorted points in that of steps. That
// of a run has the points of its tasks, too.
absl::Status MlflowHistoryGet(RequestContext& context, const mlflow::GetMetricHistoryRequest& request,
                              mlflow::GetMetricHistoryResponse* reply);
// A part of each run's points, evenly over the steps.
absl::Status MlflowHistoriesGet(RequestContext& context,
                                const mlflow::GetMetricHistoryBulkIntervalRequest& request,
                                mlflow::GetMetricHistoryBulkIntervalResponse* reply);

}  // namespace penstock
