// How gRPC services are bound to handlers.
#pragma once

#include "server/context.h"
#include "server/rpc.h"

namespace penstock {

// Overrides RPC `Method` of `Service` with `handler`, an expression of `context`, `request` and `reply`.
#define PENSTOCK_RPC(Service, Method, Request, Reply, handler)                                    \
  grpc::Status Method(grpc::ServerContext* call, const Request* request, Reply* reply) override { \
    RequestContext context = ContextOf(deps_, *call);                                             \
    return HandleUnary(*call, context, #Service "/" #Method, *request, *reply,                    \
                       [&]() -> absl::Status { return handler; });                                \
  }

template <typename Base>
class Bound : public Base {
 public:
  explicit Bound(Deps& deps) : deps_(deps) {}

 protected:
  Deps& deps_;
};

}  // namespace penstock
