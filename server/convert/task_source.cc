#include "server/convert/task_source.h"

#include "storage/cache_store.h"

namespace penstock {

std::optional<CacheDecision> CacheDecisionOf(const TaskRow& row) {
  if (row.cache_decision.empty()) return std::nullopt;
  auto decision = CacheDecisionFromText(row.cache_decision);
  if (!decision.ok()) return std::nullopt;
  return *std::move(decision);
}

bool IsFromCache(const TaskRow& row) {
  if (row.state != TaskState::kSucceeded) return false;
  const auto decision = CacheDecisionOf(row);
  return decision.has_value() && decision->result == CacheResult::kHit;
}

// Goes up to the root, which is at most limits::kSpecNesting graphs and as many loops away.
std::optional<TaskPlace> TaskPlaces::Find(const TaskRow& row) {
  const auto known = places_.find(row.task_id);
  if (known != places_.end()) return known->second;
  std::optional<TaskPlace> place;
  const auto run = source_.runs.find(row.run_id);
  if (!row.recorded && run != source_.runs.end() && run->second.document != nullptr) {
    const PipelineDocument& document = *run->second.document;
    std::optional<TaskPlace> around;
    const auto parent = source_.tasks.find(row.parent_task_id);
    if (row.parent_task_id.empty()) {
      around = RootPlace(document);
    } else if (parent != source_.tasks.end()) {
      around = Find(parent->second);
    }
    // An iteration stands where its loop does.
    if (row.iteration >= 0) {
      place = around;
    } else if (around.has_value()) {
      place = PlaceWithin(document, *around, row.name);
    }
  }
  places_.emplace(row.task_id, place);
  return place;
}

}  // namespace penstock
