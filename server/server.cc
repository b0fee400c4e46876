#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace penstock {
namespace {

// gRPC ends threads that are idle beyond this many, and making them anew costs more than a call.
constexpr int kPollersMax = 64;

// Where a process of this machine reaches what listens on `address`.
std::string LocalTarget(absl::string_view address, int port) {
  absl::string_view host = address.substr(0, address.rfind(':'));
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "[::]") host = "[::1]";
  return absl::StrCat(host, ":", port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Deps& deps, const std::string& address,
                                                      const std::string& socket_path) {
  // Both are of the whole process, in which tests start more than one server.
  static const bool plugins = [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)plugins;
  std::unique_ptr<Server> server(new Server(deps.clock));
  server->services_ = MakeServices(deps);

  grpc::ServerBuilder builder;
  grpc::ResourceQuota quota("penstock");
  quota.SetMaxThreads(limits::kRpcThreads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollersMax);
  builder.SetMaxReceiveMessageSize(limits::kRpcMessageBytes);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error, not shared
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &server->port_);
  if (!socket_path.empty()) {
    unlink(socket_path.c_str());  // the data directory is ours: what lies here is a dead server's
    builder.AddListeningPort(absl::StrCat("unix:", socket_path), grpc::InsecureServerCredentials());
  }
  for (const auto& service : server->services_) builder.RegisterService(service.get());
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr || server->port_ == 0) {
    return absl::UnavailableError(absl::StrCat(
        "gRPC cannot listen on ", address,
        ": the port is taken by another program, or the address is not this machine's. Stop that program "
        "(`ss -ltnp` names it) or choose another with --grpc_listen=HOST:PORT"));
  }
  if (!socket_path.empty()) chmod(socket_path.c_str(), 0600);
  server->local_target_ = LocalTarget(address, server->port_);
  return server;
}

Server::~Server() { Stop(absl::ZeroDuration()); }

void Server::Stop(absl::Duration grace) {
  if (server_ != nullptr) server_->Shutdown(absl::ToChronoTime(clock_.Now() + grace));
}

}  // namespace penstock
