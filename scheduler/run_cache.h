// What one run asks of the cache, and what the cache has said of its tasks so far.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "scheduler/plan/cache_key.h"
#include "scheduler/plan/types.h"
#include "storage/model.h"

namespace penstock {

struct CacheSettings {
  bool enabled = true;
  absl::Duration max_age = absl::InfiniteDuration();  // older entries are not used
};

// One task that is being looked up; see task_cache.h.
struct CacheLookup;

// Not thread-safe.
class RunCache {
 public:
  // What the run itself says; zero `max_age`: no bound of its own.
  struct OfRun {
    bool enabled;
    absl::Duration max_age;
  };

  // `plan` outlives it. `decisions`: what the cache said of tasks that have not ended, as stored.
  RunCache(const RunPlan& plan, const CacheSettings& server, const OfRun& run,
           const std::vector<std::pair<int, std::string>>& decisions);

  // Whether tasks of the run are taken from the cache and kept in it.
  bool in_use() const { return keys_ != nullptr; }
  absl::Duration max_age() const { return max_age_; }
  CacheKeyMaker& keys() { return *keys_; }

  // Whether a task that became ready is to be looked up. If its pipeline asks for the cache and it is not, the
  // reason is kept for it.
  bool IsToBeLookedUp(const RunSnapshot& run, int task);

  // The lookup under way of a task, so that an answer is known to be to the last question.
  void SetLookup(int task, const CacheLookup* lookup) { lookups_[task] = lookup; }
  bool IsLookup(int task, const CacheLookup* lookup) const;
  void DropLookup(int task) { lookups_.erase(task); }

  // What was decided of a ready task: to be stored when it moves, and taken out then.
  void SetDecision(int task, std::string text) { decisions_[task] = std::move(text); }
  std::string TakeDecision(int task);

  // Tasks that missed and are being run for it.
  void SetMissed(int task, CacheDecision decision) { missed_[task] = std::move(decision); }
  const CacheDecision* Missed(int task) const;
  void DropMissed(int task) { missed_.erase(task); }

 private:
  bool asks_ = false;  // a task of the pipeline asks for the cache
  bool server_on_ = true;
  absl::Duration max_age_;
  std::unique_ptr<CacheKeyMaker> keys_;  // if it is in use
  std::map<int, const CacheLookup*> lookups_;
  std::map<int, CacheDecision> missed_;
  std::map<int, std::string> decisions_;
};

}  // namespace penstock
