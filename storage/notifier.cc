#include "storage/notifier.h"

#include <algorithm>
#include <utility>

namespace penstock {

void Notifier::Listen(Topic topic, Listener listener) {
  absl::MutexLock lock(&mutex_);
  listeners_.emplace_back(topic, std::move(listener));
}

void Notifier::StopListening(Topic topic) {
  absl::MutexLock lock(&mutex_);
  listeners_.erase(std::remove_if(listeners_.begin(), listeners_.end(),
                                  [topic](const auto& listener) { return listener.first == topic; }),
                   listeners_.end());
}

void Notifier::Deliver(Topic topic, absl::string_view key) const {
  // Held while listeners are called, so that none is called any more once StopListening has returned.
  absl::MutexLock lock(&mutex_);
  for (const auto& [wanted, listener] : listeners_) {
    if (wanted == topic) listener(key);
  }
}

}  // namespace penstock
