#include "server/convert/run_status.h"

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/pipelines.h"

namespace penstock {
namespace {

namespace v1 = penstock::v1;
using testing::HasSubstr;

TaskRow Row(const std::string& id, const std::string& parent, const std::string& name, TaskState state) {
  TaskRow row;
  row.task_id = id;
  row.parent_task_id = parent;
  row.name = name;
  row.state = state;
  if (state == TaskState::kPending) row.wait_reason = WaitReason::kUpstream;
  return row;
}

v1::RunStatus StatusOf(const RunStatusSource& source, const TestPipeline& pipeline,
                       const RunStatusScope& scope = {}) {
  v1::RunStatus status;
  RunStatusToApi(source, *DocumentOf(pipeline), scope, &status);
  return status;
}

TEST(RunStatusTest, WhatWaitsSaysForWhom) {
  RunStatusSource source;
  source.run.state = RunState::kRunning;
  source.tasks = {Row("1", "", "a", TaskState::kRunning), Row("2", "", "b", TaskState::kSucceeded),
                  Row("3", "", "c", TaskState::kPending), Row("4", "", "d", TaskState::kPending),
                  Row("5", "", "e", TaskState::kPending)};
  source.tasks[3].wait_reason = WaitReason::kCapacity;
  source.tasks[4].wait_reason = WaitReason::kRetry;
  source.tasks[4].wake_at = absl::FromUnixSeconds(1'700'000'000);
  const TestPipeline pipeline = FlatPipeline({{"a", {}}, {"b", {}}, {"c", {"a", "b"}}, {"d", {}}, {"e", {}}});
  const auto status = StatusOf(source, pipeline);
  ASSERT_EQ(status.tasks_size(), 5);
  EXPECT_FALSE(status.tasks(0).has_wait());
  const v1::Wait& wait = status.tasks(2).wait();
  EXPECT_EQ(wait.reason(), "WAITING_FOR_UPSTREAM");
  ASSERT_EQ(wait.tasks_size(), 1);
  EXPECT_EQ(wait.tasks(0).name(), "a");
  EXPECT_EQ(wait.tasks(0).task_id(), "1");
  EXPECT_EQ(wait.tasks(0).state(), "RUNNING");
  EXPECT_EQ(wait.message(), "It waits for the end of 'a'");
  EXPECT_EQ(status.tasks(3).wait().reason(), "WAITING_FOR_CAPACITY");
  EXPECT_EQ(status.tasks(4).wait().until().seconds(), 1'700'000'000);
  EXPECT_THAT(status.tasks(4).wait().message(), HasSubstr("2023-11-14T22:13:20"));

  EXPECT_EQ(StatusOf(source, pipeline, {"", true}).tasks_size(), 4);
  EXPECT_EQ(StatusOf(source, pipeline, {"c", false}).tasks_size(), 1);
  EXPECT_EQ(StatusOf(source, pipeline, {"3", false}).tasks(0).name(), "c");
}

// In a graph, in an iteration of a loop.
TEST(RunStatusTest, WhatWasSkippedSaysBecauseOfWhom) {
  TestPipeline pipeline;
  pipeline.graphs["graph"] = {{"x", {}}, {"y", {"x"}}, {"z", {"y"}}};
  pipeline.root = {{"loop", {}, "graph", {{"parameterIterator", LoopOver(2)}}}, {"last", {"loop"}}};
  RunStatusSource source;
  source.run.state = RunState::kFailed;
  source.states = {{RunState::kFailed, absl::UnixEpoch(), 2, std::string(limits::kTaskErrorBytes + 10, 'x')}};
  source.tasks = {Row("1", "", "loop", TaskState::kFailed),     Row("2", "", "last", TaskState::kSkipped),
                  Row("3", "1", "loop", TaskState::kSucceeded), Row("4", "1", "loop", TaskState::kFailed),
                  Row("5", "4", "x", TaskState::kFailed),       Row("6", "4", "y", TaskState::kSkipped),
                  Row("7", "4", "z", TaskState::kSkipped)};
  source.tasks[2].iteration = 0;
  source.tasks[3].iteration = 1;
  const auto status = StatusOf(source, pipeline);
  EXPECT_EQ(status.state(), "FAILED");
  EXPECT_EQ(status.error().code(), 2);
  EXPECT_LE(status.error().message().size(), limits::kTaskErrorBytes + std::strlen("..."));
  EXPECT_EQ(status.tasks(1).skipped_because_of().task_id(), "1");
  EXPECT_FALSE(status.tasks(2).has_skipped_because_of());
  EXPECT_EQ(status.tasks(3).iteration(), 1);
  EXPECT_EQ(status.tasks(5).skipped_because_of().task_id(), "5");
  EXPECT_EQ(status.tasks(6).skipped_because_of().name(), "x");
  EXPECT_EQ(status.tasks(6).skipped_because_of().state(), "FAILED");
}

TEST(RunStatusTest, ARunThatNobodyDrivesYet) {
  RunStatusSource source;
  const auto reason = [&](SchedulerState scheduler) {
    source.scheduler = scheduler;
    return StatusOf(source, FlatPipeline({{"a", {}}})).wait();
  };
  EXPECT_THAT(reason({}).message(), HasSubstr("No scheduler"));
  EXPECT_EQ(reason({true, 5, 0}).reason(), "WAITING_FOR_SCHEDULER");
  EXPECT_EQ(reason({true, 4, 5}).reason(), "WAITING_FOR_SCHEDULER");
  EXPECT_EQ(reason({true, 5, 5}).reason(), "WAITING_FOR_OTHER_RUNS");
  EXPECT_THAT(reason({true, 5, 5}).message(), HasSubstr("--active_runs_max allows (5)"));
}

TEST(RunStatusTest, AttemptsSayHowTheyEndedAndWhereTheyRan) {
  RunStatusSource source;
  source.run.state = RunState::kRunning;
  source.tasks = {Row("1", "", "a", TaskState::kRunning)};
  TaskAttemptRow ended;
  ended.task_id = "1";
  ended.outcome = "FAILED";
  ended.exit_code = 3;
  ended.message = "The program exited with code 3.";
  ended.cpu_time = absl::Milliseconds(1500);
  ended.max_rss_bytes = 1 << 20;
  ended.environment = "abc";
  ended.packages = "six==1.17.0\nwheel==0.4\n";
  TaskAttemptRow running;
  running.task_id = "1";
  running.number = 2;
  source.attempts = {ended, running};
  const auto status = StatusOf(source, FlatPipeline({{"a", {}}}));
  ASSERT_EQ(status.tasks(0).attempts_size(), 2);
  const v1::AttemptStatus& first = status.tasks(0).attempts(0);
  EXPECT_EQ(first.exit_code(), 3);
  EXPECT_FALSE(first.has_signal());
  EXPECT_EQ(first.cpu_time().seconds(), 1);
  EXPECT_EQ(first.cpu_time().nanos(), 500'000'000);
  EXPECT_EQ(first.environment(), "abc");
  ASSERT_EQ(first.packages_size(), 2);
  EXPECT_EQ(first.packages(1), "wheel==0.4");
  EXPECT_EQ(status.tasks(0).attempts(1).outcome(), "");
  EXPECT_FALSE(status.tasks(0).attempts(1).has_finished_at());
}

TEST(RunStatusTest, AVeryLargeRunIsCutAndSaysSo) {
  RunStatusSource source;
  source.run.state = RunState::kRunning;
  for (int i = 0; i < limits::kStatusTasks + 3; ++i) {
    source.tasks.push_back(Row(absl::StrCat(i), "", absl::StrCat("t", i), TaskState::kRunning));
  }
  const auto status = StatusOf(source, FlatPipeline({{"a", {}}}));
  EXPECT_EQ(status.tasks_size(), limits::kStatusTasks);
  EXPECT_EQ(status.tasks_left_out(), 3);
}

}  // namespace
}  // namespace penstock
