// What the commands of the client share: connections, exact percentiles, and the calls that none of them
// measures.
#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/json.h"
#include "kubeflow/pipelines/v2beta1/run.grpc.pb.h"

namespace penstock::bench {

namespace api = kubeflow::pipelines::backend::api::v2beta1;
using SteadyClock = std::chrono::steady_clock;

// A connection of its own, which shares no socket with others to the same target.
std::shared_ptr<grpc::Channel> Connect(const std::string& target);

// Ends the program with a sentence on standard error: a measurement with failures in it is worth nothing.
[[noreturn]] void Fail(const std::string& what);
void Check(const grpc::Status& status, const std::string& what);

double SecondsSince(SteadyClock::time_point begun);
// CLOCK_REALTIME, which the server and the tasks read as well.
int64_t WallNanos();
void SleepMillis(int millis);

class Samples {
 public:
  void Add(double value) { values_.push_back(value); }
  void Add(const Samples& more) { values_.insert(values_.end(), more.values_.begin(), more.values_.end()); }
  size_t size() const { return values_.size(); }
  // 0 < share < 1. There must be samples.
  double Percentile(double share) const;
  // {"p50": ..., "p99": ..., "count": ...}
  Json Summary() const;

 private:
  std::vector<double> values_;
};

// Calls `one` as many times as each number says that is read from standard input, with a line on standard
// output after each. {"calls": all of them}
Json AsTold(const std::function<void()>& one);

// A run of the stored version `version_id`.
api::CreateRunRequest RunOf(const std::string& version_id, const std::string& name);

// Waits until the run created last has succeeded and returns it without its tasks, so that waiting costs the
// server little.
api::Run WaitForLastRun(api::RunService::Stub& runs, int poll_millis);

}  // namespace penstock::bench
