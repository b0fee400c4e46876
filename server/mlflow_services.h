// The gRPC services of MLflow's API: each RPC bound to its handler.
#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "server/context.h"

namespace penstock {

// Adds them, and their names. What is not served answers UNIMPLEMENTED with a sentence. `deps` outlives them.
void AddMlflowServices(Deps& deps, std::vector<std::unique_ptr<grpc::Service>>* services,
                       std::set<std::string>* names);

}  // namespace penstock
