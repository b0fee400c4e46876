#include "pipeline/schedule/cron.h"

#include <algorithm>
#include <vector>

#include "absl/numeric/bits.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr int kSearchYears = 40;  // 29 February on a given weekday, around 2100

struct FieldRule {
  absl::string_view name;
  int least;
  int most;
  absl::Span<const absl::string_view> names;  // of the values, from `least` on
};

constexpr absl::string_view kMonths[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                         "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr absl::string_view kWeekdays[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr FieldRule kSecond = {"second", 0, 59, {}};
constexpr FieldRule kMinute = {"minute", 0, 59, {}};
constexpr FieldRule kHour = {"hour", 0, 23, {}};
constexpr FieldRule kDay = {"day of month", 1, 31, {}};
constexpr FieldRule kMonth = {"month", 1, 12, kMonths};
constexpr FieldRule kWeekday = {"day of week", 0, 6, kWeekdays};
// In a crontab 7 is Sunday, too.
constexpr FieldRule kCrontabWeekday = {"day of week", 0, 7, kWeekdays};

struct Descriptor {
  absl::string_view name;
  absl::string_view fields;
};
constexpr Descriptor kDescriptors[] = {
    {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"},
    {"@weekly", "0 0 0 * * 0"}, {"@daily", "0 0 0 * * *"},    {"@midnight", "0 0 0 * * *"},
    {"@hourly", "0 0 * * * *"},
};

bool IsStar(absl::string_view text) { return text == "*" || text == "?"; }

absl::Status Wrong(const FieldRule& rule, absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("cron: ", rule.name, " ", QuoteForMessage(text), ": ", what));
}

absl::StatusOr<int> Value(const FieldRule& rule, absl::string_view text) {
  for (size_t i = 0; i < rule.names.size(); ++i) {
    if (absl::EqualsIgnoreCase(text, rule.names[i])) return rule.least + static_cast<int>(i);
  }
  int value;
  // SimpleAtoi alone would take a sign and white space.
  const bool digits = !text.empty() && absl::ascii_isdigit(text[0]);
  if (!digits || !absl::SimpleAtoi(text, &value) || value < rule.least || value > rule.most) {
    return Wrong(rule, text,
                 absl::StrCat("expected a number from ", rule.least, " to ", rule.most,
                              rule.names.empty() ? "" : absl::StrCat(" or a name such as ", rule.names[1])));
  }
  return value;
}

// One part of a list: *, a, a-b, each also with /step.
absl::StatusOr<uint64_t> RangeBits(const FieldRule& rule, absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '/');
  const std::vector<absl::string_view> ends = absl::StrSplit(parts[0], '-');
  if (parts.size() > 2 || ends.size() > 2) {
    return Wrong(rule, text, "expected a value, a range a-b, or one of them with /step");
  }
  int first = rule.least;
  int last = rule.most;
  if (!IsStar(parts[0])) {
    ASSIGN_OR_RETURN(first, Value(rule, ends[0]));
    last = first;
    if (ends.size() == 2) {
      ASSIGN_OR_RETURN(last, Value(rule, ends[1]));
    } else if (parts.size() == 2) {
      // One value with a step goes on to the end of the field, as in robfig/cron.
      last = rule.most;
    }
  }
  if (first > last) return Wrong(rule, text, "the range ends before it begins");
  int step = 1;
  if (parts.size() == 2 && (!absl::SimpleAtoi(parts[1], &step) || step < 1)) {
    return Wrong(rule, text, "the step has to be a number from 1 on");
  }
  uint64_t bits = 0;
  // Wider than the step, whose sum may pass an int.
  for (int64_t value = first; value <= last; value += step) bits |= uint64_t{1} << value;
  return bits;
}

absl::StatusOr<uint64_t> FieldBits(const FieldRule& rule, absl::string_view text) {
  uint64_t bits = 0;
  for (const absl::string_view part : absl::StrSplit(text, ',')) {
    ASSIGN_OR_RETURN(const uint64_t some, RangeBits(rule, part));
    bits |= some;
  }
  return bits;
}

bool BeginsWithStar(absl::string_view field) {
  for (const absl::string_view part : absl::StrSplit(field, ',')) {
    if (absl::StartsWith(part, "*") || absl::StartsWith(part, "?")) return true;
  }
  return false;
}

bool Has(uint64_t bits, int value) { return (bits >> value & 1) != 0; }

// The least value from `from` on, or -1.
int FirstFrom(uint64_t bits, int from) {
  const uint64_t rest = from >= 64 ? 0 : bits >> from << from;
  return rest == 0 ? -1 : absl::countr_zero(rest);
}

absl::Time WholeSecond(absl::Time time) { return absl::FromUnixSeconds(absl::ToUnixSeconds(time)); }

}  // namespace

absl::StatusOr<Cron> Cron::Parse(absl::string_view text) {
  if (text.size() > limits::kCronBytes) {
    return absl::InvalidArgumentError(absl::StrCat("cron is ", text.size(), " bytes long; at most ",
                                                   limits::kCronBytes, " bytes are allowed"));
  }
  Cron cron;
  text = absl::StripAsciiWhitespace(text);
  if (absl::ConsumePrefix(&text, "CRON_TZ=") || absl::ConsumePrefix(&text, "TZ=")) {
    const size_t end = std::min(text.find_first_of(" \t"), text.size());
    cron.zone_name_ = std::string(text.substr(0, end));
    text = absl::StripAsciiWhitespace(text.substr(end));
    if (cron.zone_name_.empty()) {
      return absl::InvalidArgumentError("cron: a time zone is missing behind TZ=, such as TZ=Europe/Berlin");
    }
  }
  RETURN_IF_ERROR(absl::StartsWith(text, "@") ? cron.ParseDescriptor(text) : cron.ParseFields(text));
  return cron;
}

absl::Status Cron::ParseDescriptor(absl::string_view text) {
  for (const Descriptor& known : kDescriptors) {
    if (absl::EqualsIgnoreCase(text, known.name)) return ParseFields(known.fields);
  }
  absl::string_view rest = text;
  if (!absl::ConsumePrefix(&rest, "@every ")) {
    return absl::InvalidArgumentError(
        absl::StrCat("cron: ", QuoteForMessage(text),
                     " is not one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly and "
                     "@every DURATION"));
  }
  absl::Duration every;
  if (!absl::ParseDuration(absl::StripAsciiWhitespace(rest), &every) || every <= absl::ZeroDuration() ||
      every > absl::Seconds(limits::kScheduleIntervalSeconds)) {
    return absl::InvalidArgumentError(absl::StrCat("cron: ", QuoteForMessage(text),
                                                   ": expected a duration such as 90s or 1h30m, at most ",
                                                   limits::kScheduleIntervalSeconds, " seconds"));
  }
  every_ = std::max(absl::Floor(every, absl::Seconds(1)), absl::Seconds(1));
  return absl::OkStatus();
}

absl::Status Cron::ParseFields(absl::string_view text) {
  std::vector<absl::string_view> fields = absl::StrSplit(text, absl::ByAnyChar(" \t"), absl::SkipEmpty());
  const bool crontab = fields.size() == 5;
  if (crontab) fields.insert(fields.begin(), "0");
  if (fields.size() != 6) {
    return absl::InvalidArgumentError(absl::StrCat(
        "cron: ", QuoteForMessage(text), " has ", fields.size(),
        " fields; expected six (second, minute, hour, day of month, month, day of week), five (the same "
        "without second), or a descriptor such as @daily"));
  }
  ASSIGN_OR_RETURN(seconds_, FieldBits(kSecond, fields[0]));
  ASSIGN_OR_RETURN(minutes_, FieldBits(kMinute, fields[1]));
  ASSIGN_OR_RETURN(hours_, FieldBits(kHour, fields[2]));
  ASSIGN_OR_RETURN(days_, FieldBits(kDay, fields[3]));
  ASSIGN_OR_RETURN(months_, FieldBits(kMonth, fields[4]));
  ASSIGN_OR_RETURN(weekdays_, FieldBits(crontab ? kCrontabWeekday : kWeekday, fields[5]));
  if (Has(weekdays_, 7)) weekdays_ |= 1;
  every_hour_ = BeginsWithStar(fields[2]);
  every_day_ = BeginsWithStar(fields[3]);
  every_weekday_ = BeginsWithStar(fields[5]);
  return absl::OkStatus();
}

// As cron does: where both fields of a day restrict, either may match.
bool Cron::DayMatches(absl::CivilDay day) const {
  const bool by_day = Has(days_, day.day());
  // Abseil's weeks begin with Monday, cron's with Sunday.
  const bool by_weekday = Has(weekdays_, (static_cast<int>(absl::GetWeekday(day)) + 1) % 7);
  return every_day_ || every_weekday_ ? by_day && by_weekday : by_day || by_weekday;
}

bool Cron::Matches(absl::CivilSecond time) const {
  return Has(months_, time.month()) && DayMatches(absl::CivilDay(time)) && Has(hours_, time.hour()) &&
         Has(minutes_, time.minute()) && Has(seconds_, time.second());
}

// The first time on the wall from `from` on that matches; a time beyond all searches if none does.
// From the largest unit to the smallest it jumps to the next value that may match, so that a search of years
// is one of months and days.
absl::CivilSecond Cron::NextCivil(absl::CivilSecond from) const {
  const absl::civil_year_t last = from.year() + kSearchYears;
  absl::CivilSecond time = from;
  while (time.year() <= last) {
    if (!Has(months_, time.month())) {
      time = absl::CivilSecond(absl::CivilMonth(time) + 1);
    } else if (!DayMatches(absl::CivilDay(time))) {
      time = absl::CivilSecond(absl::CivilDay(time) + 1);
    } else if (const int hour = FirstFrom(hours_, time.hour()); hour != time.hour()) {
      const absl::CivilDay day(time);
      time = hour < 0 ? absl::CivilSecond(day + 1) : absl::CivilSecond(day) + hour * 3600;
    } else if (const int minute = FirstFrom(minutes_, time.minute()); minute != time.minute()) {
      const absl::CivilHour within(time);
      time = minute < 0 ? absl::CivilSecond(within + 1) : absl::CivilSecond(within) + minute * 60;
    } else if (const int second = FirstFrom(seconds_, time.second()); second != time.second()) {
      const absl::CivilMinute within(time);
      time = second < 0 ? absl::CivilSecond(within + 1) : absl::CivilSecond(within) + second;
    } else {
      return time;
    }
  }
  return absl::CivilSecond::max();
}

std::optional<absl::Time> Cron::Next(absl::Time after, absl::TimeZone zone) const {
  absl::Time from = WholeSecond(after) + absl::Seconds(1);
  if (every_ > absl::ZeroDuration()) return from - absl::Seconds(1) + every_;
  const absl::Time last = from + kSearchYears * absl::Hours(24 * 366);
  // One stretch between two changes of the clock after the other.
  // Within it time and the wall go at one pace: a match on the wall is one addition away.
  while (from < last) {
    absl::TimeZone::CivilTransition change;
    const bool changes = zone.NextTransition(from, &change);
    const absl::Time until = changes ? zone.At(change.to).trans : absl::InfiniteFuture();
    const auto found = NextUntil(from, until, zone);
    if (found.has_value()) return found;
    from = until;
  }
  return std::nullopt;
}

// The first match in [from, until), in which the clock is not changed.
// Fixed hours look back to the change that the stretch begins with. One forward has skipped times, which come
// by the old clock for as long as was skipped; one back brings times again, which are passed over.
std::optional<absl::Time> Cron::NextUntil(absl::Time from, absl::Time until, absl::TimeZone zone) const {
  const auto first_on_wall = [&](absl::Time begin, absl::CivilSecond wall, absl::Time end) -> absl::Time {
    const absl::CivilSecond found = NextCivil(wall);
    if (found == absl::CivilSecond::max()) return absl::InfiniteFuture();
    const absl::Time time = begin + absl::Seconds(found - wall);
    return time < end ? time : absl::InfiniteFuture();
  };
  absl::Time earliest = absl::InfiniteFuture();
  absl::TimeZone::CivilTransition change;
  // A second later, so that a change at `from` itself is found.
  if (HasFixedHours() && zone.PrevTransition(from + absl::Seconds(1), &change)) {
    const int64_t moved = change.to - change.from;
    const absl::Time changed_at = zone.At(change.to).trans;
    const absl::Time over_at = changed_at + absl::Seconds(std::abs(moved));
    if (moved > 0 && from < over_at) {  // what was skipped, by the clock as it was
      earliest = first_on_wall(from, zone.At(from).cs - moved, std::min(over_at, until));
    } else if (from < over_at) {  // what comes again
      from = over_at;
    }
  }
  if (from < until) earliest = std::min(earliest, first_on_wall(from, zone.At(from).cs, until));
  if (earliest == absl::InfiniteFuture()) return std::nullopt;
  return earliest;
}

int64_t Cron::MostInAnHour() const {
  // Rounded up.
  if (every_ > absl::ZeroDuration()) return (absl::Hours(1) + every_ - absl::Nanoseconds(1)) / every_;
  return int64_t{absl::popcount(seconds_)} * absl::popcount(minutes_);
}

}  // namespace penstock
