// The one wrapper around every handler: cancellation, status, log and metrics.
#pragma once

#include <grpcpp/server_context.h>

#include "common/log.h"
#include "server/context.h"
#include "server/grpc_status.h"

namespace penstock {

// Runs `handler`, which returns absl::Status. `name` is "RunService/GetRun".
template <typename Handler>
grpc::Status HandleRpc(Deps& deps, grpc::ServerContext& context, const char* name, Handler handler) {
  const absl::Time begun = deps.clock.Now();
  absl::Status status = context.IsCancelled() ? absl::CancelledError("the caller has gone") : handler();
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
