// Runs that are retried: what did not succeed runs again, what did stays.
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kAnyEnd[] = "ALL_UPSTREAM_TASKS_COMPLETED";

class EngineRetryTest : public EngineTest {
 protected:
  absl::Status Retry(const std::string& run) {
    const absl::Status status = store_->Write([&](db::Tx& tx) { return RunReopen(tx, run, clock_.Now()); });
    store_->notifier().Notify(Topic::kRuns, run);
    return status;
  }
  void Fail(absl::string_view task) { Finish(task, AttemptOutcome::kFailed); }
  std::vector<TaskState> StatesOf(const std::string& run, const std::string& task) {
    const std::string id = TasksOf(run)[task].task_id;
    std::vector<TaskState> states;
    EXPECT_TRUE(store_
                    ->Read([&](db::Tx& tx) -> absl::Status {
                      ASSIGN_OR_RETURN(const auto rows, TaskStates(tx, run));
                      for (const TaskStateRow& row : rows) {
                        if (row.task_id == id) states.push_back(row.state);
                      }
                      return absl::OkStatus();
                    })
                    .ok());
    return states;
  }
  int StartsOf(absl::string_view task) {
    int starts = 0;
    for (const auto& [id, count] : executor_.starts) {
      if (executor_.specs[id].task_name == task) starts += count;
    }
    return starts;
  }
};
INSTANTIATE_TEST_SUITE_P(Databases, EngineRetryTest, ServedDatabases());

TEST_P(EngineRetryTest, WhatFailedAndWhatItHeldUpRunsAgain) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}, {"c", {"b"}}, {"d", {"a"}}});
  Pass();
  Finish("a");
  Pass();
  Fail("b");
  Finish("d");
  Pass();
  ASSERT_EQ(StateOf(run), RunState::kFailed);
  ASSERT_TRUE(Retry(run).ok());
  EXPECT_EQ(StateOf(run), RunState::kPending);
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kRunning);
  auto tasks = TasksOf(run);
  EXPECT_EQ(tasks["a"].state, TaskState::kSucceeded);
  EXPECT_EQ(tasks["b"].state, TaskState::kRunning);
  EXPECT_EQ(tasks["b"].error_message, "");
  EXPECT_EQ(tasks["b"].finished_at, absl::UnixEpoch());
  EXPECT_EQ(tasks["c"].state, TaskState::kPending);
  EXPECT_EQ(executor_.specs[RunningAttempt("b")].attempt_number, 2);
  Finish("b");
  Pass();
  Finish("c");
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(StartsOf("a"), 1);
  EXPECT_EQ(StartsOf("d"), 1);
  EXPECT_THAT(StatesOf(run, "b"),
              ElementsAre(TaskState::kPending, TaskState::kRunning, TaskState::kFailed, TaskState::kPending,
                          TaskState::kRunning, TaskState::kSucceeded));
  EXPECT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto states, RunStates(tx, run));
                    EXPECT_THAT(states, SizeIs(6));
                    EXPECT_EQ(states[2].state, RunState::kFailed);
                    EXPECT_EQ(states[3].state, RunState::kPending);
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(EngineRetryTest, OnlyWhatEndedWithoutSuccessIsRetried) {
  const std::string run = CreateRun({{"a", {}}});
  EXPECT_TRUE(absl::IsAborted(Retry(run)));
  Pass();
  EXPECT_TRUE(absl::IsAborted(Retry(run)));
  Finish("a");
  Pass();
  const absl::Status status = Retry(run);
  EXPECT_TRUE(absl::IsAborted(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("SUCCEEDED"));
  EXPECT_TRUE(absl::IsNotFound(Retry("none")));
}

TEST_P(EngineRetryTest, ARetryIsRetriedAndSurvivesRestarts) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  Fail("a");
  Pass();
  for (int i = 2; i < 5; ++i) {
    ASSERT_TRUE(Retry(run).ok());
    Restart();  // before anybody has taken it
    Settle();
    ASSERT_EQ(executor_.specs[RunningAttempt("a")].attempt_number, i);
    Restart();  // while it runs
    Pass();
    Fail("a");
    Settle();
    ASSERT_EQ(StateOf(run), RunState::kFailed);
    EXPECT_EQ(TasksOf(run)["b"].state, TaskState::kSkipped);
  }
  ASSERT_TRUE(Retry(run).ok());
  Pass();
  Finish("a");
  Restart();
  Settle();
  Finish("b");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(StartsOf("a"), 5);
  for (const auto& [attempt, starts] : executor_.starts) {
    EXPECT_EQ(starts, 1) << attempt;
  }
}

TEST_P(EngineRetryTest, TheRetryPolicyCountsFromTheRetry) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}, "true", {{"retryPolicy", {{"maxRetryCount", 1}, {"backoffDuration", "0s"}}}}}};
  const std::string run = CreateRunOf(pipeline);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 2; ++i) {
      Pass();
      const LaunchSpec spec = executor_.specs[RunningAttempt("a")];
      EXPECT_EQ(spec.attempt_number, 1 + 2 * round + i);
      EXPECT_THAT(spec.env, Contains(Pair("KFP_RETRY_INDEX", absl::StrCat(i))));
      Fail("a");
      if (i == 0) Restart();
    }
    Settle();
    ASSERT_EQ(StateOf(run), RunState::kFailed);
    ASSERT_TRUE(Retry(run).ok());
  }
}

TEST_P(EngineRetryTest, GraphsAndLoopsGoOnWithTheirOwnTasks) {
  TestPipeline pipeline;
  pipeline.graphs["inner"] = {{"x"}, {"y", {"x"}}};
  pipeline.graphs["outer"] = {{"g", {}, "inner"}, {"z", {"g"}}};
  pipeline.root = {{"o", {}, "outer"}, {"l", {"o"}, "inner", {{"parameterIterator", LoopOver(2)}}}};
  const std::string run = CreateRunOf(pipeline);
  Pass();
  Finish("x");
  Pass();
  Fail("y");
  Settle();
  ASSERT_EQ(StateOf(run), RunState::kFailed);
  ASSERT_TRUE(Retry(run).ok());
  Pass();
  EXPECT_EQ(StartsOf("x"), 1);
  EXPECT_EQ(StatesOf(run, "g"), (std::vector<TaskState>{TaskState::kPending, TaskState::kRunning,
                                                        TaskState::kFailed, TaskState::kRunning}));
  Finish("y");
  Pass();
  Finish("z");
  Pass();
  Finish("x");  // of the first iteration
  Finish("x");
  Pass();
  Finish("y");
  Fail("y");
  Settle();
  ASSERT_EQ(StateOf(run), RunState::kFailed);
  ASSERT_TRUE(Retry(run).ok());
  Restart();
  Settle();
  EXPECT_THAT(executor_.running, SizeIs(1));
  Finish("y");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(StartsOf("x"), 3);
  EXPECT_EQ(StartsOf("y"), 5);
  EXPECT_EQ(StartsOf("z"), 1);
}

// What waited for the end of a task that fails waits for its next end, and begins afresh then.
TEST_P(EngineRetryTest, TasksThatAwaitAnyEndRunAgainAfterWhatIsRetried) {
  const Json any_end = {{"triggerPolicy", {{"strategy", kAnyEnd}}}};
  TestPipeline pipeline;
  pipeline.graphs["inner"] = {{"x"}};
  pipeline.root = {{"a"}, {"exit", {"a"}, "inner", any_end}, {"b", {"exit"}}, {"other"}};
  const std::string run = CreateRunOf(pipeline);
  Pass();
  Fail("a");
  Finish("other");
  Pass();
  Finish("x");
  Pass();
  Finish("b");
  Settle();
  ASSERT_EQ(StateOf(run), RunState::kFailed);
  ASSERT_TRUE(Retry(run).ok());
  Pass();
  auto tasks = TasksOf(run);
  EXPECT_THAT(tasks, SizeIs(4)) << "the tasks of the graph come into being anew";
  EXPECT_EQ(tasks["exit"].state, TaskState::kPending);
  EXPECT_EQ(tasks["b"].state, TaskState::kPending);
  EXPECT_EQ(tasks["other"].state, TaskState::kSucceeded);
  for (const char* task : {"a", "x", "b"}) {
    Finish(task);
    Settle();
  }
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(StartsOf("x"), 2);
  EXPECT_EQ(StartsOf("other"), 1);
}

TEST_P(EngineRetryTest, ATerminatedRunGoesOnWhereItWasStopped) {
  TestPipeline pipeline;
  pipeline.root = {{"a"},
                   {"l",
                    {"a"},
                    "true",
                    {{"parameterIterator", LoopOver(3)}, {"iteratorPolicy", {{"parallelismLimit", 1}}}}},
                   {"b", {"l"}}};
  const std::string run = CreateRunOf(pipeline);
  Pass();
  Finish("a");
  Pass();
  Finish("l");
  Pass();
  ASSERT_TRUE(Terminate(run).ok());
  Pass();
  Finish("l", AttemptOutcome::kCancelled);
  Settle();
  ASSERT_EQ(StateOf(run), RunState::kCanceled);
  ASSERT_TRUE(Retry(run).ok());
  Settle();
  Finish("l");
  Settle();
  Finish("l");
  Settle();
  Finish("b");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_EQ(StartsOf("a"), 1);
  EXPECT_EQ(StartsOf("l"), 4);
}

TEST_P(EngineRetryTest, PackagesStayPinned) {
  TestPipeline pipeline;
  pipeline.graphs["inner"] = {{"x"}};
  pipeline.root = {{"a"}, {"l", {"a"}, "inner", {{"parameterIterator", LoopOver(2)}}}};
  RunConfigRow config;
  config.plugins_input =
      R"({"penstock_packages":{"constraints":{"*":["six==1.0"],"l/x":"@s"},"sets":{"s":["demo==1.0"]}}})";
  const std::string run = CreateRunOf(DocumentOf(pipeline), config);
  const auto expect_pins = [&](const std::string& attempt, const std::string& pin) {
    EXPECT_THAT(executor_.specs[attempt].constraints, ElementsAre(pin));
  };
  Pass();
  expect_pins(RunningAttempt("a"), "six==1.0");
  Fail("a");
  Settle();
  Restart();
  ASSERT_TRUE(Retry(run).ok());
  Settle();
  expect_pins(RunningAttempt("a"), "six==1.0");
  Finish("a");
  Settle();
  EXPECT_THAT(executor_.running, SizeIs(2));
  for (const std::string& attempt : executor_.running) expect_pins(attempt, "demo==1.0");
  Restart();
  Settle();
  for (const std::string& attempt : executor_.running) expect_pins(attempt, "demo==1.0");
}

TEST_P(EngineRetryTest, PinsThatCannotBeReadFailTheRun) {
  RunConfigRow config;
  config.plugins_input = R"({"penstock_packages":{"constraints":1}})";
  const std::string run = CreateRunOf(DocumentOf(FlatPipeline({{"a", {}}})), config);
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kFailed);
  EXPECT_THAT(executor_.running, IsEmpty());
}

TEST_P(EngineRetryTest, ARetryThatIsTerminatedBeforeItBeginsStartsNothing) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  Fail("a");
  Settle();
  ASSERT_TRUE(Retry(run).ok());
  ASSERT_TRUE(Terminate(run).ok());
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
  EXPECT_THAT(executor_.running, IsEmpty());
  ASSERT_TRUE(Retry(run).ok());
  Settle();
  Finish("a");
  Settle();
  Finish("b");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

}  // namespace
}  // namespace penstock
