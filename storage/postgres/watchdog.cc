#include "storage/postgres/watchdog.h"

#include <sys/socket.h>

#include <algorithm>

#include "common/log.h"

namespace penstock::postgres {
namespace {

constexpr absl::Duration kLookEvery = absl::Seconds(1);

}  // namespace

Watchdog::Watch::Watch(Watchdog& watchdog, int socket, absl::Duration wait_max)
    : watchdog_(watchdog), socket_(socket), deadline_(watchdog.clock_.Now() + wait_max) {
  absl::MutexLock lock(&watchdog_.mutex_);
  watchdog_.watches_.push_back(this);
}

Watchdog::Watch::~Watch() {
  absl::MutexLock lock(&watchdog_.mutex_);
  watchdog_.watches_.erase(std::find(watchdog_.watches_.begin(), watchdog_.watches_.end(), this));
}

Watchdog::Watchdog(const Clock& clock) : clock_(clock) {
  thread_ = std::thread([this] { Run(); });
}

Watchdog::~Watchdog() {
  {
    absl::MutexLock lock(&mutex_);
    stop_ = true;
  }
  thread_.join();
}

void Watchdog::Run() {
  absl::MutexLock lock(&mutex_);
  while (!mutex_.AwaitWithTimeout(absl::Condition(&stop_), kLookEvery)) {
    const absl::Time now = clock_.Now();
    for (const Watch* watch : watches_) {
      if (now < watch->deadline_) continue;
      spdlog::warn("the database does not answer: its connection is given up");
      // Wakes whoever waits; libpq then says that the connection is lost. Closing would not, and another's
      // socket might get the number.
      shutdown(watch->socket_, SHUT_RDWR);
    }
  }
}

}  // namespace penstock::postgres
