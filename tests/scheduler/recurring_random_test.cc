// Recurring runs under clocks that jump, restarts, runs of any length and edits: each slot is decided exactly
// once.
#include <cstdlib>
#include <random>
#include <set>

#include "tests/scheduler/recurring_fixture.h"

namespace penstock {
namespace {

class RecurringRandom : public RecurringEngineTest {
 protected:
  void AddSome(std::mt19937_64& random) {
    const char* const crons[] = {"*/7 * * * * *", "0 */5 * * * *", "TZ=Europe/Berlin 0 30 * * * *",
                                 "30 2 * * *", "@every 45s"};
    for (int i = 0; i < 12; ++i) {
      RecurringRunRow row = NewRecurringRun(absl::StrCat("s", i));
      row.max_concurrency = 1 + static_cast<int64_t>(random() % 10);
      row.no_catchup = random() % 2 == 0;
      if (random() % 2 == 0) {
        row.trigger.kind = TriggerKind::kCron;
        row.trigger.cron = crons[random() % std::size(crons)];
      } else {
        row.trigger.interval_seconds = 1 + static_cast<int64_t>(random() % 600);
      }
      if (random() % 4 == 0) row.trigger.end_at = clock_.Now() + absl::Minutes(20);
      first_[row.recurring_run_id] = Trigger::Create(row.trigger)->First(clock_.Now());
      Add(row);
    }
  }
  void Jump(std::mt19937_64& random) {
    switch (random() % 10) {
      case 0:
        return clock_.Advance(-absl::Seconds(random() % 4000));
      case 1:
        return clock_.Advance(absl::Hours(random() % 4));
      default:
        return clock_.Advance(absl::Milliseconds(random() % 30'000));
    }
  }
  void EndSomeRuns(std::mt19937_64& random) {
    for (const RunRow& run : Runs()) {
      if (!IsFinal(run.state) && random() % 3 == 0) EndRun(run);
    }
  }
  // Every slot before the next one is in exactly one row; with catch-up none of them is passed over.
  void CheckSlots(const std::string& id, const RecurringRunRow& row,
                  const std::vector<ScheduleTickRow>& ticks) {
    const auto trigger = Trigger::Create(row.trigger);
    std::optional<absl::Time> slot = first_[id];
    for (const ScheduleTickRow& tick : ticks) {
      ASSERT_EQ(slot, tick.due_at) << id;
      if (tick.decision == TickDecision::kOverlapped) break;
      for (int64_t i = 1; i < tick.slot_count; ++i) slot = trigger->Next(*slot);
      ASSERT_EQ(slot, tick.last_due_at) << id;
      slot = trigger->Next(*slot);
      ASSERT_TRUE(row.no_catchup || tick.decision != TickDecision::kSkipped) << id;
    }
    ASSERT_EQ(slot, row.next_due_at) << id;
  }
  // And every run belongs to one tick, which says its number.
  void CheckAll() {
    std::multiset<std::string> runs;
    for (const RunRow& run : Runs()) runs.insert(run.run_id);
    size_t started = 0;
    for (const auto& [id, first] : first_) {
      const RecurringRunRow row = Get(id);
      const std::vector<ScheduleTickRow> ticks = TicksOf(id);
      ASSERT_NO_FATAL_FAILURE(CheckSlots(id, row, ticks));
      int64_t index = 0;
      for (const ScheduleTickRow& tick : ticks) {
        if (tick.run_id.empty()) continue;
        ASSERT_EQ(tick.run_index, ++index);
        ASSERT_EQ(runs.count(tick.run_id), 1u) << id;
      }
      ASSERT_EQ(row.run_count, index) << id;
      started += index;
    }
    ASSERT_EQ(runs.size(), started);
  }

  std::map<std::string, std::optional<absl::Time>> first_;  // first slots
};
INSTANTIATE_TEST_SUITE_P(Databases, RecurringRandom, ServedDatabases());

TEST_P(RecurringRandom, EverySlotIsDecidedExactlyOnce) {
  const char* set = std::getenv("PENSTOCK_SEED");
  const uint64_t seed = set == nullptr ? std::random_device()() : std::strtoull(set, nullptr, 10);
  std::printf("PENSTOCK_SEED=%llu\n", static_cast<unsigned long long>(seed));
  std::mt19937_64 random(seed);
  AddSome(random);
  const int steps = OnPostgres() ? 60 : 250;
  for (int step = 0; step < steps; ++step) {
    Jump(random);
    if (random() % 5 == 0) Restart();
    const std::string edited = absl::StrCat("s", random() % first_.size());
    const bool enable = random() % 3 > 0;
    if (random() % 6 == 0) {
      ASSERT_TRUE(
          store_->Write([&](db::Tx& tx) { return RecurringRunSetEnabled(tx, edited, enable, clock_.Now()); })
              .ok());
    }
    const int passes = static_cast<int>(random() % 4);
    for (int i = 0; i < passes; ++i) Pass();
    if (random() % 3 == 0) EndSomeRuns(random);
    if (step % 50 == 49) {
      ASSERT_NO_FATAL_FAILURE(CheckAll());
    }
  }
  Settle();
  ASSERT_NO_FATAL_FAILURE(CheckAll());
}

}  // namespace
}  // namespace penstock
