// Runs as MLflow's clients ask for them, one function an RPC.
#pragma once

#include <functional>
#include <vector>

#include "absl/status/status.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"
#include "server/handlers/mlflow_target.h"

namespace penstock {

// A run that the client records: the engine leaves it alone.
absl::Status MlflowRunCreate(RequestContext& context, const mlflow::CreateRunRequest& request,
                             mlflow::CreateRunResponse* reply);
absl::Status MlflowRunGet(RequestContext& context, const mlflow::GetRunRequest& request,
                          mlflow::GetRunResponse* reply);
// The status of what the engine drives stays as it is, whatever the request says; the answer has the true one.
absl::Status MlflowRunUpdate(RequestContext& context, const mlflow::UpdateRunRequest& request,
                             mlflow::UpdateRunResponse* reply);
absl::Status MlflowRunDelete(RequestContext& context, const mlflow::DeleteRunRequest& request);
absl::Status MlflowRunRestore(RequestContext& context, const mlflow::RestoreRunRequest& request);

// Adds runs to an answer with all that belongs to them, in their order. `add` gives the place of the next one.
using MlflowRunAdd = std::function<mlflow::Run*()>;
absl::Status MlflowRunsRead(RequestContext& context, db::Tx& tx, const std::vector<RunRow>& rows,
                            const MlflowRunAdd& add);
// The same for tasks of one run.
absl::Status MlflowTasksRead(RequestContext& context, db::Tx& tx, const RunRow& run,
                             const std::vector<TaskRow>& tasks, const MlflowRunAdd& add);

}  // namespace penstock
