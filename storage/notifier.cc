#include "storage/notifier.h"

#include <utility>

namespace penstock {

void Notifier::Listen(Topic topic, Listener listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.emplace_back(topic, std::move(listener));
}

void Notifier::Notify(Topic topic) const {
  absl::MutexLock lock(&mutex_);
  for (const auto& [wanted, listener] : listeners_) {
    if (wanted == topic) listener();
  }
}

}  // namespace penstock
