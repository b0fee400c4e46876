// The listening gRPC server: all services, grpc.health.v1 and reflection, for others and for the gateway.
#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/services.h"

namespace penstock {

// It serves twice, with threads and connections of their own: once for whoever reaches the address, and once
// for the gateway and for programs that may read the data directory, so that these are served whatever the
// others do. Thread-safe after Start.
class Server {
 public:
  // Listens on `address` (host:port, port 0 takes a free one; unix:PATH; or "off") and on the socket file
  // `socket_path` (none if empty). UNAVAILABLE, with a sentence that names the port or the path, if it cannot.
  static absl::StatusOr<std::unique_ptr<Server>> Start(Deps& deps, const std::string& address,
                                                       const std::string& socket_path);
  ~Server();

  int port() const { return port_; }  // 0 without one
  // Where clients reach it, as gRPC calls it; empty if it is off.
  const std::string& target() const { return target_; }
  // Where the gateway does. With a port for others it is one, too: on a unix socket the kernel wakes the
  // server once more with each answer that the client takes.
  const std::string& local_target() const { return local_target_; }

  // Refuses new calls and waits for those that run, which are cancelled after `grace`. False if some have not
  // ended `limit` after it began: then neither the server nor what handlers use may be destroyed.
  bool Stop(absl::Duration grace, absl::Duration limit);

 private:
  struct Part {
    Services services;
    std::unique_ptr<grpc::Server> server;
  };

  explicit Server(Deps& deps) : clock_(deps.clock), watches_(std::make_unique<WatchHub>(deps)) {}

  absl::Status ServeOthers(Deps& deps, const std::string& address);
  absl::Status ServeGateway(Deps& deps, const std::string& socket_path, bool with_port);

  const Clock& clock_;
  const std::unique_ptr<WatchHub> watches_;  // outlives the services
  Part others_;
  Part gateway_;
  int port_ = 0;
  std::string target_;
  std::string local_target_;
};

}  // namespace penstock
