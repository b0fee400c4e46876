// Reads by one caller, all in turn, so that what disturbs the machine disturbs each of them alike.
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "google/protobuf/empty.pb.h"
#include "grpcpp/generic/generic_stub.h"
#include "kubeflow/pipelines/v2beta1/experiment.grpc.pb.h"
#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

constexpr int kPage = 20;
constexpr int kWalkPage = 200;
constexpr int kWarmUpRounds = 50;
constexpr int kSomeRuns = 2000;

// The reads of one server.
class Reader {
 public:
  explicit Reader(const std::string& target)
      : channel_(Connect(target)), runs_(api::RunService::NewStub(channel_)), check_(channel_) {
    LearnRuns();
    const auto experiments = api::ExperimentService::NewStub(channel_);
    grpc::ClientContext context;
    api::ListExperimentsRequest request;
    request.set_sort_by("last_run_created_at desc");
    api::ListExperimentsResponse page;
    Check(experiments->ListExperiments(&context, request, &page), "ListExperiments");
    AddLists("list", "", "");
    AddLists("list_newest", "created_at desc", "");
    AddLists("list_of_experiment", "created_at desc", page.experiments(0).experiment_id());
    calls_["get_run"] = [this] { GetRun(); };
  }

  // grpc.health.v1's Check with an empty request: next to nothing but the call itself.
  void Empty() {
    grpc::ClientContext context;
    grpc::ByteBuffer answer;
    const auto call = check_.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::ByteBuffer(), &queue_);
    call->StartCall();
    grpc::Status status;
    call->Finish(&answer, &status, this);
    void* tag = nullptr;
    bool ok = false;
    queue_.Next(&tag, &ok);
    bench::Check(status, "Check");
  }

  const std::map<std::string, std::function<void()>>& calls() const { return calls_; }

 private:
  api::ListRunsResponse List(const api::ListRunsRequest& request) {
    grpc::ClientContext context;
    api::ListRunsResponse page;
    bench::Check(runs_->ListRuns(&context, request, &page), "ListRuns");
    return page;
  }

  // Some ids from all over the table.
  void LearnRuns();

  // The first page of an order and the page in its middle, by the token that leads there.
  void AddLists(const std::string& name, const std::string& sort_by, const std::string& experiment_id);

  void GetRun() {
    grpc::ClientContext context;
    api::GetRunRequest request;
    request.set_run_id(run_ids_[random_() % run_ids_.size()]);
    api::Run run;
    bench::Check(runs_->GetRun(&context, request, &run), "GetRun");
  }

  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<api::RunService::Stub> runs_;
  grpc::GenericStub check_;
  grpc::CompletionQueue queue_;
  std::mt19937 random_{1};  // the same runs each time
  std::vector<std::string> run_ids_;
  std::map<std::string, std::function<void()>> calls_;
};

void Measure(Samples* samples, const std::function<void()>& call) {
  const auto begun = SteadyClock::now();
  call();
  if (samples != nullptr) samples->Add(1e3 * SecondsSince(begun));
}

}  // namespace
