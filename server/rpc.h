// The one wrapper around every handler: status, log and metrics.
//
// A unary call runs to its end once it has begun. Asking whether its caller has gone costs more than a small
// call (gRPC polls its queue for the answer), so only handlers that stream ask, and unary calls before they
// begin if many are in work: those of a client that begins calls only to abandon them then cost little.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/server_context.h>

#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/log.h"
#include "server/context.h"
#include "server/grpc_status.h"
#include "server/memory.h"

namespace penstock {

// The context of a call, which it borrows.
inline RequestContext ContextOf(Deps& deps, const grpc::ServerContext& call) {
  return {deps, /*principal=*/"", absl::FromChrono(call.deadline()), [&call] { return call.IsCancelled(); },
          deps.memory.Begin()};
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

// The same for a unary call, which first takes memory if its request is large. Tells the caller of a large
// answer its size before it is sent, so that the caller can see to its memory first.
template <typename Handler>
grpc::Status HandleUnary(grpc::ServerContext& call, RequestContext& context, const char* name,
                         const google::protobuf::MessageLite& request,
                         const google::protobuf::MessageLite& reply, Handler handler) {
  static std::atomic<int> in_work{0};
  const bool many = ++in_work > limits::kCallsUnasked;
  const absl::Cleanup done = [] { --in_work; };
  if (many && context.is_cancelled()) return {grpc::StatusCode::CANCELLED, "the caller has gone"};
  if (const int64_t bytes = request.ByteSizeLong(); bytes > limits::kRequestBytesFree) {
    const absl::Status taken = TakeMemory(context, bytes * limits::kRequestMemoryFactor);
    if (!taken.ok()) return ToGrpc(taken);
  }
  grpc::Status status = HandleRpc(context, name, std::move(handler));
  const size_t bytes = status.ok() ? reply.ByteSizeLong() : 0;
  if (bytes > limits::kAnswerBytesUnsaid) {
    call.AddInitialMetadata("penstock-answer-bytes", absl::StrCat(bytes));
  }
  HoldAnswer(context, name, bytes);
  return status;
}

}  // namespace penstock
