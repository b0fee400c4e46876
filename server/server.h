// The listening gRPC server: all services, grpc.health.v1 and reflection, over TCP and a unix socket.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/services.h"

namespace penstock {

// Thread-safe after Start.
class Server {
 public:
  // Listens on `address` (host:port, port 0 takes a free one) and on the socket file `socket_path` (none if
  // empty). UNAVAILABLE, with a sentence that names the port, if it cannot.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Deps& deps, const std::string& address,
                                                       const std::string& socket_path);
  ~Server();

  int port() const { return port_; }
  // Where a process of this machine reaches it best, "host:port": on a unix socket the kernel wakes the
  // server once more with each answer that the client takes.
  const std::string& local_target() const { return local_target_; }

  // Refuses new calls and waits for those that run, which are cancelled after `grace`.
  void Stop(absl::Duration grace);

 private:
  explicit Server(const Clock& clock) : clock_(clock) {}

  const Clock& clock_;
  Services services_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::string local_target_;
};

}  // namespace penstock
