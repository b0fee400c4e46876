// The health check that gRPC itself answers: next to nothing but the call.
#pragma once

#include <google/protobuf/empty.pb.h>
#include <grpcpp/impl/codegen/client_unary_call.h>

#include <memory>
#include <utility>

#include "tests/bench/client/connection.h"

namespace penstock::bench {

// Called as the generated stubs call; its messages, which nothing here generates, are read as empty ones.
class EmptyCall {
 public:
  explicit EmptyCall(std::shared_ptr<grpc::Channel> channel)
      : channel_(std::move(channel)),
        check_("/grpc.health.v1.Health/Check", grpc::internal::RpcMethod::NORMAL_RPC) {}

  void operator()() {
    using google::protobuf::Empty;
    grpc::ClientContext context;
    Empty answer;
    Check(grpc::internal::BlockingUnaryCall<Empty, Empty, grpc::protobuf::MessageLite,
                                            grpc::protobuf::MessageLite>(channel_.get(), check_, &context,
                                                                         Empty(), &answer),
          "Check");
  }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const grpc::internal::RpcMethod check_;
};

}  // namespace penstock::bench
