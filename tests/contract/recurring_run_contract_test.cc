// Recurring runs and their ticks in every database.
#include <vector>

#include "common/status_macros.h"
#include "storage/experiment_archive.h"
#include "storage/pipeline_store.h"
#include "storage/recurring_run_store.h"
#include "storage/schedule_tick_store.h"
#include "storage/setting_store.h"
#include "tests/contract/recurring_run_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class RecurringRunContract : public RecurringRunStoreTest {
 protected:
  absl::Status Add(const RecurringRunRow& row) {
    return store_->Write([&](db::Tx& tx) { return RecurringRunInsert(tx, row); });
  }
  RecurringRunRow Get(absl::string_view id) {
    RecurringRunRow row;
    const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(row, RecurringRunGet(tx, id));
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
    return row;
  }
  std::vector<std::string> DueIds(int limit = 100) {
    std::vector<std::string> ids;
    for (const DueRecurringRun& due : Due(limit)) ids.push_back(due.row.recurring_run_id);
    return ids;
  }
  absl::Status SetEnabled(absl::string_view id, bool enabled) {
    return store_->Write([&](db::Tx& tx) { return RecurringRunSetEnabled(tx, id, enabled, clock_.Now()); });
  }
  // Whether the slot was decided by this.
  bool Advance(const DueRecurringRun& read, std::optional<absl::Time> next, bool waits = false) {
    RecurringRunMove move;
    move.read = &read;
    move.next_due_at = next;
    move.run_count = read.row.run_count + 1;
    move.waits = waits;
    return Advance({move}).at(0);
  }
  std::vector<bool> Advance(const std::vector<RecurringRunMove>& moves) {
    std::vector<bool> moved;
    const absl::Status status =
        store_->Write([&](db::Tx& tx) { return RecurringRunsAdvance(tx, moves, &moved); });
    EXPECT_TRUE(status.ok()) << status;
    return moved;
  }
  bool Put(absl::Time due, TickDecision decision, TickReason reason = TickReason::kDue) {
    ScheduleTickRow row;
    row.recurring_run_id = "a";
    row.due_at = row.last_due_at = due;
    row.decision = decision;
    row.reason = reason;
    row.decided_at = clock_.Now();
    return Put({row}).at(0);
  }
  std::vector<bool> Put(const std::vector<ScheduleTickRow>& rows) {
    std::vector<bool> stored;
    const absl::Status status =
        store_->Write([&](db::Tx& tx) { return ScheduleTicksPut(tx, rows, &stored); });
    EXPECT_TRUE(status.ok()) << status;
    return stored;
  }
  absl::StatusOr<Page<ScheduleTickRow>> Ticks(const ListRequest& request) {
    ASSIGN_OR_RETURN(const ListQuery query,
                     ListQuery::Create(ScheduleTickResource(), request, ListScope{"recurring_run_id", "a"},
                                       store_->page_token_key()));
    Page<ScheduleTickRow> page;
    RETURN_IF_ERROR(store_->Read([&](db::Tx& tx) { return ScheduleTickList(tx, query, page); }));
    return page;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, RecurringRunContract, ServedDatabases());

TEST_P(RecurringRunContract, ARowComesBackAsItWas) {
  RecurringRunRow row = NewRecurringRun("a");
  row.description = "what for";
  row.trigger.kind = TriggerKind::kCron;
  row.trigger.cron = "0 9 * * *";
  row.trigger.time_zone = "Europe/Berlin";
  row.trigger.start_at = absl::FromUnixSeconds(-5);
  row.no_catchup = true;
  row.parameters = R"({"x":1})";
  row.plugins_input = R"({"penstock_cache":{}})";
  row.cache_enabled = false;
  row.cache_max_age = absl::Hours(1);
  ASSERT_TRUE(Add(row).ok());
  const RecurringRunRow read = Get("a");
  EXPECT_EQ(read.trigger.kind, TriggerKind::kCron);
  EXPECT_EQ(read.trigger.cron, "0 9 * * *");
  EXPECT_EQ(read.trigger.time_zone, "Europe/Berlin");
  EXPECT_EQ(read.trigger.start_at, absl::FromUnixSeconds(-5));
  EXPECT_EQ(read.trigger.end_at, std::nullopt);
  EXPECT_EQ(read.parameters, row.parameters);
  EXPECT_EQ(read.plugins_input, row.plugins_input);
  EXPECT_FALSE(read.cache_enabled);
  EXPECT_EQ(read.cache_max_age, absl::Hours(1));
  EXPECT_EQ(read.next_due_at, row.next_due_at);
  EXPECT_EQ(read.wake_at, row.next_due_at);
  EXPECT_TRUE(read.no_catchup);
  EXPECT_TRUE(read.enabled);
  row.recurring_run_id = "b";
  row.experiment_id = "none";
  EXPECT_TRUE(absl::IsNotFound(Add(row)));
  row.experiment_id = "exp";
  row.pipeline_version_id = "none";
  EXPECT_TRUE(absl::IsNotFound(Add(row)));
  EXPECT_EQ(Counter("recurring_runs"), 1);
  EXPECT_EQ(Counter("recurring_runs/experiment/exp"), 1);
}

TEST_P(RecurringRunContract, OnlyWhatIsEnabledAndDueIsFound) {
  RecurringRunRow late = NewRecurringRun("late");
  late.next_due_at = clock_.Now() - absl::Hours(1);
  RecurringRunRow off = NewRecurringRun("off");
  off.next_due_at = clock_.Now() - absl::Hours(1);
  off.enabled = false;
  RecurringRunRow over = NewRecurringRun("over");
  over.next_due_at.reset();
  for (const auto& row : {NewRecurringRun("a"), late, off, over}) {
    ASSERT_TRUE(Add(row).ok());
  }
  EXPECT_THAT(DueIds(), ElementsAre("late"));
  clock_.Advance(absl::Seconds(60));
  EXPECT_THAT(DueIds(), ElementsAre("late", "a"));
  EXPECT_THAT(DueIds(1), ElementsAre("late"));
  ASSERT_TRUE(SetEnabled("off", true).ok());
  ASSERT_TRUE(SetEnabled("late", false).ok());
  EXPECT_THAT(DueIds(), ElementsAre("off", "a"));
  EXPECT_TRUE(absl::IsNotFound(SetEnabled("none", true)));
  const absl::Time updated = Get("off").updated_at;
  clock_.Advance(absl::Seconds(1));
  ASSERT_TRUE(SetEnabled("off", true).ok());
  EXPECT_EQ(Get("off").updated_at, updated) << "nothing was changed";
}

TEST_P(RecurringRunContract, ASlotIsDecidedOnceAndNotAfterAnEdit) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  clock_.Advance(absl::Seconds(60));
  const DueRecurringRun first = Due().at(0);
  const absl::Time next = *first.row.next_due_at + absl::Seconds(60);
  EXPECT_TRUE(Advance(first, next));
  EXPECT_FALSE(Advance(first, next)) << "by another one before";
  EXPECT_THAT(DueIds(), IsEmpty());
  EXPECT_EQ(Get("a").run_count, 1);
  clock_.Advance(absl::Seconds(60));
  const DueRecurringRun second = Due().at(0);
  ASSERT_TRUE(SetEnabled("a", false).ok());
  EXPECT_FALSE(Advance(second, next + absl::Seconds(60)));
  EXPECT_EQ(Get("a").next_due_at, next);
}

TEST_P(RecurringRunContract, AnEditOfAnOldRowIsRefused) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return SpecPut(tx, "other", "{}"); }).ok());
  RecurringRunRow row = Get("a");
  row.display_name = "renamed";
  row.spec_sha256 = "other";
  row.plugins_input = R"({"p":{}})";
  row.cache_enabled = false;
  row.next_due_at = clock_.Now();
  const auto update = [&](const RecurringRunRow& changed) {
    return store_->Write([&](db::Tx& tx) { return RecurringRunUpdate(tx, changed, "spec"); });
  };
  ASSERT_EQ(update(row), absl::OkStatus());
  EXPECT_EQ(Get("a").display_name, "renamed");
  EXPECT_EQ(Get("a").plugins_input, row.plugins_input);
  EXPECT_FALSE(Get("a").cache_enabled);
  EXPECT_THAT(DueIds(), ElementsAre("a"));
  EXPECT_TRUE(absl::IsAborted(update(row)));
  row.recurring_run_id = "none";
  EXPECT_TRUE(absl::IsNotFound(update(row)));
  EXPECT_FALSE(store_->Read([](db::Tx& tx) { return SpecGet(tx, "spec").status(); }).ok())
      << "the spec that nobody uses stays";
}

// The run that it waits for may end between the read and the write.
TEST_P(RecurringRunContract, WhatWaitsIsLookedAtWhenARunEnds) {
  RecurringRunRow row = NewRecurringRun("a");
  row.next_due_at = clock_.Now();
  ASSERT_TRUE(Add(row).ok());
  RunRow run = NewRun("r");
  run.recurring_run_id = "a";
  ASSERT_TRUE(AddRun(run).ok());
  const auto move = [&](RunState from, RunState to) {
    return store_->Write([&](db::Tx& tx) { return RunSetState(tx, "r", from, {to, clock_.Now(), 0, ""}); });
  };
  const DueRecurringRun due = Due().at(0);
  EXPECT_EQ(due.unfinished_runs, 1);
  EXPECT_FALSE(due.waits);
  EXPECT_TRUE(Put(clock_.Now(), TickDecision::kOverlapped, TickReason::kMaxConcurrency));
  EXPECT_TRUE(Advance(due, row.next_due_at, /*waits=*/true));
  EXPECT_THAT(DueIds(), IsEmpty());
  ASSERT_TRUE(move(RunState::kPending, RunState::kRunning).ok());
  EXPECT_THAT(DueIds(), IsEmpty());
  ASSERT_TRUE(move(RunState::kRunning, RunState::kSucceeded).ok());
  ASSERT_THAT(DueIds(), ElementsAre("a"));
  EXPECT_TRUE(Due().at(0).waits);
  EXPECT_EQ(Due().at(0).unfinished_runs, 0);
  // It would wait for a run that has ended by now.
  EXPECT_TRUE(Advance(Due().at(0), row.next_due_at, /*waits=*/true));
  EXPECT_THAT(DueIds(), ElementsAre("a"));
}

TEST_P(RecurringRunContract, ADeletedRunLetsGoOfWhatWaits) {
  RecurringRunRow row = NewRecurringRun("a");
  row.next_due_at = clock_.Now();
  ASSERT_TRUE(Add(row).ok());
  RunRow run = NewRun("r");
  run.recurring_run_id = "a";
  ASSERT_TRUE(AddRun(run).ok());
  EXPECT_TRUE(Advance(Due().at(0), row.next_due_at, /*waits=*/true));
  EXPECT_THAT(DueIds(), IsEmpty());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RunDelete(tx, "r", absl::UnixEpoch()); }).ok());
  EXPECT_THAT(DueIds(), ElementsAre("a"));
}

TEST_P(RecurringRunContract, TicksHaveOneDecision) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  const absl::Time due = clock_.Now();
  EXPECT_TRUE(Put(due, TickDecision::kOverlapped, TickReason::kMaxConcurrency));
  EXPECT_TRUE(Put(due, TickDecision::kCaughtUp, TickReason::kWaited));
  EXPECT_FALSE(Put(due, TickDecision::kFired));
  EXPECT_TRUE(Put(due + absl::Seconds(1), TickDecision::kOverlapped, TickReason::kMaxConcurrency));
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) {
                    return ScheduleTickGiveUp(tx, "a", TickReason::kTriggerChanged, clock_.Now());
                  })
                  .ok());
  const auto page = Ticks({0, "", "due_at", ""});
  ASSERT_TRUE(page.ok()) << page.status();
  ASSERT_THAT(page->rows, SizeIs(2));
  EXPECT_EQ(page->rows[0].decision, TickDecision::kCaughtUp);
  EXPECT_EQ(page->rows[0].reason, TickReason::kWaited);
  EXPECT_EQ(page->rows[1].decision, TickDecision::kSkipped);
  EXPECT_EQ(page->rows[1].reason, TickReason::kTriggerChanged);
}

TEST_P(RecurringRunContract, TicksArePagedAndOldOnesGo) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  const absl::Time begin = clock_.Now();
  for (int i = 0; i < 25; ++i) {
    EXPECT_TRUE(Put(begin + absl::Seconds(i), i % 5 == 0 ? TickDecision::kSkipped : TickDecision::kFired));
  }
  ListRequest request{10, "", "due_at desc", ""};
  std::vector<absl::Time> seen;
  do {
    const auto page = Ticks(request);
    ASSERT_TRUE(page.ok()) << page.status();
    for (const ScheduleTickRow& row : page->rows) seen.push_back(row.due_at);
    request.page_token = page->next_page_token;
  } while (!request.page_token.empty());
  ASSERT_THAT(seen, SizeIs(25));
  for (size_t i = 1; i < seen.size(); ++i) {
    EXPECT_GT(seen[i - 1], seen[i]);
  }
  EXPECT_THAT(Ticks({0, "", "due_at",
                     R"({"predicates":[{"operation":"EQUALS","key":"decision","stringValue":"SKIPPED"}]})"})
                  ->rows,
              SizeIs(5));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(store_->Write([](db::Tx& tx) { return ScheduleTicksKeep(tx, "a", 7); }).ok());
    const auto kept = Ticks({0, "", "due_at", ""});
    ASSERT_THAT(kept->rows, SizeIs(7));
    EXPECT_EQ(kept->rows[0].due_at, begin + absl::Seconds(18));
  }
}

TEST_P(RecurringRunContract, ListsKnowKfpsKeys) {
  for (const char* id : {"a", "b", "c"}) {
    RecurringRunRow row = NewRecurringRun(id);
    row.description = absl::StrCat("about ", id);
    ASSERT_TRUE(Add(row).ok());
    clock_.Advance(absl::Seconds(1));
  }
  const auto list = [&](const ListRequest& request) -> absl::StatusOr<Page<RecurringRunRow>> {
    ASSIGN_OR_RETURN(const ListQuery query, ListQuery::Create(RecurringRunResource(), request, std::nullopt,
                                                              store_->page_token_key()));
    Page<RecurringRunRow> page;
    RETURN_IF_ERROR(store_->Read([&](db::Tx& tx) { return RecurringRunList(tx, "", query, page); }));
    return page;
  };
  for (const char* key :
       {"id", "recurring_run_id", "name", "display_name", "created_at", "updated_at", "description"}) {
    const auto page = list({2, "", absl::StrCat(key, " desc"), ""});
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_EQ(page->rows.at(0).recurring_run_id, "c") << key;
    EXPECT_EQ(page->total_size, 3);
    const auto rest = list({2, page->next_page_token, "", ""});
    ASSERT_TRUE(rest.ok()) << rest.status();
    EXPECT_EQ(rest->rows.at(0).recurring_run_id, "a") << key;
  }
  for (const char* key : {"status", "mode", "experiment_id", "namespace", "trigger"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(list({2, "", key, ""}).status())) << key;
  }
}

TEST_P(RecurringRunContract, AnArchivedExperimentDisablesItsOwn) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return ExperimentArchive(tx, "exp", clock_.Now()); }).ok());
  EXPECT_FALSE(Get("a").enabled);
  EXPECT_EQ(Get("a").wake_at, std::nullopt);
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return ExperimentUnarchive(tx, "exp"); }).ok());
  EXPECT_FALSE(Get("a").enabled);
}

TEST_P(RecurringRunContract, DeletingTakesTicksAndSpecAndLeavesRuns) {
  ASSERT_TRUE(Add(NewRecurringRun("a")).ok());
  EXPECT_TRUE(Put(clock_.Now(), TickDecision::kFired));
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return SpecDeleteUnused(tx, "spec"); }).ok());
  ASSERT_TRUE(store_->Read([](db::Tx& tx) { return SpecGet(tx, "spec").status(); }).ok());
  ASSERT_TRUE(store_->Write([](db::Tx& tx) { return RecurringRunDelete(tx, "a"); }).ok());
  EXPECT_THAT(Ticks({0, "", "due_at", ""})->rows, IsEmpty());
  EXPECT_TRUE(absl::IsNotFound(store_->Read([](db::Tx& tx) { return SpecGet(tx, "spec").status(); })));
  EXPECT_TRUE(absl::IsNotFound(store_->Write([](db::Tx& tx) { return RecurringRunDelete(tx, "a"); })));
  EXPECT_EQ(Counter("recurring_runs"), 0);
}

// A run of a recurring run may name a version that has been deleted; and an id that is taken ends nothing.
TEST_P(RecurringRunContract, InsertsThatAreRefusedLeaveTheTransactionOpen) {
  RunRow run = NewRun("r");
  run.pipeline_version_id = "gone";
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    EXPECT_TRUE(absl::IsNotFound(RunInsert(tx, run, {"spec", "{}", ""})));
                    EXPECT_TRUE(RunInsert(tx, run, {"spec", "{}", ""}, /*version_must_exist=*/false).ok());
                    EXPECT_TRUE(absl::IsAlreadyExists(RunInsert(tx, run, {"spec", "{}", ""}, false)));
                    return RunInsert(tx, NewRun("s"), {"spec", "{}", ""});
                  })
                  .ok());
  EXPECT_EQ(RunsCounted(), 2);
}

// Neither the search for what is due nor the everyday pages read the whole table.
TEST_P(RecurringRunContract, WhatIsAskedOftenWalksAnIndex) {
  const auto plan_of = [&](const std::string& sql) {
    std::string plan;
    const db::Param value[] = {"x"};
    const size_t count = sql.find("$1") == std::string::npos ? 0 : 1;
    const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
      if (OnPostgres()) RETURN_IF_ERROR(tx.Execute("SET LOCAL enable_seqscan = off", {}).status());
      plan.clear();
      return tx.Query(absl::StrCat(OnPostgres() ? "EXPLAIN " : "EXPLAIN QUERY PLAN ", sql),
                      db::Params(value, count), [&](const db::Row& row) {
                        absl::StrAppend(&plan, row.Text(OnPostgres() ? 0 : 3), "\n");
                        return absl::OkStatus();
                      });
    });
    EXPECT_TRUE(status.ok()) << status;
    return plan;
  };
  EXPECT_THAT(plan_of("SELECT wake_at_us FROM recurring_runs WHERE wake_at_us <= 5 ORDER BY wake_at_us, "
                      "recurring_run_id LIMIT 5"),
              HasSubstr("recurring_runs_due"));
  EXPECT_THAT(
      plan_of("SELECT COUNT(*) FROM runs u WHERE u.recurring_run_id = $1 AND u.recurring_run_id <> '' "
              "AND u.state IN ('PENDING', 'RUNNING', 'CANCELING')"),
      HasSubstr("runs_unfinished_of_recurring"));
  // As lists walk them.
  EXPECT_THAT(
      plan_of(
          "SELECT due_at_us FROM schedule_ticks WHERE recurring_run_id = $1 ORDER BY due_at_us DESC LIMIT 5"),
      Not(HasSubstr("TEMP B-TREE")));
  for (const char* column : {"created_at_us", "updated_at_us", "display_name"}) {
    EXPECT_THAT(plan_of(absl::StrCat("SELECT recurring_run_id FROM recurring_runs ORDER BY ", column,
                                     " DESC, recurring_run_id DESC LIMIT 5")),
                Not(HasSubstr("TEMP B-TREE")))
        << column;
  }
}

}  // namespace
}  // namespace penstock
