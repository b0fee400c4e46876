// A recurring-run engine on a real store, with a clock that the test moves and runs that the test ends.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/log.h"
#include "common/metrics.h"
#include "common/status_macros.h"
#include "pipeline/schedule/run_name.h"
#include "scheduler/recurring/recurring_engine.h"
#include "storage/lease_store.h"
#include "storage/pipeline_store.h"
#include "storage/schedule_tick_store.h"
#include "tests/support/pipelines.h"
#include "tests/support/store_fixture.h"

namespace penstock {

class RecurringEngineTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    spdlog::set_level(spdlog::level::off);
    AddBasics();
    Restart();
  }
  void TearDown() override {
    engine_.reset();
    lease_.reset();
    StoreTest::TearDown();
  }

  void TakeLease(absl::string_view holder) {
    ASSERT_TRUE(store_
                    ->Write([&](db::Tx& tx) {
                      return LeaseAcquire(tx, "scheduler", holder, clock_.Now(),
                                          clock_.Now() + absl::Hours(1))
                          .status();
                    })
                    .ok());
  }
  // The server dies and a new one comes up.
  void Restart(int schedules_per_pass = 16) {
    engine_.reset();
    lease_.reset();
    lease_ = std::make_unique<Lease>(*store_, "engine", absl::Hours(1));
    ASSERT_TRUE(lease_->Hold(clock_.Now()).ok());
    RecurringEngineOptions options;
    options.schedules_per_pass = schedules_per_pass;
    engine_ = std::make_unique<RecurringEngine>(*store_, *lease_, documents_, clock_, metrics_, options);
  }
  RecurringEngine::PassResult Pass() {
    const auto result = engine_->RunOnce();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : RecurringEngine::PassResult{};
  }
  // Passes until nothing is due any more.
  void Settle() {
    for (int i = 0; i < 10'000; ++i) {
      if (Pass().wake_at > clock_.Now()) return;
    }
    FAIL() << "the engine does not come to rest";
  }

  // A schedule of the stored spec, every minute from now on.
  RecurringRunRow NewRecurringRun(absl::string_view id) {
    RecurringRunRow row;
    row.recurring_run_id = std::string(id);
    row.experiment_id = "exp";
    row.display_name = absl::StrCat("name of ", id);
    row.run_name = RunNameOf(row.display_name, id);
    row.spec_sha256 = "spec";
    row.parameters = "{}";
    row.enabled = true;
    row.max_concurrency = 10;
    row.trigger.kind = TriggerKind::kInterval;
    row.trigger.interval_seconds = 60;
    row.created_at = row.updated_at = clock_.Now();
    return row;
  }
  void Add(RecurringRunRow row) {
    const auto trigger = Trigger::Create(row.trigger);
    ASSERT_TRUE(trigger.ok()) << trigger.status();
    row.next_due_at = trigger->First(clock_.Now());
    const absl::Status status = store_->Write([&](db::Tx& tx) { return RecurringRunInsert(tx, row); });
    ASSERT_TRUE(status.ok()) << status;
  }
  // A new version of the pipeline "p", which it makes if there is none; its task takes `parameter` if that is
  // not empty.
  void AddVersion(const std::string& version, const std::string& parameter = "") {
    Json spec = SpecOf(FlatPipeline({{"a", {}}}));
    if (!parameter.empty()) {
      spec["root"]["inputDefinitions"] = {{"parameters", {{parameter, {{"parameterType", "STRING"}}}}}};
    }
    const auto document = ParsePipelineJson(spec);
    ASSERT_TRUE(document.ok()) << document.status();
    PipelineVersionRow row;
    row.pipeline_version_id = row.name = version;
    row.pipeline_id = "p";
    row.spec_sha256 = (*document)->sha256_hex;
    row.created_at = clock_.Now();
    const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
      if (absl::IsNotFound(PipelineGet(tx, "p").status())) {
        PipelineRow pipeline;
        pipeline.pipeline_id = pipeline.name = "p";
        pipeline.created_at = clock_.Now();
        RETURN_IF_ERROR(PipelineInsert(tx, pipeline));
      }
      RETURN_IF_ERROR(SpecPut(tx, row.spec_sha256, (*document)->canonical_json));
      return PipelineVersionInsert(tx, row);
    });
    ASSERT_TRUE(status.ok()) << status;
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
  // The oldest first.
  std::vector<ScheduleTickRow> TicksOf(absl::string_view id) {
    std::vector<ScheduleTickRow> ticks;
    ListRequest request{200, "", "due_at", ""};
    do {
      const auto query =
          ListQuery::Create(ScheduleTickResource(), request, ListScope{"recurring_run_id", std::string(id)},
                            store_->page_token_key());
      EXPECT_TRUE(query.ok()) << query.status();
      Page<ScheduleTickRow> page;
      EXPECT_TRUE(store_->Read([&](db::Tx& tx) { return ScheduleTickList(tx, *query, page); }).ok());
      ticks.insert(ticks.end(), page.rows.begin(), page.rows.end());
      request.page_token = page.next_page_token;
    } while (!request.page_token.empty());
    return ticks;
  }
  // "FIRED DUE" and so on.
  std::vector<std::string> DecisionsOf(absl::string_view id) {
    std::vector<std::string> decisions;
    for (const ScheduleTickRow& tick : TicksOf(id)) {
      decisions.push_back(absl::StrCat(Name(tick.decision), " ", Name(tick.reason)));
    }
    return decisions;
  }
  std::vector<RunRow> Runs() {
    std::vector<RunRow> runs;
    ListRequest request{200, "", "scheduled_at", ""};
    do {
      const auto query = ListQuery::Create(RunResource(), request, std::nullopt, store_->page_token_key());
      Page<RunRow> page;
      EXPECT_TRUE(store_->Read([&](db::Tx& tx) { return RunList(tx, *query, page); }).ok());
      runs.insert(runs.end(), page.rows.begin(), page.rows.end());
      request.page_token = page.next_page_token;
    } while (!request.page_token.empty());
    return runs;
  }
  void EndRun(const RunRow& run) {
    RunState state = run.state;
    for (const RunState to : {RunState::kRunning, RunState::kSucceeded}) {
      if (state == to) continue;
      const absl::Status status = store_->Write([&](db::Tx& tx) {
        return RunSetState(tx, run.run_id, state, {to, clock_.Now(), 0, ""});
      });
      ASSERT_TRUE(status.ok()) << status;
      state = to;
    }
  }

  Metrics metrics_;
  DocumentCache documents_{16};
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<RecurringEngine> engine_;
};

}  // namespace penstock
