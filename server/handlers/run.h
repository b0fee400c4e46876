// RunService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status RunCreate(Deps& deps, const api::CreateRunRequest& request, api::Run* reply);
absl::Status RunGet(Deps& deps, const api::GetRunRequest& request, api::Run* reply);
// As RunGet, without run_details: a page shows runs, not their tasks.
absl::Status RunList(Deps& deps, const api::ListRunsRequest& request, api::ListRunsResponse* reply);
absl::Status RunArchive(Deps& deps, const api::ArchiveRunRequest& request, google::protobuf::Empty*);
absl::Status RunUnarchive(Deps& deps, const api::UnarchiveRunRequest& request, google::protobuf::Empty*);
absl::Status RunDelete(Deps& deps, const api::DeleteRunRequest& request, google::protobuf::Empty*);
// The run is PENDING again; the engine goes on with what did not succeed.
absl::Status RunRetry(Deps& deps, const api::RetryRunRequest& request, google::protobuf::Empty*);
absl::Status RunTerminate(Deps& deps, const api::TerminateRunRequest& request, google::protobuf::Empty*);

}  // namespace penstock
