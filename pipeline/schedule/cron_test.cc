#include "pipeline/schedule/cron.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "pipeline/schedule/time_zone.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::Time At(absl::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, &error)) << text << error;
  return time;
}

absl::TimeZone Zone(absl::string_view name) {
  const auto zone = LoadZone(name);
  EXPECT_TRUE(zone.ok()) << zone.status();
  return zone.value_or(absl::UTCTimeZone());
}

Cron Parsed(absl::string_view text) {
  auto cron = Cron::Parse(text);
  EXPECT_TRUE(cron.ok()) << text << cron.status();
  return cron.ok() ? *cron : *Cron::Parse("@daily");
}

// The first `count` matches after `after`, as the clock in the zone shows them.
std::vector<std::string> Next(absl::string_view text, absl::string_view after, int count,
                              absl::string_view zone_name = "UTC") {
  const Cron cron = Parsed(text);
  const absl::TimeZone zone = Zone(zone_name);
  std::vector<std::string> found;
  absl::Time time = At(after);
  while (static_cast<int>(found.size()) < count) {
    const auto next = cron.Next(time, zone);
    if (!next.has_value()) break;
    found.push_back(absl::FormatTime("%Y-%m-%d %H:%M:%S %Ez", *next, zone));
    time = *next;
  }
  return found;
}

TEST(CronTest, SixFieldsBeginWithTheSecond) {
  EXPECT_THAT(Next("30 15 9 * * 1-5", "2026-11-27T12:00:00Z", 2),  // a Friday
              ElementsAre("2026-11-30 09:15:30 +00:00", "2026-12-01 09:15:30 +00:00"));
  EXPECT_THAT(Next("0 0 9 ? * 2-6", "2026-11-29T12:00:00Z", 1), ElementsAre("2026-12-01 09:00:00 +00:00"));
  EXPECT_THAT(
      Next("*/20 * * * * *", "2026-01-01T00:00:05.5Z", 3),
      ElementsAre("2026-01-01 00:00:20 +00:00", "2026-01-01 00:00:40 +00:00", "2026-01-01 00:01:00 +00:00"));
}

TEST(CronTest, FiveFieldsAreALineOfCrontab) {
  EXPECT_THAT(Next("15 9 * * mon-FRI", "2026-11-27T12:00:00Z", 1), ElementsAre("2026-11-30 09:15:00 +00:00"));
  EXPECT_THAT(Next("0 6 * * 7", "2026-11-27T12:00:00Z", 1), ElementsAre("2026-11-29 06:00:00 +00:00"));
  EXPECT_THAT(Next("0 0 1 jan *", "2026-11-27T12:00:00Z", 1), ElementsAre("2027-01-01 00:00:00 +00:00"));
}

TEST(CronTest, ListsRangesAndSteps) {
  EXPECT_THAT(
      Next("0 50/5 23 31 12 *", "2026-12-01T00:00:00Z", 3),
      ElementsAre("2026-12-31 23:50:00 +00:00", "2026-12-31 23:55:00 +00:00", "2027-12-31 23:50:00 +00:00"));
  EXPECT_THAT(Next("0 0 1-5/2,20 1 1 *", "2026-01-01T00:00:00Z", 4),
              ElementsAre("2026-01-01 01:00:00 +00:00", "2026-01-01 03:00:00 +00:00",
                          "2026-01-01 05:00:00 +00:00", "2026-01-01 20:00:00 +00:00"));
}

// Both restricted: either. One begins with a star: both.
TEST(CronTest, DaysOfMonthAndOfWeek) {
  EXPECT_THAT(
      Next("0 0 0 13 * fri", "2026-11-10T00:00:00Z", 3),
      ElementsAre("2026-11-13 00:00:00 +00:00", "2026-11-20 00:00:00 +00:00", "2026-11-27 00:00:00 +00:00"));
  EXPECT_THAT(Next("0 0 0 */13 * fri", "2026-11-10T00:00:00Z", 2),
              ElementsAre("2026-11-27 00:00:00 +00:00", "2027-01-01 00:00:00 +00:00"));
}

TEST(CronTest, Descriptors) {
  EXPECT_THAT(Next("@yearly", "2026-11-10T00:00:00Z", 1), ElementsAre("2027-01-01 00:00:00 +00:00"));
  EXPECT_THAT(Next("@monthly", "2026-11-10T00:00:00Z", 1), ElementsAre("2026-12-01 00:00:00 +00:00"));
  EXPECT_THAT(Next("@weekly", "2026-11-10T00:00:00Z", 1), ElementsAre("2026-11-15 00:00:00 +00:00"));
  EXPECT_THAT(Next("@midnight", "2026-11-10T00:00:00Z", 1), ElementsAre("2026-11-11 00:00:00 +00:00"));
  EXPECT_THAT(Next("@hourly", "2026-11-10T00:00:00Z", 1), ElementsAre("2026-11-10 01:00:00 +00:00"));
  EXPECT_THAT(Next("@every 1h30m", "2026-11-10T00:00:07.5Z", 2),
              ElementsAre("2026-11-10 01:30:07 +00:00", "2026-11-10 03:00:07 +00:00"));
  EXPECT_THAT(Next("@every 10ms", "2026-11-10T00:00:00Z", 1), ElementsAre("2026-11-10 00:00:01 +00:00"));
}

TEST(CronTest, AZoneInTheExpression) {
  EXPECT_EQ(Parsed("CRON_TZ=Europe/Berlin 0 9 * * *").zone_name(), "Europe/Berlin");
  EXPECT_EQ(Parsed("TZ=UTC @daily").zone_name(), "UTC");
  EXPECT_EQ(Parsed("@daily").zone_name(), "");
}

TEST(CronTest, WhatIsWrongIsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "0 fields"},
      {"* * * *", "4 fields"},
      {"* * * * * * *", "7 fields"},
      {"60 * * * * *", "second '60': expected a number from 0 to 59"},
      {"0 0 24 * * *", "hour '24'"},
      {"0 0 0 0 * *", "day of month '0': expected a number from 1 to 31"},
      {"0 0 0 * 13 *", "a name such as feb"},
      {"0 0 0 * * 7", "day of week '7': expected a number from 0 to 6"},
      {"0 0 0 * * xyz", "day of week 'xyz'"},
      {"0 0 5-2 * * *", "ends before it begins"},
      {"*/0 * * * * *", "step"},
      {"*/-1 * * * * *", "step"},
      {"1,,2 * * * * *", "second ''"},
      {"1-2-3 * * * * *", "'1-2-3'"},
      {"1/2/3 * * * * *", "'1/2/3'"},
      {"+1 * * * * *", "second '+1'"},
      {"0 0 0 L * *", "day of month 'L'"},
      {"@nightly", "@midnight"},
      {"@every", "@every DURATION"},
      {"@every -5s", "a duration such as"},
      {"@every inf", "a duration such as"},
      {"@every soon", "a duration such as"},
      {"TZ= @daily", "a time zone is missing"},
  };
  for (const auto& [text, wanted] : cases) {
    const absl::Status status = Cron::Parse(text).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(wanted)) << text;
  }
  EXPECT_THAT(std::string(Cron::Parse(std::string(1025, '*')).status().message()), HasSubstr("1024 bytes"));
}

TEST(CronTest, ADateThatNeverComesIsFoundOut) {
  EXPECT_THAT(Next("0 0 0 30 2 *", "2026-01-01T00:00:00Z", 1, "Europe/Berlin"), ElementsAre());
  EXPECT_THAT(Next("0 0 0 31 4,6,9,11 *", "2026-01-01T00:00:00Z", 1), ElementsAre());
  EXPECT_THAT(Next("0 0 0 29 2 *", "2096-03-01T00:00:00Z", 1), ElementsAre("2104-02-29 00:00:00 +00:00"));
  EXPECT_THAT(Next("0 0 0 29 2 */7", "2088-03-01T00:00:00Z", 1, "America/New_York"),
              ElementsAre("2128-02-29 00:00:00 -05:00"));
}

TEST(CronTest, TheMostInAnHour) {
  EXPECT_EQ(Parsed("* * 3 1 1 *").MostInAnHour(), 3600);
  EXPECT_EQ(Parsed("0 */15 * * * *").MostInAnHour(), 4);
  EXPECT_EQ(Parsed("@daily").MostInAnHour(), 1);
  EXPECT_EQ(Parsed("@every 7s").MostInAnHour(), 515);
}

// --- Where clocks are changed ---

TEST(CronClockChangeTest, ATimeOfDayThatIsSkippedComesLater) {
  EXPECT_THAT(
      Next("0 30 2 * * *", "2026-03-28T00:00:00Z", 3, "Europe/Berlin"),
      ElementsAre("2026-03-28 02:30:00 +01:00", "2026-03-29 03:30:00 +02:00", "2026-03-30 02:30:00 +02:00"));
  EXPECT_THAT(Next("0 30 2 * * *", "2026-03-07T12:00:00Z", 2, "America/New_York"),
              ElementsAre("2026-03-08 03:30:00 -04:00", "2026-03-09 02:30:00 -04:00"));
  // By half an hour only.
  EXPECT_THAT(Next("0 15 2 * * *", "2026-10-03T12:00:00Z", 2, "Australia/Lord_Howe"),
              ElementsAre("2026-10-04 02:45:00 +11:00", "2026-10-05 02:15:00 +11:00"));
  // At midnight: the day begins at one.
  EXPECT_THAT(Next("@daily", "2018-11-03T12:00:00Z", 2, "America/Sao_Paulo"),
              ElementsAre("2018-11-04 01:00:00 -02:00", "2018-11-05 00:00:00 -02:00"));
  // A whole day: the same as the day after it.
  EXPECT_THAT(
      Next("0 0 9 * * *", "2011-12-29T12:00:00Z", 3, "Pacific/Apia"),
      ElementsAre("2011-12-29 09:00:00 -10:00", "2011-12-31 09:00:00 +14:00", "2012-01-01 09:00:00 +14:00"));
}

TEST(CronClockChangeTest, ATimeOfDayThatComesTwiceIsTakenOnce) {
  EXPECT_THAT(Next("0 30 2 * * *", "2026-10-24T12:00:00Z", 2, "Europe/Berlin"),
              ElementsAre("2026-10-25 02:30:00 +02:00", "2026-10-26 02:30:00 +01:00"));
  EXPECT_THAT(Next("0 30 1 * * *", "2026-10-31T12:00:00Z", 2, "America/New_York"),
              ElementsAre("2026-11-01 01:30:00 -04:00", "2026-11-02 01:30:00 -05:00"));
  EXPECT_THAT(Next("0 45 1 * * *", "2026-04-04T12:00:00Z", 2, "Australia/Lord_Howe"),
              ElementsAre("2026-04-05 01:45:00 +11:00", "2026-04-06 01:45:00 +10:30"));
  EXPECT_THAT(Next("0 30 23 * * *", "2018-02-17T12:00:00Z", 2, "America/Sao_Paulo"),
              ElementsAre("2018-02-17 23:30:00 -02:00", "2018-02-18 23:30:00 -03:00"));
}

TEST(CronClockChangeTest, ARhythmFollowsTheClockOnTheWall) {
  EXPECT_THAT(Next("0 30 * * * *", "2026-10-24T23:00:00Z", 4, "Europe/Berlin"),
              ElementsAre("2026-10-25 01:30:00 +02:00", "2026-10-25 02:30:00 +02:00",
                          "2026-10-25 02:30:00 +01:00", "2026-10-25 03:30:00 +01:00"));
  EXPECT_THAT(
      Next("0 30 * * * *", "2026-03-29T00:00:00Z", 3, "Europe/Berlin"),
      ElementsAre("2026-03-29 01:30:00 +01:00", "2026-03-29 03:30:00 +02:00", "2026-03-29 04:30:00 +02:00"));
}

// --- Against trying every second ---

std::string RandomField(std::mt19937_64& random, int least, int most, bool often) {
  const auto value = [&] { return least + static_cast<int>(random() % (most - least + 1)); };
  switch (random() % (often ? 6 : 4)) {
    case 0:
      return absl::StrCat(value());
    case 1:
      return absl::StrCat(value(), ",", value(), ",", value());
    case 2: {
      const int first = value();
      const int last = value();
      return absl::StrCat(std::min(first, last), "-", std::max(first, last));
    }
    case 3:
      return absl::StrCat(random() % 2 == 0 ? "*" : absl::StrCat(value()), "/", 1 + random() % 20);
    default:
      return random() % 2 == 0 ? "*" : "?";
  }
}

// What must match in (begin, end], by the definition in the header and nothing else.
std::vector<absl::Time> BruteForce(const Cron& cron, absl::TimeZone zone, absl::Time begin, absl::Time end) {
  std::set<absl::Time> found;
  if (!cron.HasFixedHours()) {
    for (absl::Time time = begin + absl::Seconds(1); time <= end; time += absl::Seconds(1)) {
      if (cron.Matches(zone.At(time).cs)) found.insert(time);
    }
  } else {
    const absl::CivilSecond last = zone.At(end).cs + 2 * 86400;
    for (absl::CivilSecond wall = zone.At(begin).cs - 2 * 86400; wall <= last; ++wall) {
      if (!cron.Matches(wall)) continue;
      const absl::Time time = zone.At(wall).pre;
      if (time > begin && time <= end) found.insert(time);
    }
  }
  return {found.begin(), found.end()};
}

TEST(CronPropertyTest, NextIsWhatTryingEverySecondFinds) {
  const char* set = std::getenv("PENSTOCK_SEED");
  const uint64_t seed = set == nullptr ? std::random_device()() : std::strtoull(set, nullptr, 10);
  SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed));
  std::mt19937_64 random(seed);
  const std::pair<const char*, const char*> changes[] = {
      {"Europe/Berlin", "2026-03-29T01:00:00Z"},
      {"Europe/Berlin", "2026-10-25T01:00:00Z"},
      {"America/New_York", "2026-03-08T07:00:00Z"},
      {"America/New_York", "2026-11-01T06:00:00Z"},
      {"Australia/Lord_Howe", "2026-04-04T15:00:00Z"},
      {"Australia/Lord_Howe", "2026-10-03T15:30:00Z"},
      {"America/Sao_Paulo", "2018-02-18T02:00:00Z"},
      {"America/Sao_Paulo", "2018-11-04T03:00:00Z"},
      {"Pacific/Apia", "2011-12-30T10:00:00Z"},
      {"Asia/Kathmandu", "1985-12-31T18:30:00Z"},
      {"UTC", "2024-02-29T12:00:00Z"},
  };
  for (int round = 0; round < 150; ++round) {
    const auto& [zone_name, change] = changes[random() % std::size(changes)];
    const absl::TimeZone zone = Zone(zone_name);
    const std::string text =
        absl::StrCat(RandomField(random, 0, 59, false), " ", RandomField(random, 0, 59, false), " ",
                     RandomField(random, 0, 23, true), " ", RandomField(random, 1, 31, true), " ",
                     RandomField(random, 1, 12, true), " ", RandomField(random, 0, 6, true));
    const Cron cron = Parsed(text);
    const absl::Time begin = At(change) - absl::Hours(20) - absl::Seconds(random() % 3600);
    const absl::Time end = begin + absl::Hours(40);
    const std::vector<absl::Time> expected = BruteForce(cron, zone, begin, end);
    std::vector<absl::Time> found;
    absl::Time time = begin;
    while (true) {
      const auto next = cron.Next(time, zone);
      if (!next.has_value() || *next > end) break;
      ASSERT_GT(*next, time) << text << " in " << zone_name;
      found.push_back(time = *next);
    }
    ASSERT_EQ(found, expected) << text << " in " << zone_name;
  }
}

TEST(TimeZoneTest, OnlyZonesAreRead) {
  EXPECT_TRUE(LoadZone("America/Argentina/Buenos_Aires").ok());
  for (const char* name : {"Mars/Olympus", "../../../etc/passwd", "/etc/localtime", "Europe", "Europe/", " ",
                           "zone.tab\n", "file:UTC"}) {
    const absl::Status status = LoadZone(name).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name;
    EXPECT_THAT(std::string(status.message()), HasSubstr("Europe/Berlin")) << name;
  }
}

}  // namespace
}  // namespace penstock
