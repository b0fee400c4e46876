// A bounded set of connections, and how they are made: with back-off, so that a database that is away costs
// little.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/watchdog.h"

namespace penstock::postgres {

// Thread-safe.
class Connector {
 public:
  // `clock` outlives this, and this its connections.
  Connector(std::string url, const Clock& clock) : url_(std::move(url)), clock_(clock), watchdog_(clock) {}

  // A new connection. For a while after a failure, longer each time, the same error is given without trying.
  // Errors: see Connection::Open.
  absl::StatusOr<std::unique_ptr<Connection>> Connect();

  const std::string& url() const { return url_; }
  const Clock& clock() const { return clock_; }
  Watchdog& watchdog() { return watchdog_; }

 private:
  const std::string url_;
  const Clock& clock_;
  Watchdog watchdog_;
  absl::Mutex mutex_;
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Time next_try_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration back_off_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe. Owns its idle connections.
class Pool {
 public:
  // `connector` and `clock` outlive this.
  Pool(Connector& connector, const Clock& clock) : connector_(connector), clock_(clock) {}

  // A connection that answered lately, or a new one. Waits for one if all are in use: UNAVAILABLE if none
  // comes back in time, or if the database is away.
  absl::StatusOr<std::unique_ptr<Connection>> Take();

  // Gives one back; one that failed is closed. If it is lost, none of the idle ones is trusted any more: they
  // were to the same server.
  void Return(std::unique_ptr<Connection> connection);

 private:
  struct Idle {
    std::unique_ptr<Connection> connection;
    absl::Time since;
  };

  Connector& connector_;
  const Clock& clock_;
  absl::Mutex mutex_;
  std::vector<Idle> idle_ ABSL_GUARDED_BY(mutex_);
  int connections_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace penstock::postgres
