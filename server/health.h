// grpc.health.v1 as a service like the others. The library's own answers by an asynchronous queue, and with it each read
// of half of all connections costs some microseconds more.
#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>
#include <set>
#include <string>

namespace penstock {

// `names` are those of the services that are served.
std::unique_ptr<grpc::Service> MakeHealth(std::set<std::string> names);

}  // namespace penstock
