// Identifiers: UUID version 7 text, so that ids made later sort later and inserts stay at the end of the
// index.
#pragma once

#include <cstdint>
#include <string>

#include "absl/random/random.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"

namespace penstock {

// Thread-safe.
class IdGenerator {
 public:
  virtual ~IdGenerator() = default;
  // A new id, 36 characters in lower case.
  virtual std::string NewId() = 0;
};

// RFC 9562 UUIDv7. Ids of one generator are strictly increasing, also within a millisecond and when the clock
// steps back.
class Uuid7Generator final : public IdGenerator {
 public:
  explicit Uuid7Generator(const Clock& clock) : clock_(clock) {}
  std::string NewId() override;

 private:
  const Clock& clock_;
  absl::Mutex mutex_;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  int64_t last_ms_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t counter_ ABSL_GUARDED_BY(mutex_) = 0;  // 42 bits below the time; see ids.cc
};

// Ids that tests can foretell: 00000000-0000-7000-8000-000000000001 and on.
class SequentialIdGenerator final : public IdGenerator {
 public:
  std::string NewId() override;

 private:
  absl::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 1;
};

// RFC 9562 UUIDv5: the same for the same `name` in the same `space`, which is a UUID.
std::string Uuid5(absl::string_view space, absl::string_view name);

// The id of the run `display_name` of a recurring run, as KFP makes it: so there is one of each name.
std::string RecurringRunRunId(absl::string_view recurring_run_id, absl::string_view display_name);

// Whether `text` has the form of a UUID of any version, in either case.
bool LooksLikeUuid(absl::string_view text);

}  // namespace penstock
