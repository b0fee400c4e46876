#include "pipeline/schedule/trigger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr absl::Time kEpoch = absl::UnixEpoch();

TriggerSpec CronSpec(const std::string& cron) {
  TriggerSpec spec;
  spec.kind = TriggerKind::kCron;
  spec.cron = cron;
  return spec;
}
TriggerSpec IntervalSpec(int64_t seconds) {
  TriggerSpec spec;
  spec.kind = TriggerKind::kInterval;
  spec.interval_seconds = seconds;
  return spec;
}

// All slots, in seconds since 1970, at most `most`.
std::vector<int64_t> Slots(const TriggerSpec& spec, absl::Time reference, size_t most = 10) {
  const auto trigger = Trigger::Create(spec);
  EXPECT_TRUE(trigger.ok()) << trigger.status();
  std::vector<int64_t> slots;
  for (auto slot = trigger->First(reference); slot.has_value() && slots.size() < most;
       slot = trigger->Next(*slot))
    slots.push_back(absl::ToUnixSeconds(*slot));
  return slots;
}

// As KFP's own tests have it: the start is no slot, the end is one.
TEST(TriggerTest, SlotsLieAfterTheStartAndUpToTheEnd) {
  TriggerSpec cron = CronSpec("0 * * * * *");
  TriggerSpec interval = IntervalSpec(60);
  for (TriggerSpec spec : {cron, interval}) {
    spec.start_at = kEpoch + absl::Seconds(36000);
    spec.end_at = kEpoch + absl::Seconds(36120);
    EXPECT_THAT(Slots(spec, kEpoch + absl::Hours(500'000)), ElementsAre(36060, 36120));
  }
}

TEST(TriggerTest, WithoutAStartItCountsFromTheReference) {
  const absl::Time reference = kEpoch + absl::Seconds(1000) + absl::Milliseconds(700);
  EXPECT_THAT(Slots(IntervalSpec(7), reference, 2), ElementsAre(1007, 1014));
  EXPECT_THAT(Slots(CronSpec("@every 7s"), reference, 2), ElementsAre(1007, 1014));
  EXPECT_THAT(Slots(CronSpec("@hourly"), reference, 2), ElementsAre(3600, 7200));
  EXPECT_THAT(Slots(TriggerSpec(), reference), ElementsAre(1000));
}

TEST(TriggerTest, AnEndBeforeTheFirstSlotLeavesNone) {
  TriggerSpec spec = IntervalSpec(60);
  spec.end_at = kEpoch;
  EXPECT_THAT(Slots(spec, kEpoch + absl::Hours(1)), IsEmpty());
}

TEST(TriggerTest, FirstAfterStaysOnTheGrid) {
  for (const TriggerSpec& spec : {IntervalSpec(60), CronSpec("@every 1m")}) {
    const auto trigger = Trigger::Create(spec);
    const absl::Time slot = kEpoch + absl::Seconds(7);
    EXPECT_EQ(trigger->FirstAfter(kEpoch, slot), slot);
    EXPECT_EQ(trigger->FirstAfter(slot, slot), slot + absl::Seconds(60));
    EXPECT_EQ(trigger->FirstAfter(slot + absl::Seconds(601), slot), slot + absl::Seconds(660));
  }
  EXPECT_EQ(Trigger::Create(CronSpec("@hourly"))->FirstAfter(kEpoch + absl::Minutes(90), kEpoch),
            kEpoch + absl::Hours(2));
}

TEST(TriggerTest, TheZoneIsGivenOnce) {
  TriggerSpec spec = CronSpec("0 0 9 * * *");
  spec.time_zone = "Asia/Tokyo";
  EXPECT_THAT(Slots(spec, kEpoch, 1),
              ElementsAre(86400));  // 9:00 in Tokyo is midnight, and the start is no slot
  spec.cron = "TZ=Asia/Tokyo 0 0 9 * * *";
  EXPECT_THAT(Slots(spec, kEpoch - absl::Seconds(1), 1), ElementsAre(0));
  spec.cron = "TZ=Europe/Berlin 0 0 9 * * *";
  EXPECT_THAT(std::string(Trigger::Create(spec).status().message()), HasSubstr("give one of them"));
  spec = IntervalSpec(5);
  spec.time_zone = "Asia/Tokyo";
  EXPECT_THAT(std::string(Trigger::Create(spec).status().message()), HasSubstr("for cron schedules"));
}

TEST(TriggerTest, WhatCannotBeIsRefused) {
  const std::pair<TriggerSpec, const char*> cases[] = {
      {IntervalSpec(0), "interval_second is 0"},
      {IntervalSpec(-5), "interval_second is -5"},
      {IntervalSpec(int64_t{1} << 60), "interval_second"},
      {CronSpec("0 0 0 30 2 *"), "never matches"},
      {CronSpec("nope"), "fields"},
      {CronSpec("TZ=Nowhere @daily"), "not a time zone"},
  };
  for (const auto& [spec, text] : cases) {
    const absl::Status status = Trigger::Create(spec).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  }
}

TEST(TriggerTest, TheMostInAnHour) {
  EXPECT_EQ(Trigger::Create(IntervalSpec(2))->MostInAnHour(), 1800);
  EXPECT_EQ(Trigger::Create(IntervalSpec(7))->MostInAnHour(), 515);
  EXPECT_EQ(Trigger::Create(IntervalSpec(100'000))->MostInAnHour(), 1);
  EXPECT_EQ(Trigger::Create(CronSpec("* * * * * *"))->MostInAnHour(), 3600);
  EXPECT_EQ(Trigger::Create(TriggerSpec())->MostInAnHour(), 1);
}

}  // namespace
}  // namespace penstock
