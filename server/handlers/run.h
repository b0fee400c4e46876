// RunService, one function an RPC.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// What a run is created with besides itself.
struct RunCreateOptions {
  // If given, the same request creates no second run. The hash is that of all it asks for.
  std::string request_id;
  std::string request_sha256;
  Tags tags;
};
// Answers with the run that the request has created before, if it has. ALREADY_EXISTS if the id of the
// request was used for another one.
absl::Status RunCreate(RequestContext& context, const api::Run& given, const RunCreateOptions& options,
                       api::Run* reply);

absl::Status RunCreate(RequestContext& context, const api::CreateRunRequest& request, api::Run* reply);
absl::Status RunGet(RequestContext& context, const api::GetRunRequest& request, api::Run* reply);
// As RunGet, without run_details: a page shows runs, not their tasks.
absl::Status RunList(RequestContext& context, const api::ListRunsRequest& request,
                     api::ListRunsResponse* reply);
absl::Status RunArchive(RequestContext& context, const api::ArchiveRunRequest& request,
                        google::protobuf::Empty*);
absl::Status RunUnarchive(RequestContext& context, const api::UnarchiveRunRequest& request,
                          google::protobuf::Empty*);
absl::Status RunDelete(RequestContext& context, const api::DeleteRunRequest& request,
                       google::protobuf::Empty*);
// The run is PENDING again; the engine goes on with what did not succeed.
absl::Status RunRetry(RequestContext& context, const api::RetryRunRequest& request, google::protobuf::Empty*);
absl::Status RunTerminate(RequestContext& context, const api::TerminateRunRequest& request,
                          google::protobuf::Empty*);

}  // namespace penstock
