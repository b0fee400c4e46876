// LogMetrics under load, by blocking callers: a batch is long enough that their threads cost little.
#include <mutex>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "penstock/v1/metric.grpc.pb.h"
#include "tests/bench/client/commands.h"
#include "tests/bench/client/connection.h"

namespace penstock::bench {
namespace {

constexpr int kSeries = 10;
constexpr int kBatch = 1000;
constexpr double kWarmUpSeconds = 0.5;

std::string NewRun(const std::string& target, const std::string& version_id, int number) {
  const auto runs = api::RunService::NewStub(Connect(target));
  grpc::ClientContext context;
  api::Run run;
  Check(runs->CreateRun(&context, RunOf(version_id, absl::StrCat("logger ", number)), &run), "CreateRun");
  return run.run_id();
}

void SetSteps(int64_t first, penstock::v1::LogMetricsRequest& request) {
  for (int i = 0; i < kBatch; ++i) {
    auto* point = request.mutable_points(i);
    point->set_step(first + i / kSeries);
    point->set_value(1.0 / static_cast<double>(first + i + 1));
    point->mutable_time()->set_seconds(1'700'000'000 + first + i / kSeries);
  }
}

}  // namespace

Json LogPoints(const std::string& target, const std::string& version_id, int callers, double seconds) {
  std::vector<std::string> run_ids;
  for (int i = 0; i < callers; ++i) run_ids.push_back(NewRun(target, version_id, i));
  std::mutex mutex;
  Samples latency;
  const auto begun = SteadyClock::now();
  const auto call = [&](int number) {
    const auto metrics = penstock::v1::MetricService::NewStub(Connect(target));
    penstock::v1::LogMetricsRequest request;
    request.set_run_id(run_ids[number]);
    for (int i = 0; i < kBatch; ++i) request.add_points()->set_name(absl::StrCat("m", i % kSeries));
    Samples own;
    for (int64_t step = 0; SecondsSince(begun) < kWarmUpSeconds + seconds; step += kBatch / kSeries) {
      SetSteps(step, request);
      grpc::ClientContext context;
      penstock::v1::LogMetricsResponse answer;
      const auto called = SteadyClock::now();
      Check(metrics->LogMetrics(&context, request, &answer), "LogMetrics");
      if (SecondsSince(begun) >= kWarmUpSeconds) own.Add(1e3 * SecondsSince(called));
    }
    const std::lock_guard lock(mutex);
    latency.Add(own);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) threads.emplace_back(call, i);
  for (std::thread& thread : threads) thread.join();
  return {{"per_second", static_cast<double>(latency.size()) * kBatch / seconds},
          {"latency_ms", latency.Summary()}};
}

}  // namespace penstock::bench
