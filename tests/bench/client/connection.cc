#include "tests/bench/client/connection.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace penstock::bench {

std::shared_ptr<grpc::Channel> Connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  auto channel = grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
    Fail("no connection to " + target);
  }
  return channel;
}

void Fail(const std::string& what) {
  std::fprintf(stderr, "penstock_bench_client: %s\n", what.c_str());
  std::_Exit(1);
}

void Check(const grpc::Status& status, const std::string& what) {
  if (!status.ok()) Fail(what + ": " + status.error_message());
}

double SecondsSince(SteadyClock::time_point begun) {
  return std::chrono::duration<double>(SteadyClock::now() - begun).count();
}

int64_t WallNanos() {
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

void SleepMillis(int millis) { std::this_thread::sleep_for(std::chrono::milliseconds(millis)); }

double Samples::Percentile(double share) const {
  std::vector<double> sorted = values_;
  const size_t rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

Json Samples::Summary() const {
  return {{"p50", Percentile(0.50)}, {"p99", Percentile(0.99)}, {"count", values_.size()}};
}

Json AsTold(const std::function<void()>& one) {
  int total = 0;
  for (int count = 0; std::cin >> count; total += count) {
    for (int i = 0; i < count; ++i) one();
    std::cout << "made " << count << std::endl;
  }
  return {{"calls", total}};
}

api::CreateRunRequest RunOf(const std::string& version_id, const std::string& name) {
  api::CreateRunRequest request;
  request.mutable_run()->set_display_name(name);
  request.mutable_run()->mutable_pipeline_version_reference()->set_pipeline_version_id(version_id);
  return request;
}

api::Run WaitForLastRun(api::RunService::Stub& runs, int poll_millis) {
  api::ListRunsRequest request;
  request.set_page_size(1);
  request.set_sort_by("created_at desc");
  while (true) {
    grpc::ClientContext context;
    api::ListRunsResponse page;
    Check(runs.ListRuns(&context, request, &page), "ListRuns");
    if (page.runs_size() == 0) Fail("there is no run to wait for");
    const api::RuntimeState state = page.runs(0).state();
    if (state == api::FAILED || state == api::CANCELED) {
      Fail("the run failed: " + page.runs(0).error().message());
    }
    if (state == api::SUCCEEDED) return page.runs(0);
    SleepMillis(poll_millis);
  }
}

}  // namespace penstock::bench
