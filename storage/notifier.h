// Wake-up hints: "something may have changed, look now". A hint may be lost or come twice; polling makes it
// correct.
#pragma once

#include <functional>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace penstock {

// kRuns: the scheduler is to look at a run. kRecurringRuns: at recurring runs. kRunChanges: what others see of a run has
// changed; an empty key stands for any run.
enum class Topic { kRuns, kRecurringRuns, kRunChanges };

// Thread-safe. Delivers within this process; a database that knows of other processes delivers there too.
class Notifier {
 public:
  using Listener = std::function<void(absl::string_view key)>;

  Notifier() = default;
  virtual ~Notifier() = default;
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // `listener` is called from any thread and must return at once, until StopListening returns.
  void Listen(Topic topic, Listener listener);
  void StopListening(Topic topic);

  // `key` is the id of what changed. Call it after the commit.
  virtual void Notify(Topic topic, absl::string_view key) { Deliver(topic, key); }

 protected:
  void Deliver(Topic topic, absl::string_view key) const;

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::pair<Topic, Listener>> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
