// The gRPC services: each RPC bound to its handler.
#pragma once

#include <grpcpp/impl/service_type.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <vector>

#include "server/context.h"
#include "server/watch/watch_hub.h"

namespace penstock {

using Services = std::vector<std::unique_ptr<grpc::Service>>;

// All services of the v2beta1 API and penstock.v1. What is not served yet answers UNIMPLEMENTED with a
// sentence. Both outlive them.
Services MakeServices(Deps& deps, WatchHub& hub);

}  // namespace penstock
