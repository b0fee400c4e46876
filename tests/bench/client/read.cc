// Reads by one caller, all in turn, so that what disturbs the machine disturbs each of them alike.
#include <array>
#include <functional>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "kubeflow/pipelines/v2beta1/experiment.grpc.pb.h"
#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"
#include "tests/bench/client/empty_call.h"

namespace penstock::bench {
namespace {

constexpr int kPage = 20;
constexpr int kWalkPage = 200;
constexpr int kWarmUpRounds = 50;

// The reads of one server.
class Reader {
 public:
  explicit Reader(const std::string& target)
      : channel_(Connect(target)), runs_(api::RunService::NewStub(channel_)), empty_(channel_) {
    const auto experiments = api::ExperimentService::NewStub(channel_);
    api::ListExperimentsRequest request;
    request.set_sort_by("last_run_created_at desc");
    api::ListExperimentsResponse page;
    grpc::ClientContext context;
    bench::Check(experiments->ListExperiments(&context, request, &page), "ListExperiments");
    AddLists("list_default", "", "");
    AddLists("list_newest", "created_at desc", "");
    AddLists("list_of_experiment", "created_at desc", page.experiments(0).experiment_id());
    calls_["empty"] = [this] { empty_(); };
    calls_["get_run"] = [this] { GetRun(); };
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // By name; those whose name begins with "list_" are pages of 20.
  const std::map<std::string, std::function<void()>>& calls() const { return calls_; }

 private:
  api::ListRunsResponse List(const api::ListRunsRequest& request) {
    grpc::ClientContext context;
    api::ListRunsResponse page;
    bench::Check(runs_->ListRuns(&context, request, &page), "ListRuns");
    return page;
  }

  // The first page of an order, and the page in its middle, by the token that a walk there ends with.
  void AddLists(const std::string& name, const std::string& sort_by, const std::string& experiment_id) {
    api::ListRunsRequest request;
    request.set_sort_by(sort_by);
    request.set_experiment_id(experiment_id);
    request.set_page_size(kPage);
    calls_[name + "_first"] = [this, request] { ListFull(request); };
    request.set_page_size(kWalkPage);
    for (int seen = 0, half = kWalkPage; seen < half; seen += kWalkPage) {
      const api::ListRunsResponse page = List(request);
      half = page.total_size() / 2;
      run_ids_.push_back(page.runs(0).run_id());
      if (page.next_page_token().empty()) break;
      request.set_page_token(page.next_page_token());
    }
    request.set_page_size(kPage);
    calls_[name + "_middle"] = [this, request] { ListFull(request); };
  }

  void ListFull(const api::ListRunsRequest& request) {
    if (List(request).runs_size() != kPage) Fail("a page is not full");
  }

  void GetRun() {
    grpc::ClientContext context;
    api::GetRunRequest request;
    request.set_run_id(run_ids_[random_() % run_ids_.size()]);
    api::Run run;
    bench::Check(runs_->GetRun(&context, request, &run), "GetRun");
  }

  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<api::RunService::Stub> runs_;
  EmptyCall empty_;
  std::mt19937 random_{1};  // the same runs each time
  std::vector<std::string> run_ids_;
  std::map<std::string, std::function<void()>> calls_;
};

void CreateRun(api::RunService::Stub& runs, const std::string& version_id) {
  grpc::ClientContext context;
  api::Run run;
  bench::Check(runs.CreateRun(&context, RunOf(version_id, "run"), &run), "CreateRun");
}

}  // namespace

Json Calls(const std::string& target, const std::string& call, const std::string& version_id) {
  const auto runs = api::RunService::NewStub(Connect(target));
  std::function<void()> one = [&] { CreateRun(*runs, version_id); };
  std::unique_ptr<Reader> reader;
  if (call != "create_run") {
    reader = std::make_unique<Reader>(target);
    one = reader->calls().at(call);
  }
  return AsTold(one);
}

Json Read(const std::string& large_target, const std::string& small_target, int rounds) {
  Reader large(large_target);
  Reader small(small_target);
  std::map<std::string, std::map<std::string, Samples>> samples;
  for (int round = -kWarmUpRounds; round < rounds; ++round) {
    for (const auto& [name, call] : large.calls()) {
      // A call on each side, one right after the other, for the comparison of their sizes; each is first in
      // turn.
      std::array sides = {std::pair("large", &large), std::pair("small", &small)};
      if (round % 2 != 0) std::swap(sides[0], sides[1]);
      for (const auto& [side, reader] : sides) {
        const auto begun = SteadyClock::now();
        reader->calls().at(name)();
        if (round >= 0) samples[side][name].Add(1e3 * SecondsSince(begun));
      }
    }
  }
  Json result;
  for (const auto& [side, calls] : samples) {
    for (const auto& [name, times] : calls) result[side][name] = times.Summary();
  }
  return result;
}

}  // namespace penstock::bench
