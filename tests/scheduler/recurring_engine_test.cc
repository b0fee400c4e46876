// Recurring runs between storage and time.
#include "common/ids.h"
#include "tests/scheduler/recurring_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

INSTANTIATE_TEST_SUITE_P(Databases, RecurringEngineTest, ServedDatabases());

TEST_P(RecurringEngineTest, EachSlotMakesOneRun) {
  RecurringRunRow row = NewRecurringRun("a");
  row.parameters = R"({"n":1,"text":"[[RunUUID]] [[Index]] [[ScheduledTime.15:04:05]]"})";
  row.pipeline_root = "there";
  row.plugins_input = R"({"p":{"x":"[[Index]]"}})";
  row.cache_enabled = false;
  row.cache_max_age = absl::Seconds(7);
  Add(row);
  EXPECT_EQ(Pass().wake_at, clock_.Now() + absl::Seconds(60));
  EXPECT_THAT(Runs(), IsEmpty());
  const absl::Time due = clock_.Now() + absl::Seconds(60);
  clock_.Advance(absl::Seconds(61));
  EXPECT_EQ(Pass().fired, 1);
  EXPECT_EQ(Pass().fired, 0);
  const auto runs = Runs();
  ASSERT_THAT(runs, SizeIs(1));
  EXPECT_EQ(runs[0].scheduled_at, due);
  EXPECT_EQ(runs[0].created_at, clock_.Now());
  EXPECT_EQ(runs[0].recurring_run_id, "a");
  EXPECT_EQ(runs[0].display_name, RunDisplayName(row.run_name, 1));
  EXPECT_EQ(runs[0].run_id, RecurringRunRunId("a", runs[0].display_name));
  EXPECT_EQ(runs[0].service_account, "pipeline-runner");
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto config, RunConfigGet(tx, runs[0].run_id));
                    EXPECT_EQ(config.parameters,
                              absl::StrCat(R"({"n":1,"text":")", runs[0].run_id, R"( 1 22:14:20"})"));
                    EXPECT_EQ(config.pipeline_root, "there");
                    EXPECT_EQ(config.plugins_input, row.plugins_input) << "macros are for parameters";
                    EXPECT_FALSE(config.cache_enabled);
                    EXPECT_EQ(config.cache_max_age, absl::Seconds(7));
                    return absl::OkStatus();
                  })
                  .ok());
  const auto ticks = TicksOf("a");
  ASSERT_THAT(ticks, SizeIs(1));
  EXPECT_EQ(ticks[0].decision, TickDecision::kFired);
  EXPECT_EQ(ticks[0].run_id, runs[0].run_id);
  EXPECT_EQ(ticks[0].run_index, 1);
  EXPECT_EQ(Get("a").next_due_at, due + absl::Seconds(60));
}

TEST_P(RecurringEngineTest, ALongSleepIsCaughtUpWithOneAfterTheOther) {
  RecurringRunRow row = NewRecurringRun("a");
  row.max_concurrency = 2;
  Add(row);
  clock_.Advance(absl::Seconds(60 * 5));
  Settle();
  EXPECT_THAT(DecisionsOf("a"),
              ElementsAre("CAUGHT_UP LATE", "CAUGHT_UP LATE", "OVERLAPPED MAX_CONCURRENCY"));
  EndRun(Runs()[0]);
  Settle();
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("CAUGHT_UP LATE", "CAUGHT_UP LATE", "CAUGHT_UP WAITED",
                                            "OVERLAPPED MAX_CONCURRENCY"));
  for (int i = 0; i < 5; ++i) {
    for (const RunRow& run : Runs()) {
      if (!IsFinal(run.state)) EndRun(run);
    }
    Restart();
    Settle();
  }
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("CAUGHT_UP LATE", "CAUGHT_UP LATE", "CAUGHT_UP WAITED",
                                            "CAUGHT_UP WAITED", "FIRED DUE"));
  EXPECT_THAT(Runs(), SizeIs(5));
}

TEST_P(RecurringEngineTest, WithoutCatchUpALongSleepMakesOneRun) {
  RecurringRunRow row = NewRecurringRun("a");
  row.no_catchup = true;
  Add(row);
  clock_.Advance(absl::Hours(24 * 30));
  Settle();
  EXPECT_THAT(Runs(), SizeIs(1));
  int64_t slots = 0;
  for (const ScheduleTickRow& tick : TicksOf("a")) slots += tick.slot_count;
  EXPECT_EQ(slots, 30 * 24 * 60);
}

TEST_P(RecurringEngineTest, AClockThatIsSetBackDoublesNothing) {
  Add(NewRecurringRun("a"));
  clock_.Advance(absl::Seconds(125));
  Settle();
  EXPECT_THAT(Runs(), SizeIs(2));
  clock_.Advance(absl::Hours(-1));
  Settle();
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_THAT(Runs(), SizeIs(2));
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_THAT(Runs(), SizeIs(3));
}

TEST_P(RecurringEngineTest, OnlyTheHolderOfTheLeaseMakesRuns) {
  Add(NewRecurringRun("a"));
  clock_.Advance(absl::Hours(2));
  TakeLease("another");
  EXPECT_FALSE(Pass().leads);
  EXPECT_THAT(Runs(), IsEmpty());
}

TEST_P(RecurringEngineTest, WhatIsDisabledMakesNone) {
  Add(NewRecurringRun("a"));
  const auto enable = [&](bool enabled) {
    ASSERT_TRUE(
        store_->Write([&](db::Tx& tx) { return RecurringRunSetEnabled(tx, "a", enabled, clock_.Now()); })
            .ok());
  };
  enable(false);
  clock_.Advance(absl::Seconds(180));
  Settle();
  EXPECT_THAT(Runs(), IsEmpty());
  enable(true);
  Settle();
  EXPECT_THAT(Runs(), SizeIs(3)) << "KFP catches up with what was missed meanwhile";
}

TEST_P(RecurringEngineTest, TheLatestVersionIsFoundAtEachSlot) {
  AddVersion("v1");
  RecurringRunRow row = NewRecurringRun("a");
  row.spec_sha256 = "";
  row.pipeline_id = "p";
  Add(row);
  clock_.Advance(absl::Seconds(60));
  Settle();
  AddVersion("v2");
  clock_.Advance(absl::Seconds(60));
  Settle();
  AddVersion("v3", "needed");
  clock_.Advance(absl::Seconds(60));
  Settle();
  const RecurringRunRow refused = Get("a");
  EXPECT_EQ(refused.error_code, static_cast<int>(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(refused.error_message, HasSubstr("'needed'"));
  EXPECT_TRUE(refused.enabled);
  AddVersion("v4");
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_EQ(Get("a").error_code, 0);
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return PipelineDelete(tx, "p", /*cascade=*/true); }).ok());
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("FIRED DUE", "FIRED DUE", "REFUSED PARAMETERS", "FIRED DUE",
                                            "REFUSED NO_PIPELINE"));
  EXPECT_THAT(Get("a").error_message, HasSubstr("Pipeline p not found"));
  std::vector<std::string> versions;
  for (const RunRow& run : Runs()) versions.push_back(run.pipeline_version_id);
  EXPECT_THAT(versions, ElementsAre("v1", "v2", "v4"));
}

TEST_P(RecurringEngineTest, OneThatIsEnabledAgainMakesNothingUpWithoutCatchUp) {
  RecurringRunRow row = NewRecurringRun("a");
  row.no_catchup = true;
  Add(row);
  const auto enable = [&](bool enabled) {
    return store_->Write([&](db::Tx& tx) { return RecurringRunSetEnabled(tx, "a", enabled, clock_.Now()); });
  };
  ASSERT_TRUE(enable(false).ok());
  clock_.Advance(absl::Seconds(150));
  Settle();
  EXPECT_THAT(DecisionsOf("a"), IsEmpty());
  ASSERT_TRUE(enable(true).ok());
  Settle();
  EXPECT_THAT(Runs(), IsEmpty());
  clock_.Advance(absl::Seconds(30));
  Settle();
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("SKIPPED NO_CATCHUP", "SKIPPED NO_CATCHUP", "FIRED DUE"));
}

// As in KFP: what it is made of was settled when it was created.
TEST_P(RecurringEngineTest, APinnedVersionRunsOnAfterItsDeletion) {
  AddVersion("v1");
  RecurringRunRow row = NewRecurringRun("a");
  row.pipeline_id = "p";
  row.pipeline_version_id = "v1";
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto version, PipelineVersionGet(tx, "v1"));
                    row.spec_sha256 = version.spec_sha256;
                    return absl::OkStatus();
                  })
                  .ok());
  Add(row);
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return PipelineDelete(tx, "p", /*cascade=*/true); }).ok());
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("FIRED DUE"));
  EXPECT_EQ(Runs().at(0).pipeline_version_id, "v1");
}

TEST_P(RecurringEngineTest, WithoutItsExperimentItIsRefusedAndHoldsNobodyUp) {
  ExperimentRow experiment;
  experiment.experiment_id = experiment.name = "gone";
  experiment.created_at = experiment.last_run_created_at = clock_.Now();
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return ExperimentInsert(tx, experiment); }).ok());
  RecurringRunRow row = NewRecurringRun("a");
  row.experiment_id = "gone";
  Add(row);
  Add(NewRecurringRun("b"));
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return ExperimentDelete(tx, "gone"); }).ok());
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_THAT(DecisionsOf("a"), ElementsAre("REFUSED NO_EXPERIMENT"));
  EXPECT_THAT(DecisionsOf("b"), ElementsAre("FIRED DUE"));
  EXPECT_THAT(Get("a").error_message, HasSubstr("Experiment gone not found"));
}

TEST_P(RecurringEngineTest, ATriggerThatCannotBeReadIsDisabledAndHoldsNobodyUp) {
  Add(NewRecurringRun("a"));
  Add(NewRecurringRun("b"));
  ASSERT_TRUE(store_
                  ->Write([](db::Tx& tx) {
                    return tx
                        .Execute(
                            "UPDATE recurring_runs SET trigger_kind = 'CRON', cron = 'x' "
                            "WHERE recurring_run_id = 'a'",
                            {})
                        .status();
                  })
                  .ok());
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_FALSE(Get("a").enabled);
  EXPECT_THAT(Get("a").error_message, HasSubstr("fields"));
  EXPECT_THAT(DecisionsOf("b"), ElementsAre("FIRED DUE"));
}

TEST_P(RecurringEngineTest, ManyDueAtOnceAreTakenInBatches) {
  for (int i = 0; i < 50; ++i) Add(NewRecurringRun(absl::StrCat("r", i)));
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Pass().fired, 16);
  Settle();
  EXPECT_THAT(Runs(), SizeIs(50));
}

TEST_P(RecurringEngineTest, OfManyInOneTransactionEachGetsItsOwn) {
  Restart(/*schedules_per_pass=*/1000);
  AddVersion("v1", "x");
  for (int i = 0; i < 300; ++i) {
    RecurringRunRow row = NewRecurringRun(absl::StrCat("r", i));
    row.parameters = absl::StrCat(R"({"x":"[[Index]] of )", i, R"("})");
    if (i == 20) row.parameters = R"({"y":"none takes it"})";
    if (i % 2 == 0) {
      row.pipeline_id = "p";
      row.spec_sha256.clear();
    }
    Add(row);
  }
  ASSERT_TRUE(AddRun(NewRun(RecurringRunRunId("r30", RunDisplayName(Get("r30").run_name, 1)))).ok());
  ASSERT_TRUE(
      store_->Write([&](db::Tx& tx) { return RecurringRunSetEnabled(tx, "r40", false, clock_.Now()); }).ok());
  clock_.Advance(absl::Seconds(60));
  EXPECT_EQ(Pass().fired, 298);
  EXPECT_EQ(Pass().schedules, 0);
  const std::vector<RunRow> runs = Runs();
  EXPECT_THAT(runs, SizeIs(298));
  EXPECT_EQ(RunsCounted(), 298);
  for (const RunRow& run : runs) {
    if (run.recurring_run_id.empty()) continue;  // the client's
    const std::string of(run.recurring_run_id.substr(1));
    EXPECT_EQ(run.pipeline_version_id, std::stoi(of) % 2 == 0 ? "v1" : "");
    ASSERT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(const auto config, RunConfigGet(tx, run.run_id));
                      EXPECT_EQ(config.parameters, absl::StrCat(R"({"x":"1 of )", of, R"("})"));
                      return absl::OkStatus();
                    })
                    .ok());
  }
  EXPECT_THAT(DecisionsOf("r20"), ElementsAre("REFUSED PARAMETERS"));
  EXPECT_THAT(DecisionsOf("r30"), ElementsAre("FIRED DUE"));
  EXPECT_THAT(DecisionsOf("r40"), IsEmpty());
}

// A client may have made the run of a slot's name by itself.
TEST_P(RecurringEngineTest, ARunThatIsThereIsNotMadeAgain) {
  const RecurringRunRow row = NewRecurringRun("a");
  Add(row);
  RunRow run = NewRun(RecurringRunRunId("a", RunDisplayName(row.run_name, 1)));
  ASSERT_TRUE(AddRun(run).ok());
  clock_.Advance(absl::Seconds(60));
  Settle();
  EXPECT_THAT(Runs(), SizeIs(1));
  EXPECT_EQ(TicksOf("a").at(0).run_id, run.run_id);
}

}  // namespace
}  // namespace penstock
