#include "scheduler/run_cache.h"

#include <algorithm>

#include "pipeline/spec/volume_components.h"
#include "scheduler/plan/run_tree.h"
#include "storage/cache_store.h"

namespace penstock {
namespace {

bool AsksForCache(const PlannedTask& task) {
  return task.executor != nullptr && task.executor->has_container() &&
         task.spec->caching_options().enable_cache();
}

bool AnyAsksForCache(const RunPlan& plan) {
  return std::any_of(plan.dags().begin(), plan.dags().end(), [](const PlannedDag& dag) {
    return std::any_of(dag.tasks.begin(), dag.tasks.end(), AsksForCache);
  });
}

// Whether the pipeline wants the task to be cached: it does, and nothing that it is part of says otherwise.
bool WantsCache(const RunSnapshot& run, int task) {
  if (!AsksForCache(PlannedOf(run, task))) return false;
  for (int outer = ParentOf(run, task); outer >= 0; outer = ParentOf(run, outer)) {
    const auto& spec = *PlannedOf(run, outer).spec;
    if (spec.has_caching_options() && !spec.caching_options().enable_cache()) return false;
  }
  return true;
}

bool ReadsFinalStatus(const PlannedTask& task) {
  const auto& parameters = task.spec->inputs().parameters();
  return std::any_of(parameters.begin(), parameters.end(),
                     [](const auto& input) { return input.second.has_task_final_status(); });
}

}  // namespace

RunCache::RunCache(const RunPlan& plan, const CacheSettings& server, const OfRun& run,
                   const std::vector<std::pair<int, std::string>>& decisions)
    : asks_(AnyAsksForCache(plan)), server_on_(server.enabled), max_age_(server.max_age) {
  if (run.max_age > absl::ZeroDuration()) max_age_ = std::min(max_age_, run.max_age);
  if (!asks_ || !server.enabled || !run.enabled) return;
  keys_ = std::make_unique<CacheKeyMaker>(plan.pipeline_name());
  for (const auto& [task, text] : decisions) {
    const auto decision = CacheDecisionFromText(text);
    if (decision.ok() && decision->result == CacheResult::kMiss) missed_[task] = *decision;
  }
}

bool RunCache::IsToBeLookedUp(const RunSnapshot& run, int task) {
  // What failed once and is tried again ran for a reason.
  if (!asks_ || run.tasks[task].attempts > 0 || !WantsCache(run, task)) return false;
  CacheDecision decision;
  decision.result = CacheResult::kNotAsked;
  const PlannedTask& planned = PlannedOf(run, task);
  if (!in_use()) {
    decision.reason = server_on_ ? "RUN_OFF" : "SERVER_OFF";
  } else if (ReadsFinalStatus(planned)) {
    decision.reason = "READS_FINAL_STATUS";
  } else if (planned.awaits_any_end) {
    decision.reason = "RUNS_WHATEVER_HAPPENS";
  } else if (IsVolumeImage(planned.executor->container().image())) {
    decision.reason = "CHANGES_VOLUMES";  // which may be gone, or be there, by now
  } else {
    return true;
  }
  SetDecision(task, CacheDecisionText(decision));
  return false;
}

bool RunCache::IsLookup(int task, const CacheLookup* lookup) const {
  const auto found = lookups_.find(task);
  return found != lookups_.end() && found->second == lookup;
}

std::string RunCache::TakeDecision(int task) {
  auto decision = decisions_.extract(task);
  return decision.empty() ? "" : std::move(decision.mapped());
}

const CacheDecision* RunCache::Missed(int task) const {
  const auto found = missed_.find(task);
  return found == missed_.end() ? nullptr : &found->second;
}

}  // namespace penstock
