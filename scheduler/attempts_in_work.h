// The attempts that the engine has given, or is about to give, to executors and that have not ended: also of runs that are
// deleted meanwhile, whose attempts are being cancelled.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace penstock {

// Thread-safe.
class AttemptsInWork {
 public:
  void Begin(absl::string_view attempt_id, absl::string_view run_id);
  // Nothing if it is not known.
  void End(absl::string_view attempt_id);
  // Whether any of the run is in work. What an attempt writes it has written when this is false.
  bool Any(absl::string_view run_id) const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<std::string, std::string> run_of_ ABSL_GUARDED_BY(mutex_);  // by attempt
  absl::flat_hash_map<std::string, int> attempts_ ABSL_GUARDED_BY(mutex_);        // by run
};

}  // namespace penstock
