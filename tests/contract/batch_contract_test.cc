// Many rows in few statements, on every database: none is lost, and what is refused touches nothing else.
#include <map>
#include <string>
#include <vector>

#include "common/limits.h"
#include "common/status_macros.h"
#include "storage/db/rows.h"
#include "storage/pipeline_store.h"
#include "storage/recurring_run_store.h"
#include "storage/schedule_tick_store.h"
#include "tests/contract/recurring_run_fixture.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class BatchContract : public RecurringRunStoreTest {
 protected:
  // Gives the first two columns of each row.
  std::map<std::string, int64_t> Read(absl::string_view sql) {
    std::map<std::string, int64_t> rows;
    const absl::Status status = store_->Read([&](db::Tx& tx) {
      rows.clear();
      return tx.Query(sql, {}, [&](const db::Row& row) {
        rows[row.String(0)] = row.Int64(1);
        return absl::OkStatus();
      });
    });
    EXPECT_TRUE(status.ok()) << status;
    return rows;
  }
  int64_t Count(absl::string_view table) {
    return Read(absl::StrCat("SELECT 'all', COUNT(*) FROM ", table)).at("all");
  }

  void AddExperiment(const std::string& id) {
    ExperimentRow row;
    row.experiment_id = row.name = id;
    row.created_at = row.last_run_created_at = absl::UnixEpoch();
    ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return ExperimentInsert(tx, row); }).ok());
  }
  std::vector<absl::Status> Insert(const std::vector<RunRow>& rows, const RunConfigRow& config) {
    std::vector<RunToInsert> runs;
    for (const RunRow& row : rows) runs.push_back({row, config});
    std::vector<absl::Status> outcomes;
    const absl::Status status = store_->Write([&](db::Tx& tx) { return RunsInsert(tx, runs, &outcomes); });
    EXPECT_TRUE(status.ok()) << status;
    return outcomes;
  }

  void AddSchedules(int count) {
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      for (int i = 0; i < count; ++i) {
                        RecurringRunRow row = NewRecurringRun(absl::StrCat("s", i));
                        row.next_due_at = clock_.Now();
                        RETURN_IF_ERROR(RecurringRunInsert(tx, row));
                      }
                      return absl::OkStatus();
                    })
                    .ok());
  }
  std::vector<bool> Advance(const std::vector<DueRecurringRun>& due) {
    std::vector<RecurringRunMove> moves;
    for (const DueRecurringRun& read : due) moves.push_back({&read, clock_.Now() + absl::Seconds(60), 1});
    std::vector<bool> moved;
    const absl::Status status =
        store_->Write([&](db::Tx& tx) { return RecurringRunsAdvance(tx, moves, &moved); });
    EXPECT_TRUE(status.ok()) << status;
    return moved;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, BatchContract, ServedDatabases());

TEST_P(BatchContract, EveryNumberOfRowsArrives) {
  const db::RowsStatement put("INSERT INTO counters (name, value) VALUES $rows RETURNING name", 2);
  int64_t all = 0;
  for (const int count : {0, 1, 2, 3, 8, 9, 63, 64, 65, 200}) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i) names.push_back(absl::StrCat("of ", count, " ", i));
    std::vector<db::Param> params;
    for (int i = 0; i < count; ++i) params.insert(params.end(), {names[i], i});
    std::vector<std::string> answered;
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) {
                      answered.clear();
                      return put.Query(tx, params, [&](const db::Row& row) {
                        answered.push_back(row.String(0));
                        return absl::OkStatus();
                      });
                    })
                    .ok());
    EXPECT_EQ(answered, names);
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(Counter(names[i]), i);
    }
    all += count;
  }
  EXPECT_EQ(Count("counters WHERE name LIKE 'of %'"), all);
}

TEST_P(BatchContract, LargeRowsArriveToo) {
  const db::RowsStatement put("INSERT INTO settings (name, value) VALUES $rows", 2);
  std::vector<std::string> names;
  std::vector<std::string> values;
  for (int i = 0; i < 40; ++i) {
    names.push_back(absl::StrCat("large ", i));
    values.push_back(std::string(i % 2 == 0 ? 1 : 100'000, static_cast<char>(i)));
  }
  std::vector<db::Param> params;
  for (int i = 0; i < 40; ++i) params.insert(params.end(), {names[i], db::Blob{values[i]}});
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return put.ExecuteLater(tx, params); }).ok());
  for (int i = 0; i < 40; ++i) {
    const absl::Status status = store_->Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const auto stored, SettingGet(tx, names[i]));
      EXPECT_TRUE(stored == values[i]) << i;
      return absl::OkStatus();
    });
    EXPECT_TRUE(status.ok()) << status;
  }
}

TEST_P(BatchContract, RunsOfManyExperimentsAreCountedOnce) {
  AddExperiment("other");
  std::vector<RunRow> rows;
  for (int i = 0; i < 150; ++i) {
    RunRow row = NewRun(absl::StrCat("r", i));
    if (i % 3 == 0) row.experiment_id = "other";
    if (i % 5 == 0) row.namespace_ = "team";
    row.created_at = clock_.Now() - absl::Seconds(i);
    rows.push_back(row);
  }
  for (const absl::Status& outcome : Insert(rows, {"spec", R"({"x":1})", "root"})) {
    EXPECT_TRUE(outcome.ok()) << outcome;
  }
  EXPECT_THAT(
      Read("SELECT scope, runs FROM run_counts"),
      UnorderedElementsAre(Pair("all", 150), Pair("experiment/exp", 100), Pair("experiment/other", 50),
                           Pair("namespace/", 120), Pair("namespace/team", 30)));
  EXPECT_THAT(Read("SELECT experiment_id, last_run_created_at_us FROM experiments"),
              UnorderedElementsAre(Pair("exp", absl::ToUnixMicros(clock_.Now() - absl::Seconds(1))),
                                   Pair("other", absl::ToUnixMicros(clock_.Now()))));
  EXPECT_EQ(Count("run_states WHERE sequence = 1 AND state = 'PENDING'"), 150);
  EXPECT_EQ(Count("run_configs WHERE parameters = '{\"x\":1}' AND pipeline_root = 'root'"), 150);
}

TEST_P(BatchContract, ARunThatIsRefusedIsLeftOutAlone) {
  ASSERT_TRUE(AddRun(NewRun("r7")).ok());
  std::vector<RunRow> rows;
  for (int i = 0; i < 100; ++i) rows.push_back(NewRun(absl::StrCat("r", i)));
  rows[40].experiment_id = "none";
  rows[50].pipeline_version_id = "gone";
  rows[99].run_id = "r98";
  const std::vector<absl::Status> outcomes = Insert(rows, {"spec", "{}", ""});
  ASSERT_THAT(outcomes, SizeIs(100));
  std::vector<int> refused;
  for (int i = 0; i < 100; ++i) {
    if (!outcomes[i].ok()) refused.push_back(i);
  }
  EXPECT_THAT(refused, ElementsAre(7, 40, 50, 99));
  EXPECT_TRUE(absl::IsAlreadyExists(outcomes[7])) << outcomes[7];
  EXPECT_TRUE(absl::IsNotFound(outcomes[40])) << outcomes[40];
  EXPECT_THAT(outcomes[40].message(), HasSubstr("Experiment none"));
  EXPECT_TRUE(absl::IsNotFound(outcomes[50])) << outcomes[50];
  EXPECT_THAT(outcomes[50].message(), HasSubstr("gone"));
  EXPECT_TRUE(absl::IsAlreadyExists(outcomes[99])) << outcomes[99];
  for (const char* table : {"runs", "run_states", "run_configs"}) {
    EXPECT_EQ(Count(table), 97) << table;
  }
  EXPECT_EQ(RunsCounted(), 97);
  EXPECT_THAT(Insert({}, {}), IsEmpty());
}

TEST_P(BatchContract, AScheduleThatWasEditedMeanwhileIsLeftOutAlone) {
  AddSchedules(300);
  const std::vector<DueRecurringRun> due = Due();
  ASSERT_THAT(due, SizeIs(300));
  const std::string edited = due[123].row.recurring_run_id;
  const std::string deleted = due[290].row.recurring_run_id;
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) -> absl::Status {
                    RETURN_IF_ERROR(RecurringRunSetEnabled(tx, edited, false, clock_.Now()));
                    return RecurringRunDelete(tx, deleted);
                  })
                  .ok());
  const std::vector<bool> moved = Advance(due);
  ASSERT_THAT(moved, SizeIs(300));
  for (size_t i = 0; i < moved.size(); ++i) {
    EXPECT_EQ(moved[i], i != 123 && i != 290) << i;
  }
  EXPECT_THAT(Advance(due), ::testing::Each(false)) << "each slot is decided once";
  EXPECT_EQ(Count("recurring_runs WHERE run_count = 1"), 298);
}

TEST_P(BatchContract, SchedulesWithMuchTextAreReadFewAtATime) {
  AddSchedules(100);
  const std::string large(limits::kScheduleBytesPerPass / 20, 'x');
  ASSERT_TRUE(store_
                  ->Write([&](db::Tx& tx) {
                    return tx
                        .Execute("UPDATE recurring_runs SET parameters = $1, wake_at_us = wake_at_us - 1",
                                 {large})
                        .status();
                  })
                  .ok());
  const size_t read = Due().size();
  EXPECT_GE(read, 20u);
  EXPECT_LT(read, 64u);
}

TEST_P(BatchContract, ATickThatIsDecidedIsLeftOutAlone) {
  AddSchedules(100);
  std::vector<ScheduleTickRow> ticks;
  for (const DueRecurringRun& due : Due()) {
    ScheduleTickRow tick;
    tick.recurring_run_id = due.row.recurring_run_id;
    tick.due_at = tick.last_due_at = clock_.Now();
    tick.decided_at = clock_.Now();
    ticks.push_back(tick);
  }
  const auto put = [&](const std::vector<ScheduleTickRow>& rows) {
    std::vector<bool> stored;
    const absl::Status status =
        store_->Write([&](db::Tx& tx) { return ScheduleTicksPut(tx, rows, &stored); });
    EXPECT_TRUE(status.ok()) << status;
    return stored;
  };
  ScheduleTickRow waits = ticks[20];
  waits.decision = TickDecision::kOverlapped;
  EXPECT_THAT(put({ticks[10], waits}), ElementsAre(true, true));
  const std::vector<bool> stored = put(ticks);
  for (size_t i = 0; i < stored.size(); ++i) {
    EXPECT_EQ(stored[i], i != 10) << i;
  }
  EXPECT_EQ(Count("schedule_ticks WHERE decision = 'FIRED'"), 100);
  EXPECT_THAT(put({}), IsEmpty());
}

}  // namespace
}  // namespace penstock
