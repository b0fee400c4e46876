#include "scheduler/recurring/decide.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

absl::Time Second(int64_t second) { return absl::FromUnixSeconds(second); }

// Every minute from minute 1 on.
Trigger EveryMinute(std::optional<absl::Time> end = std::nullopt) {
  TriggerSpec spec;
  spec.kind = TriggerKind::kInterval;
  spec.interval_seconds = 60;
  spec.end_at = end;
  return *Trigger::Create(spec);
}

// "60 FIRED DUE" and so on, with the number of the run or of the slots where there is more than one.
std::vector<std::string> Ticks(const ScheduleDecision& decision) {
  std::vector<std::string> ticks;
  for (const ScheduleTickRow& tick : decision.ticks) {
    std::string text =
        absl::StrCat(absl::ToUnixSeconds(tick.due_at), " ", Name(tick.decision), " ", Name(tick.reason));
    if (tick.run_index > 0) absl::StrAppend(&text, " #", tick.run_index);
    if (tick.slot_count > 1) {
      absl::StrAppend(&text, " x", tick.slot_count, " to ", absl::ToUnixSeconds(tick.last_due_at));
    }
    ticks.push_back(std::move(text));
  }
  return ticks;
}

struct Case {
  int64_t max_concurrency = 10;
  bool no_catchup = false;
  int64_t unfinished = 0;
  bool waits = false;
  std::optional<Refusal> refusal;
  int64_t enabled_at = 0;
};

ScheduleDecision Decide(const Trigger& trigger, const Case& given, int64_t now, int64_t next_due = 60) {
  const ScheduleView view = {
      trigger, Second(next_due), given.max_concurrency, given.no_catchup, Second(given.enabled_at),
      7,       given.unfinished, given.waits,           given.refusal};
  return DecideSchedule(view, Second(now));
}

TEST(DecideTest, WithoutCatchUpNothingIsMadeUpForTheTimeWhenItWasDisabled) {
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.no_catchup = true, .enabled_at = 150}, 151)),
              ElementsAre("60 SKIPPED NO_CATCHUP", "120 SKIPPED NO_CATCHUP"));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.no_catchup = true, .enabled_at = 100}, 121)),
              ElementsAre("60 SKIPPED NO_CATCHUP", "120 FIRED DUE #8"));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.enabled_at = 150}, 121)),
              ElementsAre("60 CAUGHT_UP LATE #8", "120 FIRED DUE #9"));
}

TEST(DecideTest, NothingIsDecidedBeforeItIsDue) {
  const ScheduleDecision decision = Decide(EveryMinute(), {}, 59);
  EXPECT_THAT(decision.ticks, IsEmpty());
  EXPECT_EQ(decision.next_due, Second(60));
  EXPECT_EQ(decision.run_count, 7);
}

TEST(DecideTest, ASlotInTimeFires) {
  const ScheduleDecision decision = Decide(EveryMinute(), {}, 60);
  EXPECT_THAT(Ticks(decision), ElementsAre("60 FIRED DUE #8"));
  EXPECT_EQ(decision.next_due, Second(120));
  EXPECT_FALSE(decision.waits);
  EXPECT_EQ(decision.run_count, 8);
}

TEST(DecideTest, MissedSlotsAreCaughtUpWith) {
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {}, 185)),
              ElementsAre("60 CAUGHT_UP LATE #8", "120 CAUGHT_UP LATE #9", "180 FIRED DUE #10"));
}

TEST(DecideTest, WithoutCatchUpTheLastIsRun) {
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.no_catchup = true}, 185)),
              ElementsAre("60 SKIPPED NO_CATCHUP", "120 SKIPPED NO_CATCHUP", "180 FIRED DUE #8"));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.no_catchup = true}, 230)),
              ElementsAre("60 SKIPPED NO_CATCHUP", "120 SKIPPED NO_CATCHUP", "180 CAUGHT_UP LATE #8"));
}

// As KFP's own tests have it.
TEST(DecideTest, TheEndIsReached) {
  const Trigger trigger = EveryMinute(Second(120));
  ScheduleDecision decision = Decide(trigger, {}, 1'000'000);
  EXPECT_THAT(decision.ticks, SizeIs(2));
  EXPECT_EQ(decision.next_due, std::nullopt);
  EXPECT_THAT(Ticks(Decide(trigger, {.no_catchup = true}, 1'000'000)),
              ElementsAre("60 SKIPPED NO_CATCHUP", "120 CAUGHT_UP LATE #8"));
}

TEST(DecideTest, WhereAllRunsAreUnfinishedTheSlotWaits) {
  ScheduleDecision decision = Decide(EveryMinute(), {.max_concurrency = 2, .unfinished = 1}, 185);
  EXPECT_THAT(Ticks(decision), ElementsAre("60 CAUGHT_UP LATE #8", "120 OVERLAPPED MAX_CONCURRENCY"));
  EXPECT_TRUE(decision.waits);
  EXPECT_EQ(decision.next_due, Second(120));
  decision = Decide(EveryMinute(), {.max_concurrency = 1, .unfinished = 1, .waits = true}, 300);
  EXPECT_THAT(decision.ticks, IsEmpty()) << "its row says so already";
  EXPECT_TRUE(decision.waits);
}

TEST(DecideTest, WhatWaitedRunsWhenItMay) {
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.max_concurrency = 1, .waits = true}, 61)),
              ElementsAre("60 CAUGHT_UP WAITED #8"));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.max_concurrency = 1, .waits = true}, 130)),
              ElementsAre("60 CAUGHT_UP WAITED #8", "120 OVERLAPPED MAX_CONCURRENCY"));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.max_concurrency = 1, .no_catchup = true, .waits = true}, 130)),
              ElementsAre("60 SKIPPED MAX_CONCURRENCY", "120 FIRED DUE #8"));
}

TEST(DecideTest, ARefusedSlotIsDecidedAndTakesNoNumber) {
  const Refusal refusal = {TickReason::kNoPipeline, 5, "gone"};
  const ScheduleDecision decision = Decide(EveryMinute(), {.max_concurrency = 1, .refusal = refusal}, 125);
  EXPECT_THAT(Ticks(decision), ElementsAre("60 REFUSED NO_PIPELINE", "120 REFUSED NO_PIPELINE"));
  EXPECT_EQ(decision.ticks[0].message, "gone");
  EXPECT_EQ(decision.run_count, 7);
}

TEST(DecideTest, VeryManySlotsShareARowAndTheRestIsForLater) {
  const int64_t rows = limits::kScheduleRowsPerPass;
  EXPECT_THAT(Decide(EveryMinute(), {.no_catchup = true}, 60 * (rows + 1)).ticks, SizeIs(rows + 1));
  EXPECT_THAT(Ticks(Decide(EveryMinute(), {.no_catchup = true}, 60 * (rows + 2))),
              ElementsAre(absl::StrCat("60 SKIPPED NO_CATCHUP x", rows + 1, " to ", 60 * (rows + 1)),
                          absl::StrCat(60 * (rows + 2), " FIRED DUE #8")));
  const int64_t most = limits::kScheduleSlotsPerPass;
  const ScheduleDecision decision = Decide(EveryMinute(), {.no_catchup = true}, 60 * most * 3);
  EXPECT_THAT(Ticks(decision), ElementsAre(absl::StrCat("60 SKIPPED NO_CATCHUP x", most, " to ", 60 * most)));
  EXPECT_EQ(decision.next_due, Second(60 * (most + 1)));
}

TEST(DecideTest, WithoutATriggerItRunsOnce) {
  const ScheduleDecision decision = Decide(*Trigger::Create({}), {}, 70);
  EXPECT_THAT(Ticks(decision), ElementsAre("60 FIRED DUE #8"));
  EXPECT_EQ(decision.next_due, std::nullopt);
}

}  // namespace
}  // namespace penstock
