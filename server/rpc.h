// The one wrapper around every handler: status, log and metrics.
//
// A unary call runs to its end once it has begun. Asking whether its caller has gone costs more than a small
// call (gRPC polls its queue for the answer), so only handlers that stream ask.
#pragma once

#include <grpcpp/server_context.h>

#include "common/log.h"
#include "server/context.h"
#include "server/grpc_status.h"

namespace penstock {

// The context of a call, which it borrows.
inline RequestContext ContextOf(Deps& deps, const grpc::ServerContext& call) {
  return {deps, /*principal=*/"", absl::FromChrono(call.deadline()), [&call] { return call.IsCancelled(); }};
}

// Runs `handler`, which returns absl::Status. `name` is "RunService/GetRun".
template <typename Handler>
grpc::Status HandleRpc(RequestContext& context, const char* name, Handler handler) {
  Deps& deps = context.deps;
  const absl::Time begun = deps.clock.Now();
  const absl::Status status = handler();
  const absl::Duration took = deps.clock.Now() - begun;
  deps.metrics.CountRpc(name, CodeName(status.code()), took);
  const grpc::Status answer = ToGrpc(status);
  if (status.code() == absl::StatusCode::kInternal || status.code() == absl::StatusCode::kDataLoss ||
      status.code() == absl::StatusCode::kUnknown) {
    spdlog::error("rpc failed rpc={} code={} error={}", name, CodeName(status.code()),
                  LogValue(status.message()));
  } else if (spdlog::should_log(spdlog::level::debug)) {
    spdlog::debug("rpc rpc={} code={} ms={:.3f} message={}", name, CodeName(status.code()),
                  absl::ToDoubleMilliseconds(took), LogValue(status.message()));
  }
  return answer;
}

}  // namespace penstock
