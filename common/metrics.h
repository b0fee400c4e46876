// What the process counts about itself, in Prometheus form.
#pragma once

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace penstock {

// Thread-safe. Names begin with penstock_server_.
class Metrics {
 private:
  prometheus::Registry registry_;  // before the members that are made from it

 public:
  Metrics();

  // One finished RPC: `method` is "RunService/GetRun", `code` a gRPC code's name.
  void CountRpc(const std::string& method, const std::string& code, absl::Duration took);

  prometheus::Counter& runs_taken;
  prometheus::Counter& runs_finished;
  prometheus::Counter& tasks_started;
  prometheus::Counter& tasks_ended;
  prometheus::Counter& ticks_decided;
  prometheus::Counter& ticks_fired;
  prometheus::Counter& cache_hits;
  prometheus::Counter& cache_misses;
  prometheus::Counter& engine_errors;
  prometheus::Gauge& runs_active;
  prometheus::Gauge& attempts_running;

  // The exposition text, with the process's memory, CPU time and threads as of now.
  std::string Text();

 private:
  // Looking a metric up by its labels costs much of a small call.
  struct RpcMetrics {
    prometheus::Counter* count = nullptr;
    prometheus::Histogram* seconds = nullptr;
  };
  absl::Mutex rpcs_mutex_;
  absl::flat_hash_map<std::pair<std::string, std::string>, RpcMetrics> rpcs_known_
      ABSL_GUARDED_BY(rpcs_mutex_);
  prometheus::Family<prometheus::Counter>& rpcs_;
  prometheus::Family<prometheus::Histogram>& rpc_seconds_;
  prometheus::Gauge& resident_bytes_;
  prometheus::Gauge& cpu_seconds_;
  prometheus::Gauge& threads_;
};

}  // namespace penstock
