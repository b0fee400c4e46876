#include "server/server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <sys/stat.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/listen_address.h"
#include "server/memory.h"

namespace penstock {
namespace {

// gRPC ends threads that are idle beyond this many, and making them anew costs more than a call.
constexpr int kPollersMax = 64;
constexpr int kKeepaliveMillis = 60'000;  // after which a silent client is asked whether it is there
constexpr int kKeepaliveTimeoutMillis = 20'000;

// Where a process of this machine reaches what listens on `address`.
std::string LocalTarget(absl::string_view address, int port) {
  return absl::StrCat(HostToConnectTo(address), ":", port);
}

void SetUpBuilder(const Services& services, int threads, grpc::ServerBuilder* builder) {
  grpc::ResourceQuota quota("penstock");
  quota.SetMaxThreads(threads);
  quota.Resize(limits::kRpcBufferBytes);
  builder->SetResourceQuota(quota);
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollersMax);
  builder->SetMaxReceiveMessageSize(limits::kRpcMessageBytes);
  builder->SetMaxSendMessageSize(-1);
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a port that is taken is an error, not shared
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, limits::kRpcMetadataBytes);
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> creators;
  creators.push_back(AnswerHolds());
  builder->experimental().SetInterceptorCreators(std::move(creators));
  for (const auto& service : services) builder->RegisterService(service.get());
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(Deps& deps, const std::string& address,
                                                      const std::string& socket_path) {
  // Both are of the whole process, in which tests start more than one server.
  static const bool plugins = [] {
    grpc::EnableDefaultHealthCheckService(false);  // see health.h
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  (void)plugins;
  std::unique_ptr<Server> server(new Server(deps));
  if (address != "off") RETURN_IF_ERROR(server->ServeOthers(deps, address));
  RETURN_IF_ERROR(server->ServeGateway(deps, socket_path, server->port_ != 0));
  return server;
}

absl::Status Server::ServeOthers(Deps& deps, const std::string& address) {
  const std::string path(UnixPath(address));
  if (!path.empty()) RETURN_IF_ERROR(FreeSocketPath(path, "grpc_listen=unix:PATH"));
  others_.services = MakeServices(deps, *watches_);
  grpc::ServerBuilder builder;
  SetUpBuilder(others_.services, limits::kRpcThreads, &builder);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kRpcStreams);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  int port = 0;
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port);
  others_.server = builder.BuildAndStart();
  if (others_.server == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat(
        "gRPC cannot listen on ", address,
        ": the port is taken by another program, or the address is not this machine's. Stop that program "
        "(`ss -ltnp` names it) or choose another with --grpc_listen=HOST:PORT"));
  }
  if (path.empty()) {
    port_ = port;
    target_ = LocalTarget(address, port);
  } else {
    chmod(path.c_str(), 0600);
    target_ = address;
  }
  return absl::OkStatus();
}

absl::Status Server::ServeGateway(Deps& deps, const std::string& socket_path, bool with_port) {
  if (!with_port && socket_path.empty()) {
    return absl::UnavailableError(
        "without a port for gRPC the gateway reaches the server by a socket in the data directory, and the "
        "path of that is too long for one: choose a shorter --data_dir, or --grpc_listen=HOST:PORT");
  }
  gateway_.services = MakeServices(deps, *watches_);
  grpc::ServerBuilder builder;
  SetUpBuilder(gateway_.services, limits::kGatewayRpcThreads, &builder);
  int port = 0;
  if (with_port) builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  // The data directory is ours: what lies there is a dead server's, and gRPC removes it.
  const std::string target = absl::StrCat("unix:", socket_path);
  if (!socket_path.empty()) builder.AddListeningPort(target, grpc::InsecureServerCredentials());
  gateway_.server = builder.BuildAndStart();
  if (gateway_.server == nullptr) {
    return absl::UnavailableError(absl::StrCat("gRPC cannot listen on ", target, " or on 127.0.0.1"));
  }
  if (!socket_path.empty()) chmod(socket_path.c_str(), 0600);
  local_target_ = with_port ? absl::StrCat("127.0.0.1:", port) : target;
  return absl::OkStatus();
}

Server::~Server() { Stop(absl::ZeroDuration(), absl::InfiniteDuration()); }

bool Server::Stop(absl::Duration grace, absl::Duration limit) {
  watches_->Stop();
  const auto deadline = absl::ToChronoTime(clock_.Now() + grace);
  std::vector<grpc::Server*> running;
  for (const Part* part : {&others_, &gateway_}) {
    if (part->server != nullptr) running.push_back(part->server.get());
  }
  // Its threads may outlive this call: they hold nothing of it.
  const auto ended = std::make_shared<absl::Notification>();
  std::thread([running, deadline, ended] {
    std::vector<std::thread> threads;
    for (grpc::Server* server : running) {
      threads.emplace_back([server, deadline] { server->Shutdown(deadline); });
    }
    for (std::thread& thread : threads) thread.join();
    ended->Notify();
  }).detach();
  return ended->WaitForNotificationWithTimeout(limit);
}

}  // namespace penstock
