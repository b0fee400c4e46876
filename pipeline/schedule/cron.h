// Cron expressions: when they match in a time zone. Pure and safe from any thread.
//
// Read as Kubeflow Pipelines reads them: six fields (second, minute, hour, day of month, month, day of week),
// or a descriptor (@daily, @every 90s). Five fields are a line of crontab: minute, hour, day of month, month,
// day of week, at second 0. "CRON_TZ=Europe/Berlin " or "TZ=..." before either names the zone.
//
// Where clocks are changed (docs/adr/2026-11-25-ticks-and-clock-changes.md):
//   - An hour field that names hours asks for times of the day. Each comes once a day: one that is skipped comes
//     as much later as the clock was moved (02:30 at 03:30), one that comes twice is taken the first time.
//   - An hour field that begins with * or ? asks for a rhythm: it matches whatever the clock on the wall shows,
//     so also in the hour that comes again, and not in one that is skipped.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"

namespace penstock {

class Cron {
 public:
  // INVALID_ARGUMENT names the field, what is wrong with it, and what would be right.
  static absl::StatusOr<Cron> Parse(absl::string_view text);

  // The first match after `after`, at a whole second. Nothing if there is none within 40 years, after which
  // all dates have come by: 30 February.
  std::optional<absl::Time> Next(absl::Time after, absl::TimeZone zone) const;

  // The most matches that any hour of a zone without clock changes can have.
  int64_t MostInAnHour() const;

  // The DURATION of @every; zero for all others.
  absl::Duration interval() const { return every_; }

  // What the expression itself names; empty if it names none.
  const std::string& zone_name() const { return zone_name_; }

  // Whether the clock on the wall shows a match.
  bool Matches(absl::CivilSecond time) const;
  // Whether it asks for times of the day rather than for a rhythm, as above.
  bool HasFixedHours() const { return !every_hour_; }

 private:
  Cron() = default;
  absl::Status ParseFields(absl::string_view text);
  absl::Status ParseDescriptor(absl::string_view text);
  bool DayMatches(absl::CivilDay day) const;
  absl::CivilSecond NextCivil(absl::CivilSecond from) const;
  std::optional<absl::Time> NextUntil(absl::Time from, absl::Time until, absl::TimeZone zone) const;

  absl::Duration every_;
  // A bit for each value that matches.
  uint64_t seconds_ = 0;
  uint64_t minutes_ = 0;
  uint64_t hours_ = 0;
  uint64_t days_ = 0;
  uint64_t months_ = 0;
  uint64_t weekdays_ = 0;  // Sunday is 0
  // Whether the field begins with * or ?.
  bool every_hour_ = false;
  bool every_day_ = false;
  bool every_weekday_ = false;
  std::string zone_name_;
};

}  // namespace penstock
