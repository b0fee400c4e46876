#include "common/metrics.h"

#include <prometheus/text_serializer.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace penstock {
namespace {

prometheus::Counter& NewCounter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& NewGauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double Seconds(const timeval& time) { return time.tv_sec + time.tv_usec / 1e6; }

}  // namespace

Metrics::Metrics()
    : runs_taken(
          NewCounter(registry_, "penstock_server_runs_taken_total", "Runs that the engine began to drive")),
      runs_finished(
          NewCounter(registry_, "penstock_server_runs_finished_total", "Runs that reached a final state")),
      tasks_started(
          NewCounter(registry_, "penstock_server_attempts_started_total", "Attempts of tasks started")),
      tasks_ended(
          NewCounter(registry_, "penstock_server_attempts_ended_total", "Attempts of tasks that ended")),
      ticks_decided(NewCounter(registry_, "penstock_server_ticks_decided_total",
                               "Ticks of recurring runs that were decided, whatever the decision")),
      ticks_fired(NewCounter(registry_, "penstock_server_ticks_fired_total",
                             "Ticks of recurring runs that started a run")),
      cache_hits(NewCounter(registry_, "penstock_server_cache_hits_total", "Tasks taken from the cache")),
      cache_misses(NewCounter(registry_, "penstock_server_cache_misses_total",
                              "Tasks that were looked up in the cache and had to run")),
      engine_errors(
          NewCounter(registry_, "penstock_server_engine_errors_total", "Engine passes that failed")),
      runs_active(NewGauge(registry_, "penstock_server_runs_active", "Runs being driven now")),
      attempts_running(NewGauge(registry_, "penstock_server_attempts_running", "Attempts running now")),
      rpcs_(prometheus::BuildCounter()
                .Name("penstock_server_rpcs_total")
                .Help("Finished RPCs by method and code")
                .Register(registry_)),
      rpc_seconds_(prometheus::BuildHistogram()
                       .Name("penstock_server_rpc_seconds")
                       .Help("Time taken by RPCs")
                       .Register(registry_)),
      resident_bytes_(NewGauge(registry_, "penstock_server_resident_memory_bytes", "Resident memory")),
      cpu_seconds_(NewGauge(registry_, "penstock_server_cpu_seconds", "User and system CPU time used")),
      threads_(NewGauge(registry_, "penstock_server_threads", "Threads")) {}

void Metrics::CountRpc(const std::string& method, const std::string& code, absl::Duration took) {
  static const prometheus::Histogram::BucketBoundaries buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                                  0.05,   0.1,   0.25,   1,     5,    30};
  RpcMetrics found;
  {
    absl::MutexLock lock(&rpcs_mutex_);
    // Prometheus would make and hash a map of labels each time.
    RpcMetrics& known = rpcs_known_[{method, code}];
    if (known.count == nullptr) {
      known.count = &rpcs_.Add({{"method", method}, {"code", code}});
      known.seconds = &rpc_seconds_.Add({{"method", method}}, buckets);
    }
    found = known;
  }
  found.count->Increment();
  found.seconds->Observe(absl::ToDoubleSeconds(took));
}

std::string Metrics::Text() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  cpu_seconds_.Set(Seconds(usage.ru_utime) + Seconds(usage.ru_stime));
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double value;
    if (word == "VmRSS:" && status >> value) resident_bytes_.Set(value * 1024);
    if (word == "Threads:" && status >> value) threads_.Set(value);
  }
  return prometheus::TextSerializer().Serialize(registry_.Collect());
}

}  // namespace penstock
