// When a recurring run is due: its slots, from the first to the last. Pure, but for the zone data that Create
// reads; safe from any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/trigger_spec.h"
#include "pipeline/schedule/cron.h"

namespace penstock {

// A slot lies at a whole second and after the start, which is none itself, as in KFP; one at the end counts.
class Trigger {
 public:
  // INVALID_ARGUMENT if the expression cannot be read or never matches, the interval is out of bounds, or the
  // zone is unknown or named twice.
  static absl::StatusOr<Trigger> Create(const TriggerSpec& spec);

  // The first slot of a schedule that begins to count at `reference`, or at its start if it has one.
  // kOnce: `reference` itself.
  std::optional<absl::Time> First(absl::Time reference) const;
  // The slot that follows `slot`, however late it is now.
  std::optional<absl::Time> Next(absl::Time slot) const;
  // The first slot after `time` of a schedule whose next slot is `slot`: what was before is passed over.
  std::optional<absl::Time> FirstAfter(absl::Time time, absl::Time slot) const;

  // The most slots in any hour.
  int64_t MostInAnHour() const;
  absl::TimeZone zone() const { return zone_; }

 private:
  Trigger() = default;
  std::optional<absl::Time> Within(std::optional<absl::Time> slot) const;

  TriggerSpec spec_;
  std::optional<Cron> cron_;  // of kCron
  absl::Duration interval_;   // of kInterval, and of a cron expression with @every; else zero
  absl::TimeZone zone_;
};

}  // namespace penstock
