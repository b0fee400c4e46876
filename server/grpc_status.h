// absl::Status as gRPC and KFP's clients expect it.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace penstock {

// The same code and message, shortened to what clients take, with a google.rpc.Status detail that repeats
// both for users, as KFP's server attaches. INTERNAL, UNKNOWN and DATA_LOSS keep their text for the log:
// clients read that the server's log has the cause.
grpc::Status ToGrpc(const absl::Status& status);

// "NOT_FOUND" and so on.
std::string CodeName(absl::StatusCode code);

}  // namespace penstock
