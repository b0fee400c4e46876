#include "pipeline/schedule/trigger.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/schedule/time_zone.h"

namespace penstock {
namespace {

constexpr absl::Time kLastTime = absl::FromUnixSeconds(253'402'300'799);  // of the year 9999, as on the wire

}  // namespace

absl::StatusOr<Trigger> Trigger::Create(const TriggerSpec& spec) {
  Trigger trigger;
  trigger.spec_ = spec;
  trigger.zone_ = absl::UTCTimeZone();
  if (spec.kind == TriggerKind::kInterval &&
      (spec.interval_seconds < 1 || spec.interval_seconds > limits::kScheduleIntervalSeconds)) {
    return absl::InvalidArgumentError(absl::StrCat("interval_second is ", spec.interval_seconds,
                                                   "; it has to be from 1 to ",
                                                   limits::kScheduleIntervalSeconds));
  }
  trigger.interval_ = absl::Seconds(spec.kind == TriggerKind::kInterval ? spec.interval_seconds : 0);
  if (spec.kind != TriggerKind::kCron) {
    if (spec.time_zone.empty()) return trigger;
    return absl::InvalidArgumentError("a time zone is for cron schedules; intervals are the same everywhere");
  }
  ASSIGN_OR_RETURN(trigger.cron_, Cron::Parse(spec.cron));
  trigger.interval_ = trigger.cron_->interval();
  const std::string& own = trigger.cron_->zone_name();
  if (!own.empty() && !spec.time_zone.empty() && own != spec.time_zone) {
    return absl::InvalidArgumentError(absl::StrCat("the cron expression names the time zone ",
                                                   QuoteForMessage(own), " and time_zone ",
                                                   QuoteForMessage(spec.time_zone), "; give one of them"));
  }
  ASSIGN_OR_RETURN(trigger.zone_, LoadZone(own.empty() ? spec.time_zone : own));
  if (!trigger.cron_->Next(spec.start_at.value_or(absl::UnixEpoch()), trigger.zone_).has_value()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cron: ", QuoteForMessage(spec.cron), " never matches: no month has such a day"));
  }
  return trigger;
}

std::optional<absl::Time> Trigger::Within(std::optional<absl::Time> slot) const {
  if (!slot.has_value()) return slot;
  return *slot > std::min(kLastTime, spec_.end_at.value_or(kLastTime)) ? std::nullopt : slot;
}

std::optional<absl::Time> Trigger::First(absl::Time reference) const {
  if (spec_.kind == TriggerKind::kOnce) return reference;
  return Next(spec_.start_at.value_or(reference));
}

std::optional<absl::Time> Trigger::Next(absl::Time slot) const {
  if (interval_ > absl::ZeroDuration()) {
    return Within(absl::FromUnixSeconds(absl::ToUnixSeconds(slot)) + interval_);
  }
  return cron_.has_value() ? Within(cron_->Next(slot, zone_)) : std::nullopt;
}

std::optional<absl::Time> Trigger::FirstAfter(absl::Time time, absl::Time slot) const {
  if (slot > time) return Within(slot);
  if (interval_ > absl::ZeroDuration()) {
    // Stays on the grid of `slot`, however many intervals were missed.
    const int64_t steps = (time - slot) / interval_;
    return Within(slot + (steps + 1) * interval_);
  }
  return cron_.has_value() ? Next(time) : std::nullopt;
}

int64_t Trigger::MostInAnHour() const {
  if (cron_.has_value()) return cron_->MostInAnHour();
  if (interval_ == absl::ZeroDuration()) return 1;
  // Rounded up.
  return (absl::Hours(1) + interval_ - absl::Nanoseconds(1)) / interval_;
}

}  // namespace penstock
