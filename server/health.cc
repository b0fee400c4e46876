#include "server/health.h"

#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "common/limits.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace penstock {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr absl::Duration kLook = absl::Seconds(1);  // for the end of a watch

class Health final : public grpc::health::v1::Health::Service {
 public:
  explicit Health(std::set<std::string> names) : names_(std::move(names)) {}

  grpc::Status Check(grpc::ServerContext*, const HealthCheckRequest* request,
                     HealthCheckResponse* reply) override {
    if (!Serves(request->service())) {
      return {grpc::StatusCode::NOT_FOUND, absl::StrCat("there is no service ", request->service())};
    }
    reply->set_status(HealthCheckResponse::SERVING);
    return grpc::Status::OK;
  }

  // A server that runs serves, so nothing changes; the call lasts as the clients expect.
  grpc::Status Watch(grpc::ServerContext* call, const HealthCheckRequest* request,
                     grpc::ServerWriter<HealthCheckResponse>* writer) override {
    const int watchers = ++watchers_;
    grpc::Status status = grpc::Status::OK;
    if (watchers > limits::kWatchers) {
      status = {grpc::StatusCode::UNIMPLEMENTED,
                absl::StrCat(limits::kWatchers, " health watches are served already, the most at once")};
    } else {
      HealthCheckResponse reply;
      reply.set_status(Serves(request->service()) ? HealthCheckResponse::SERVING
                                                  : HealthCheckResponse::SERVICE_UNKNOWN);
      if (writer->Write(reply)) {
        while (!call->IsCancelled()) Pause(kLook);
      }
    }
    --watchers_;
    return status;
  }

 private:
  bool Serves(const std::string& name) const { return name.empty() || names_.count(name) > 0; }

  const std::set<std::string> names_;
  std::atomic<int> watchers_{0};
};

}  // namespace

std::unique_ptr<grpc::Service> MakeHealth(std::set<std::string> names) {
  return std::make_unique<Health>(std::move(names));
}

}  // namespace penstock
