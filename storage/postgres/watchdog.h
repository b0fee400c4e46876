// A bound on waiting for a server that accepts and says nothing: libpq itself would wait for ever.
#pragma once

#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace penstock::postgres {

// Thread-safe. One thread looks about once a second whether an answer is overdue, and cuts that connection.
class Watchdog {
 public:
  // `clock` outlives this.
  explicit Watchdog(const Clock& clock);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // The wait for one answer, from here to the end of the scope.
  class Watch {
   public:
    // `socket` stays open for as long as this lives, and nobody else's.
    Watch(Watchdog& watchdog, int socket, absl::Duration wait_max);
    ~Watch();
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    friend class Watchdog;
    Watchdog& watchdog_;
    const int socket_;
    const absl::Time deadline_;
  };

 private:
  void Run();

  const Clock& clock_;
  absl::Mutex mutex_;
  std::vector<const Watch*> watches_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace penstock::postgres
