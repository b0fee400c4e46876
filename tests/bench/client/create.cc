// CreateRun under load. The callers are calls in flight that one thread serves from a completion queue: 64
// blocking threads would take from the server much of the two cores that they share.
#include <grpcpp/completion_queue.h>

#include <vector>

#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

constexpr int kChannels = 4;
constexpr double kWarmUpSeconds = 0.5;

// One caller: makes its next call as soon as the last one is answered.
class Caller {
 public:
  Caller(api::RunService::Stub& stub, grpc::CompletionQueue& queue, const api::CreateRunRequest& request)
      : stub_(stub), queue_(queue), request_(request) {}

  void Begin() {
    context_ = std::make_unique<grpc::ClientContext>();
    begun_ = SteadyClock::now();
    reader_ = stub_.AsyncCreateRun(context_.get(), request_, &queue_);
    reader_->Finish(&answer_, &status_, this);
  }
  // Milliseconds that the call took.
  double End() const {
    Check(status_, "CreateRun");
    return 1e3 * SecondsSince(begun_);
  }

 private:
  api::RunService::Stub& stub_;
  grpc::CompletionQueue& queue_;
  const api::CreateRunRequest& request_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<api::Run>> reader_;
  SteadyClock::time_point begun_;
  api::Run answer_;
  grpc::Status status_;
};

}  // namespace

Json Create(const std::string& target, const std::string& version_id, int callers, double seconds) {
  const api::CreateRunRequest request = RunOf(version_id, "one of many");
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<api::RunService::Stub>> stubs;
  for (int i = 0; i < kChannels; ++i) stubs.push_back(api::RunService::NewStub(Connect(target)));
  std::vector<std::unique_ptr<Caller>> all;
  for (int i = 0; i < callers; ++i) {
    all.push_back(std::make_unique<Caller>(*stubs[i % kChannels], queue, request));
    all.back()->Begin();
  }

  Samples latency;
  const auto begun = SteadyClock::now();
  void* tag = nullptr;
  bool ok = false;
  int in_flight = callers;
  while (in_flight > 0 && queue.Next(&tag, &ok)) {
    auto* caller = static_cast<Caller*>(tag);
    const double took = caller->End();
    const double now = SecondsSince(begun);
    if (now >= kWarmUpSeconds && now < kWarmUpSeconds + seconds) latency.Add(took);
    if (now < kWarmUpSeconds + seconds) {
      caller->Begin();
    } else {
      --in_flight;
    }
  }
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
  return {{"per_second", static_cast<double>(latency.size()) / seconds}, {"latency_ms", latency.Summary()}};
}

}  // namespace penstock::bench
