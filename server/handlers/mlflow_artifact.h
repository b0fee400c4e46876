// Files of MLflow's runs and models, one function an RPC. They lie below kMlflowUri (content/uri.h).
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "mlflow/artifacts.pb.h"
#include "mlflow/logged_model.pb.h"
#include "mlflow/tracking.pb.h"
#include "server/context.h"

namespace penstock {

// `next` reads the next request; false at the end of the stream.
using WriteRequests = std::function<bool(mlflow::WriteArtifactRequest*)>;
absl::Status MlflowArtifactWrite(RequestContext& context, const WriteRequests& next);
// `sink` sends a chunk; false when the reader has gone.
using ReadChunks = std::function<bool(const mlflow::ReadArtifactChunk&)>;
absl::Status MlflowArtifactRead(RequestContext& context, const mlflow::ReadArtifactRequest& request,
                                const ReadChunks& sink);
absl::Status MlflowArtifactFiles(RequestContext& context, const mlflow::ListArtifactFilesRequest& request,
                                 mlflow::ListArtifactFilesResponse* reply);
absl::Status MlflowArtifactDelete(RequestContext& context, const mlflow::DeleteArtifactRequest& request);

// Of a run, and of a model, by paths below their roots. Files that lie elsewhere, because the experiment says so, are
// nobody's here.
absl::Status MlflowRunArtifacts(RequestContext& context, const mlflow::ListArtifactsRequest& request,
                                mlflow::ListArtifactsResponse* reply);
absl::Status MlflowModelArtifacts(RequestContext& context,
                                  const mlflow::ListLoggedModelArtifactsRequest& request,
                                  mlflow::ListLoggedModelArtifactsResponse* reply);

}  // namespace penstock
