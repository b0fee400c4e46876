// Wake-up hints: "something may have changed, look now". A hint may be lost or come twice; polling makes it correct.
#pragma once

#include <functional>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace penstock {

enum class Topic { kRuns };

// Thread-safe. Delivers within this process.
class Notifier {
 public:
  using Listener = std::function<void()>;

  // `listener` is called from any thread, must return at once and must outlive the notifier's users.
  void Listen(Topic topic, Listener listener);
  void Notify(Topic topic) const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::pair<Topic, Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
