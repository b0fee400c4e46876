// A streaming call that passes on what the hub tells a watcher. It holds no thread.
#pragma once

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "server/context.h"
#include "server/watch/watch_hub.h"

namespace penstock {

using WatchStream = grpc::ServerWriteReactor<grpc::ByteBuffer>;

enum class WatchBacklog {
  kNewest,  // a message has everything: of those that a slow reader has not taken only the newest is kept
  kAll,     // each says what changed since the one before
};

// Begins a call `name`, such as "RunOperationsService/WatchRun", which belongs to gRPC from then on.
WatchStream* BeginWatch(Deps& deps, WatchHub& hub, const char* name, const std::string& key,
                        const WatchHub::Maker& make, WatchBacklog backlog);
// One that only fails.
WatchStream* RefuseWatch(Deps& deps, const char* name, const absl::Status& status);

// The message that a raw call came with.
bool ParseRequest(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite* request);

// The call of a watch of what `make` makes of the request.
template <typename Request>
WatchStream* Watch(Deps& deps, WatchHub& hub, const char* name, const grpc::ByteBuffer& bytes,
                   std::unique_ptr<Watched> (*make)(const Request&), WatchBacklog backlog) {
  Request request;
  if (!ParseRequest(bytes, &request)) {
    return RefuseWatch(deps, name, absl::InvalidArgumentError("the request is no message of its type"));
  }
  return BeginWatch(
      deps, hub, name, absl::StrCat(name, " ", request.SerializeAsString()), [&] { return make(request); },
      backlog);
}

}  // namespace penstock
