#include "scheduler/attempts_in_work.h"

namespace penstock {

void AttemptsInWork::Begin(absl::string_view attempt_id, absl::string_view run_id) {
  absl::MutexLock lock(&mutex_);
  if (run_of_.try_emplace(attempt_id, run_id).second) ++attempts_[run_id];
}

void AttemptsInWork::End(absl::string_view attempt_id) {
  absl::MutexLock lock(&mutex_);
  const auto run = run_of_.find(attempt_id);
  if (run == run_of_.end()) return;
  const auto attempts = attempts_.find(run->second);
  if (--attempts->second == 0) attempts_.erase(attempts);
  run_of_.erase(run);
}

bool AttemptsInWork::Any(absl::string_view run_id) const {
  absl::MutexLock lock(&mutex_);
  return attempts_.contains(run_id);
}

}  // namespace penstock
