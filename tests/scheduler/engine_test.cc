// The engine between storage and the executor.
#include "storage/task_attempt_store.h"
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

INSTANTIATE_TEST_SUITE_P(Databases, EngineTest, ServedDatabases());

TEST_P(EngineTest, DrivesARunToItsEndWithinItsSlots) {
  const std::string run = CreateRun({{"a", {}}, {"b", {}}, {"c", {}}, {"d", {"a", "b", "c"}}});
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kRunning);
  EXPECT_THAT(executor_.running, SizeIs(2));
  EXPECT_EQ(TasksOf(run)["c"].wait_reason, WaitReason::kCapacity);
  EXPECT_EQ(TasksOf(run)["d"].wait_reason, WaitReason::kUpstream);
  Finish("a");
  Pass();
  EXPECT_THAT(executor_.running, SizeIs(2));
  Finish("b");
  Finish("c");
  Pass();
  EXPECT_EQ(TasksOf(run)["d"].state, TaskState::kRunning);
  Finish("d");
  EXPECT_EQ(Pass().runs_finished, 1);
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

TEST_P(EngineTest, CommitsAnAttemptBeforeItStarts) {
  executor_.lose_starts = true;
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  EXPECT_EQ(TasksOf(run)["a"].state, TaskState::kRunning);
  EXPECT_THAT(executor_.starts, IsEmpty());
  EXPECT_THAT(executor_.announced, SizeIs(1)) << "what it needs may be made while its id is committed";
  executor_.lose_starts = false;
  Restart();
  Pass();
  ASSERT_THAT(executor_.starts, SizeIs(1));
  Finish("a");
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

TEST_P(EngineTest, FindsRunningTasksAgainAndStartsNoneTwice) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}, {"c", {"b"}}});
  Pass();
  Finish("a");
  Pass();
  Restart();
  Pass();
  executor_.Finish(RunningAttempt("b"), AttemptOutcome::kSucceeded,
                   /*tell=*/false);  // ends while no server is there
  Restart();
  Settle();
  Finish("c");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  for (const auto& [attempt, starts] : executor_.starts) {
    EXPECT_EQ(starts, 1) << attempt;
  }
  EXPECT_THAT(executor_.starts, SizeIs(3));
}

TEST_P(EngineTest, RunsOfSeveralUsersTakeTurns) {
  const std::string first = CreateRun({{"a1", {}}, {"a2", {}}, {"a3", {}}});
  const std::string second = CreateRun({{"b1", {}}, {"b2", {}}, {"b3", {}}});
  Pass();
  std::set<std::string> runs;
  for (const std::string& id : executor_.running) runs.insert(executor_.specs[id].run_id);
  EXPECT_THAT(runs, SizeIs(2));
}

TEST_P(EngineTest, AFailureCarriesItsCauseUpToTheRun) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  Finish("a", AttemptOutcome::kFailed);
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kFailed);
  EXPECT_EQ(TasksOf(run)["b"].state, TaskState::kSkipped);
  EXPECT_THAT(TasksOf(run)["b"].error_message, HasSubstr("'a'"));
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto states, RunStates(tx, run));
                    EXPECT_THAT(states.back().error_message, HasSubstr("Task 'a' failed: scripted"));
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(EngineTest, WhatThePlatformDisruptsBeginsAgainAndUsesUpNoRetry) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}, "true", {{"retryPolicy", {{"maxRetryCount", 1}}}}}};
  const std::string run = CreateRunOf(pipeline);
  Pass();
  for (const absl::Duration pause : {absl::Seconds(1), absl::Seconds(2)}) {
    Finish("a", AttemptOutcome::kDisrupted);
    Pass();
    EXPECT_EQ(TasksOf(run)["a"].wake_at, clock_.Now() + pause);
    Restart();
    clock_.Advance(pause);
    Pass();
  }
  Finish("a", AttemptOutcome::kFailed);
  Pass();
  EXPECT_EQ(TasksOf(run)["a"].state, TaskState::kRunning) << "its own retry is left";
  Finish("a", AttemptOutcome::kDisrupted);
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kFailed);
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto attempts, TaskAttemptList(tx, run));
                    EXPECT_THAT(attempts, SizeIs(4));
                    EXPECT_EQ(attempts[0].outcome, "LOST");
                    EXPECT_TRUE(attempts[0].disrupted);
                    EXPECT_FALSE(attempts[2].disrupted);
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(EngineTest, AFailedTaskIsTriedAgainAlsoAfterARestart) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}, "true", {{"retryPolicy", {{"maxRetryCount", 2}, {"backoffDuration", "60s"}}}}}};
  const std::string run = CreateRunOf(pipeline);
  Pass();
  Finish("a", AttemptOutcome::kFailed);
  Pass();
  EXPECT_EQ(TasksOf(run)["a"].state, TaskState::kPending);
  EXPECT_EQ(TasksOf(run)["a"].wait_reason, WaitReason::kRetry);
  EXPECT_EQ(TasksOf(run)["a"].wake_at, clock_.Now() + absl::Seconds(60));
  Restart();
  clock_.Advance(absl::Seconds(59));
  Pass();
  EXPECT_THAT(executor_.running, IsEmpty());
  clock_.Advance(absl::Seconds(1));
  Pass();
  const LaunchSpec second = executor_.specs[RunningAttempt("a")];
  EXPECT_EQ(second.attempt_number, 2);
  EXPECT_THAT(second.env, testing::Contains(testing::Pair("KFP_RETRY_INDEX", "1")));
  Finish("a");
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  ASSERT_TRUE(store_
                  ->Read([&](db::Tx& tx) -> absl::Status {
                    ASSIGN_OR_RETURN(const auto attempts, TaskAttemptList(tx, run));
                    EXPECT_THAT(attempts, SizeIs(2));
                    EXPECT_EQ(attempts[0].outcome, "FAILED");
                    EXPECT_EQ(attempts[1].outcome, "SUCCEEDED");
                    return absl::OkStatus();
                  })
                  .ok());
}

TEST_P(EngineTest, TerminatingEndsWhatRuns) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  ASSERT_TRUE(Terminate(run).ok());
  Pass();
  EXPECT_THAT(executor_.cancelled, SizeIs(1));
  EXPECT_EQ(TasksOf(run)["a"].state, TaskState::kCanceling);
  Restart();
  Pass();
  Finish("a", AttemptOutcome::kCancelled);
  Pass();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
}

TEST_P(EngineTest, TerminatingARunThatWasNotTakenYetEndsIt) {
  const std::string run = CreateRun({{"a", {}}});
  ASSERT_TRUE(Terminate(run).ok());
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
  EXPECT_THAT(executor_.starts, IsEmpty());
}

TEST_P(EngineTest, ARunThatEndsWhileItIsBeingTerminatedEndsOnce) {
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  Finish("a");  // heard in the same pass as the termination
  ASSERT_TRUE(Terminate(run).ok());
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
}

// The planner's decision is made on a state that a termination has just changed: nothing is written, all is
// decided anew.
TEST_P(EngineTest, ADecisionOnAnOldStateIsMadeAgain) {
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  Finish("a");
  ASSERT_TRUE(
      store_
          ->Write([&](db::Tx& tx) {  // without a hint
            return RunSetState(tx, run, RunState::kRunning, {RunState::kCanceling, clock_.Now(), 0, ""});
          })
          .ok());
  EXPECT_TRUE(absl::IsAborted(engine_->RunOnce().status()));
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
  EXPECT_EQ(TasksOf(run)["a"].state, TaskState::kSucceeded);
}

TEST_P(EngineTest, WhatWasAnnouncedIsTakenBackWhenItIsNotCommitted) {
  CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  Finish("a");
  ASSERT_TRUE(  // somebody else has taken the runs over
      store_->Write([](db::Tx& tx) { return tx.Execute("UPDATE leases SET fence = fence + 1", {}).status(); })
          .ok());
  executor_.most_announced = 0;
  EXPECT_TRUE(absl::IsAborted(engine_->RunOnce().status()));
  EXPECT_EQ(executor_.most_announced, 1);
  EXPECT_THAT(executor_.announced, IsEmpty());
}

TEST_P(EngineTest, ADeletedRunLetsGoOfItsTasks) {
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return RunDelete(tx, run, absl::UnixEpoch()); }).ok());
  store_->notifier().Notify(Topic::kRuns, run);
  Pass();
  EXPECT_THAT(executor_.cancelled, SizeIs(1));
  Finish("a", AttemptOutcome::kCancelled);
  Settle();
}

TEST_P(EngineTest, WaitsForAnExecutorThatIsAway) {
  executor_.unavailable = true;
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  EXPECT_THAT(executor_.running, IsEmpty());
  executor_.unavailable = false;
  Pass();
  Finish("a");
  Settle();
  executor_.unavailable = true;
  Finish("b");
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

TEST_P(EngineTest, TerminatingEndsAnAttemptThatTheExecutorNeverTook) {
  executor_.unavailable = true;
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  ASSERT_TRUE(Terminate(run).ok());
  Settle();
  EXPECT_EQ(StateOf(run), RunState::kCanceled);
}

TEST_P(EngineTest, WhatAnAttemptWaitsForIsStoredUntilItStarts) {
  const std::string run = CreateRun({{"a", {}}});
  Pass();
  const auto reason = [&] { return TasksOf(run)["a"].wait_reason; };
  EXPECT_EQ(reason(), WaitReason::kNone);
  for (const auto& [told, stored] : {std::pair(AttemptWait::kImage, WaitReason::kImage),
                                     std::pair(AttemptWait::kUnschedulable, WaitReason::kUnschedulable),
                                     std::pair(AttemptWait::kQuota, WaitReason::kQuota),
                                     std::pair(AttemptWait::kEnvironment, WaitReason::kEnvironment)}) {
    executor_.Wait(RunningAttempt("a"), told);
    Pass();
    EXPECT_EQ(reason(), stored);
    EXPECT_EQ(TasksOf(run)["a"].wait_message, stored == WaitReason::kEnvironment ? "" : "scripted");
  }
  Restart();
  Pass();  // the executor tells that it has started
  Pass();
  EXPECT_EQ(reason(), WaitReason::kNone);
  executor_.Wait(RunningAttempt("a"), AttemptWait::kImage);
  Pass();
  Finish("a");
  Settle();
  EXPECT_EQ(reason(), WaitReason::kNone);
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

// One executor is full, the other has room; each attempt is found again by the executor that has it.
TEST_P(EngineTest, ARunMayMixExecutors) {
  ScriptedExecutor other(1);
  other.SetDataDir(directory_.string() + "/elsewhere");
  const auto drive = [&] {
    engine_.reset();
    lease_ = nullptr;
    lease_ = std::make_unique<Lease>(*store_, "engine");
    engine_ = std::make_unique<Engine>(
        PartsOf(*lease_, ExecutorSet({{"engine", &executor_}, {"other:1", &other}})), EngineOptions{});
    ASSERT_TRUE(engine_->Open().ok());
  };
  drive();
  TestPipeline pipeline =
      FlatPipeline({{"a", {}}, {"b", {}}, {"c", {}}, {"o1", {}}, {"o2", {"a"}}, {"d", {"o1"}}});
  for (TestTask& task : pipeline.root) {
    if (task.name[0] == 'o') task.component = "elsewhere";
  }
  const std::string run = CreateRunOf(pipeline);
  Pass();
  EXPECT_THAT(executor_.running, SizeIs(2)) << "c waits for room";
  ASSERT_THAT(other.running, SizeIs(1)) << "and does not keep o1 waiting";
  const std::string on_other = *other.running.begin();
  EXPECT_EQ(other.specs[on_other].task_name, "o1");
  EXPECT_EQ(other.specs[on_other].work_dir,
            absl::StrCat(directory_.string(), "/elsewhere/work/runs/", run, "/", on_other));
  drive();
  Settle();
  EXPECT_THAT(other.starts, SizeIs(1)) << "found again";
  EXPECT_THAT(executor_.starts, SizeIs(2));
  Finish("a");
  Settle();
  EXPECT_EQ(TasksOf(run)["o2"].state, TaskState::kPending) << "its executor is full";
  other.Finish(on_other, AttemptOutcome::kSucceeded);
  Settle();
  ASSERT_THAT(other.running, SizeIs(1));
  other.Finish(std::string(*other.running.begin()), AttemptOutcome::kSucceeded);
  for (const char* task : {"b", "c", "d"}) {
    Finish(task);
    Settle();
  }
  for (const auto& [name, task] : TasksOf(run)) {
    EXPECT_EQ(task.state, TaskState::kSucceeded) << name << ": " << task.error_message;
  }
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
}

TEST_P(EngineTest, ARunThatCannotBeReadFailsAndHoldsNobodyUp) {
  RunRow row = NewRun("broken");
  ASSERT_TRUE(AddRun(row).ok());  // its spec is "{}"
  store_->notifier().Notify(Topic::kRuns, "broken");
  const std::string good = CreateRun({{"a", {}}});
  Settle();
  EXPECT_EQ(StateOf("broken"), RunState::kFailed);
  Finish("a");
  Settle();
  EXPECT_EQ(StateOf(good), RunState::kSucceeded);
}

TEST_P(EngineTest, OnlyOneEngineDrivesTheRuns) {
  Pass();
  ScriptedExecutor other_executor(2);
  other_executor.SetDataDir(directory_.string());
  Lease other_lease(*store_, "another");
  Engine other(PartsOf(other_lease, ExecutorSet({{"another", &other_executor}})), {});
  ASSERT_TRUE(other.Open().ok());
  CreateRun({{"a", {}}});
  EXPECT_TRUE(other.RunOnce()->idle());
  EXPECT_THAT(other_executor.starts, IsEmpty());
  clock_.Advance(absl::Minutes(1));  // the first one is gone: its lease runs out
  ASSERT_TRUE(other.RunOnce().ok());
  EXPECT_THAT(other_executor.starts, SizeIs(1));
  EXPECT_TRUE(Pass().idle());
  EXPECT_THAT(executor_.starts, IsEmpty());
}

// Its process may run on beside the server that is gone.
TEST_P(EngineTest, WhatAnotherServerStartedIsLostAndNotStartedAgain) {
  const std::string run = CreateRun({{"a", {}}, {"b", {"a"}}});
  Pass();
  ASSERT_THAT(executor_.starts, SizeIs(1));
  ScriptedExecutor other_executor(2);
  other_executor.SetDataDir(directory_.string());
  Lease other_lease(*store_, "another");
  Engine other(PartsOf(other_lease, ExecutorSet({{"another", &other_executor}})), {});
  ASSERT_TRUE(other.Open().ok());
  for (int i = 0; i < 3; ++i) {
    clock_.Advance(absl::Minutes(1));
    ASSERT_TRUE(other.RunOnce().ok());
  }
  EXPECT_THAT(other_executor.starts, IsEmpty());
  auto tasks = TasksOf(run);
  EXPECT_EQ(tasks["a"].state, TaskState::kFailed);
  EXPECT_THAT(tasks["a"].error_message, ::testing::HasSubstr("another one has taken the run over"));
  EXPECT_EQ(tasks["b"].state, TaskState::kSkipped);
  EXPECT_EQ(StateOf(run), RunState::kFailed);
}

TEST_P(EngineTest, SmallTasksThatKeepComingDoNotKeepALargeOneOut) {
  TaskGraph many;
  for (int i = 0; i < 9; ++i) many.push_back({absl::StrCat("small-", i), {}});
  CreateRun(many);
  Pass();
  Json spec = SpecOf(FlatPipeline({{"large", {}}}));
  spec["deploymentSpec"]["executors"]["exec-true"]["container"]["resources"] = {{"cpuRequest", 2}};
  const std::string run = CreateRunOf(*ParsePipelineJson(spec), {});
  const auto finish_one = [&] {
    const std::string attempt = *executor_.running.begin();
    executor_.Finish(attempt, AttemptOutcome::kSucceeded);
    clock_.Advance(absl::Seconds(1));
    Pass();
  };
  Pass();
  for (int i = 0; i < 3; ++i) finish_one();
  EXPECT_THAT(executor_.running, SizeIs(2));
  EXPECT_EQ(TasksOf(run)["large"].wait_reason, WaitReason::kCapacity);
  clock_.Advance(absl::Minutes(1));
  finish_one();
  EXPECT_THAT(executor_.running, SizeIs(1));  // the other slot is kept for it
  finish_one();
  EXPECT_EQ(TasksOf(run)["large"].state, TaskState::kRunning);
  EXPECT_THAT(executor_.running, SizeIs(1));
  finish_one();
  EXPECT_EQ(StateOf(run), RunState::kSucceeded);
  EXPECT_THAT(executor_.running, SizeIs(2));
}

TEST_P(EngineTest, SmallTasksGoOnBesideALongOneWhileALargeOneWaits) {
  CreateRun({{"long", {}}});
  Pass();
  clock_.Advance(absl::Minutes(1));
  Json spec = SpecOf(FlatPipeline({{"large", {}}}));
  spec["deploymentSpec"]["executors"]["exec-true"]["container"]["resources"] = {{"cpuRequest", 64}};
  const std::string large = CreateRunOf(*ParsePipelineJson(spec), {});
  Pass();
  clock_.Advance(absl::Minutes(1));
  const std::string small = CreateRun({{"small", {}}, {"after", {"small"}}});
  Pass();
  EXPECT_EQ(TasksOf(small)["small"].state, TaskState::kRunning)
      << "it cannot be in the way: 'long' runs anyway";
  EXPECT_EQ(TasksOf(large)["large"].wait_reason, WaitReason::kCapacity);
  Finish("long");
  Pass();
  Finish("small");
  Pass();
  EXPECT_EQ(TasksOf(large)["large"].state, TaskState::kRunning);
  EXPECT_EQ(TasksOf(small)["after"].wait_reason, WaitReason::kCapacity);
  Finish("large");
  Pass();
  EXPECT_EQ(TasksOf(small)["after"].state, TaskState::kRunning);
}

TEST_P(EngineTest, WhoWaitsForRoomIsToldWhoHasIt) {
  const std::string holder = CreateRun({{"a", {}}, {"b", {}}});
  CreateRun({{"c", {}}});
  Pass();
  std::optional<RoomRow> room;
  const auto read = [&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(room, RoomGet(tx));
    return absl::OkStatus();
  };
  ASSERT_TRUE(store_->Read(read).ok());
  ASSERT_TRUE(room.has_value());
  EXPECT_EQ(room->cpu_millicores, 2000);
  EXPECT_EQ(room->used_cpu_millicores, 2000);
  EXPECT_EQ(room->setting, "--slots=2");
  ASSERT_THAT(room->holders, SizeIs(2));
  EXPECT_EQ(room->holders[0].run_id, holder);
  EXPECT_EQ(room->holders[0].cpu_millicores, 1000);
  EXPECT_FALSE(room->kept_for.has_value());
  clock_.Advance(absl::Minutes(1));
  Pass();
  ASSERT_TRUE(store_->Read(read).ok());
  ASSERT_TRUE(room->kept_for.has_value());
  EXPECT_EQ(room->kept_for->task_name, "b") << "runs take turns";
}

TEST_P(EngineTest, ARunThatIsTerminatedBeforeItsTurnEnds) {
  EngineOptions options;
  options.active_runs_max = 1;
  engine_ = std::make_unique<Engine>(PartsOf(*lease_, Executors()), options);
  ASSERT_TRUE(engine_->Open().ok());
  CreateRun({{"a", {}}});
  Pass();
  const std::string waits = CreateRun({{"b", {}}});
  Pass();
  EXPECT_EQ(StateOf(waits), RunState::kPending);
  ASSERT_TRUE(Terminate(waits).ok());
  Pass();
  EXPECT_EQ(StateOf(waits), RunState::kCanceled);
}

TEST_P(EngineTest, ARunThatIsTerminatedWhileItWaitsForRoomIsNotServed) {
  CreateRun({{"a", {}}, {"b", {}}});
  Pass();
  const std::string waits = CreateRun({{"c", {}}});
  Pass();
  EXPECT_EQ(TasksOf(waits)["c"].wait_reason, WaitReason::kCapacity);
  clock_.Advance(absl::Minutes(1));
  ASSERT_TRUE(Terminate(waits).ok());
  Pass();
  EXPECT_EQ(StateOf(waits), RunState::kCanceled);
  Finish("a");
  clock_.Advance(absl::Minutes(1));
  Pass();
  EXPECT_THAT(executor_.starts, SizeIs(2));
}

}  // namespace
}  // namespace penstock
