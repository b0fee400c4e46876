// An engine on a real store, with a scripted executor and a clock that the test moves.
#pragma once

#include <memory>
#include <string>

#include "common/log.h"
#include "common/metrics.h"
#include "common/status_macros.h"
#include "content/local/local_content_store.h"
#include "scheduler/engine.h"
#include "storage/task_store.h"
#include "tests/fakes/inline_worker.h"
#include "tests/fakes/scripted_executor.h"
#include "tests/support/pipelines.h"
#include "tests/support/store_fixture.h"

namespace penstock {

class EngineTest : public StoreTest {
 protected:
  void SetUp() override {
    StoreTest::SetUp();
    if (store_ == nullptr) return;  // skipped
    spdlog::set_level(spdlog::level::off);
    AddBasics();
    executor_.SetDataDir(directory_.string());
    content_ = std::make_unique<LocalContentStore>(directory_.string());
    Restart();
  }
  void TearDown() override {
    engine_.reset();
    lease_.reset();
    StoreTest::TearDown();
  }

  // The server dies and a new one comes up; the executor lives on.
  void Restart() {
    engine_.reset();
    lease_.reset();
    lease_ = std::make_unique<Lease>(*store_, "engine");
    EngineOptions options;
    options.cache = cache_;
    engine_ = std::make_unique<Engine>(PartsOf(*lease_, Executors()), options);
    ASSERT_TRUE(engine_->Open().ok());
  }
  virtual ExecutorSet Executors() { return ExecutorSet({{"engine", &executor_}}); }
  EngineParts PartsOf(Lease& lease, ExecutorSet executors) {
    return {*store_, std::move(executors), *content_, worker_, lease, documents_, clock_, ids_, metrics_,
            in_work_};
  }

  Engine::PassResult Pass() {
    const auto result = engine_->RunOnce();
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : Engine::PassResult{};
  }
  // Passes until nothing more happens; a pass that only cancels has its effect in the next one.
  void Settle() {
    int idle = 0;
    for (int i = 0; i < 1000; ++i) {
      clock_.Advance(absl::Seconds(1));
      idle = Pass().idle() ? idle + 1 : 0;
      if (idle == 2) return;
    }
    FAIL() << "the engine does not come to rest";
  }

  std::string CreateRun(const TaskGraph& graph) { return CreateRunOf(FlatPipeline(graph)); }
  std::string CreateRunOf(const TestPipeline& pipeline) { return CreateRunOf(DocumentOf(pipeline), {}); }
  // `config` without the pipeline.
  std::string CreateRunOf(const std::shared_ptr<const PipelineDocument>& document, RunConfigRow config,
                          absl::string_view namespace_ = "") {
    RunRow row = NewRun(ids_.NewId());
    row.namespace_ = std::string(namespace_);
    config.spec_sha256 = document->sha256_hex;
    if (config.parameters.empty()) config.parameters = "{}";
    EXPECT_TRUE(store_
                    ->Write([&](db::Tx& tx) -> absl::Status {
                      RETURN_IF_ERROR(SpecPut(tx, document->sha256_hex, document->canonical_json));
                      return RunInsert(tx, row, config);
                    })
                    .ok());
    store_->notifier().Notify(Topic::kRuns, row.run_id);
    return row.run_id;
  }
  absl::Status Terminate(const std::string& run_id) {
    const absl::Status status = store_->Write([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
      if (row.state != RunState::kPending && row.state != RunState::kRunning) {
        return absl::InvalidArgumentError("ended");
      }
      return RunSetState(tx, run_id, row.state, {RunState::kCanceling, clock_.Now(), 0, ""});
    });
    store_->notifier().Notify(Topic::kRuns, run_id);
    return status;
  }

  RunState StateOf(const std::string& run_id) {
    RunState state = RunState::kPending;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, run_id));
                      state = row.state;
                      return absl::OkStatus();
                    })
                    .ok());
    return state;
  }
  std::map<std::string, TaskRow> TasksOf(const std::string& run_id) {
    std::map<std::string, TaskRow> tasks;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(const auto rows, TaskList(tx, run_id));
                      for (const TaskRow& row : rows) tasks[row.name] = row;
                      return absl::OkStatus();
                    })
                    .ok());
    return tasks;
  }
  std::vector<TaskRow> TaskRowsOf(const std::string& run_id) {
    std::vector<TaskRow> rows;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(rows, TaskList(tx, run_id));
                      return absl::OkStatus();
                    })
                    .ok());
    return rows;
  }
  // The attempt of a task that runs now.
  std::string RunningAttempt(absl::string_view task) {
    for (const std::string& id : executor_.running) {
      if (executor_.specs[id].task_name == task) return id;
    }
    ADD_FAILURE() << "no attempt of " << task << " runs";
    return "";
  }
  void Finish(absl::string_view task, AttemptOutcome outcome = AttemptOutcome::kSucceeded) {
    executor_.Finish(RunningAttempt(task), outcome);
  }

  Uuid7Generator ids_{clock_};
  Metrics metrics_;
  AttemptsInWork in_work_;
  DocumentCache documents_{16};
  ScriptedExecutor executor_{2};
  CacheSettings cache_;  // of the next engine
  InlineWorker worker_;
  std::unique_ptr<LocalContentStore> content_;
  std::unique_ptr<Lease> lease_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace penstock
