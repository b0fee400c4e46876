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
absl::Status RunCreate(Deps& deps, const api::Run& given, const RunCreateOptions& options, api::Run* reply);

// Changes of one run in a transaction; NOT_FOUND. Terminating one that has ended or is being terminated is
// INVALID_ARGUMENT, bringing one back from the archive while its experiment is there FAILED_PRECONDITION. Who
// terminates or deletes hints afterwards.
// FAILED_PRECONDITION while the run's experiment is archived, as RunUnarchive.
absl::Status RunMayBeUnarchived(db::Tx& tx, const RunRow& row);
absl::Status RunUnarchive(db::Tx& tx, absl::string_view run_id);
absl::Status RunTerminate(db::Tx& tx, absl::string_view run_id, absl::Time now);

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
