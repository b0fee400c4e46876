#include "storage/postgres/pool.h"

#include <algorithm>
#include <optional>

#include "common/errors.h"

namespace penstock::postgres {
namespace {

constexpr int kConnectionsMax = 8;  // more only contend: reads are short
// A BEGIN may come after another statement of the same round trip, where it cannot say this itself.
constexpr char kReaderSettings[] =
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
constexpr absl::Duration kTakeMax = absl::Seconds(10);
// Idle for longer, a connection is asked before it is used.
constexpr absl::Duration kTrusted = absl::Seconds(5);
constexpr absl::Duration kBackOffMin = absl::Milliseconds(50);
constexpr absl::Duration kBackOffMax = absl::Seconds(2);

}  // namespace

absl::StatusOr<std::unique_ptr<Connection>> Connector::Connect() {
  {
    absl::MutexLock lock(&mutex_);
    if (!last_failure_.ok() && clock_.Now() < next_try_at_) return last_failure_;
  }
  // Without the lock, as it may take seconds.
  auto connection = Connection::Open(url_, watchdog_);
  absl::MutexLock lock(&mutex_);
  last_failure_ = connection.status();
  if (connection.ok()) {
    back_off_ = absl::ZeroDuration();
  } else {
    back_off_ = std::clamp(2 * back_off_, kBackOffMin, kBackOffMax);
    next_try_at_ = clock_.Now() + back_off_;
  }
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> Pool::Take() {
  while (true) {
    std::optional<Idle> idle;
    {
      absl::MutexLock lock(&mutex_);
      const auto available = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return !idle_.empty() || connections_ < kConnectionsMax;
      };
      if (!mutex_.AwaitWithTimeout(absl::Condition(&available), kTakeMax)) return error::DatabaseBusy();
      if (!idle_.empty()) {
        idle = std::move(idle_.back());
        idle_.pop_back();
      } else {
        // Counted before it is there, so that never more are being made than there may be.
        ++connections_;
      }
    }
    if (!idle.has_value()) break;
    if (clock_.Now() - idle->since < kTrusted || idle->connection->Script("SELECT 1").ok()) {
      return std::move(idle->connection);
    }
    Return(std::move(idle->connection));
  }
  auto connection = connector_.Connect();
  if (connection.ok()) {
    const absl::Status set_up = (*connection)->Script(kReaderSettings);
    if (set_up.ok()) return connection;
    connection = set_up;
  }
  // The server may give no more than there are: then one of them serves, soon.
  absl::MutexLock lock(&mutex_);
  --connections_;
  const auto settled = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !idle_.empty() || connections_ == 0;
  };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&settled), kTakeMax) || idle_.empty()) return connection;
  std::unique_ptr<Connection> free = std::move(idle_.back().connection);
  idle_.pop_back();
  return free;
}

void Pool::Return(std::unique_ptr<Connection> connection) {
  const bool lost = connection->lost();
  const bool unusable = lost || connection->failed();
  if (unusable) connection.reset();
  absl::MutexLock lock(&mutex_);
  if (lost) {
    // What ended one may have ended all: the others are asked before they are used.
    for (Idle& idle : idle_) idle.since = absl::InfinitePast();
  }
  if (unusable) {
    --connections_;
  } else {
    idle_.push_back({std::move(connection), clock_.Now()});
  }
}

}  // namespace penstock::postgres
