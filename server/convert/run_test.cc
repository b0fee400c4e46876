#include "server/convert/run.h"

#include <gtest/gtest.h>

#include "server/convert/timestamp.h"

namespace penstock {
namespace {

TEST(RunToApi, ATerminatedRunIsFailedWithCodeOneOnTheWire) {
  RunRow row;
  row.state = RunState::kCanceled;
  api::Run run;
  ToApi(row, &run);
  StatesToApi({{RunState::kRunning, absl::UnixEpoch(), 0, ""},
               {RunState::kCanceled, absl::UnixEpoch(), 1, "by request"}},
              &run);
  EXPECT_EQ(run.state(), api::FAILED);
  EXPECT_EQ(run.error().code(), 1);
  EXPECT_EQ(run.error().message(), "by request");
  EXPECT_FALSE(run.state_history(0).has_error());
}

TEST(RunToApi, UnsetTimesAreTheEpochAndSetOnesKeepTheirMicroseconds) {
  RunRow row;
  row.created_at = absl::FromUnixMicros(1'234'567);
  row.scheduled_at = absl::FromUnixMicros(-1);
  row.finished_at = absl::UnixEpoch();
  api::Run run;
  ToApi(row, &run);
  EXPECT_EQ(run.created_at().seconds(), 1);
  EXPECT_EQ(run.created_at().nanos(), 234'567'000);
  EXPECT_EQ(run.scheduled_at().seconds(), -1);
  EXPECT_EQ(run.scheduled_at().nanos(), 999'999'000);
  EXPECT_TRUE(run.has_finished_at());
  EXPECT_EQ(run.finished_at().seconds(), 0);
  EXPECT_EQ(TimeFrom(run.created_at()), row.created_at);
}

TEST(RunToApi, ConfigIsThereOnlyIfThereIsSomething) {
  api::Run run;
  ASSERT_TRUE(ConfigToApi({"", "{}", ""}, &run).ok());
  EXPECT_FALSE(run.has_runtime_config());
  ASSERT_TRUE(ConfigToApi({"", R"({"n":3,"l":[1,"x"]})", "root"}, &run).ok());
  EXPECT_EQ(run.runtime_config().parameters().at("n").number_value(), 3);
  EXPECT_EQ(run.runtime_config().parameters().at("l").list_value().values_size(), 2);
  EXPECT_EQ(run.runtime_config().pipeline_root(), "root");
  EXPECT_TRUE(absl::IsDataLoss(ConfigToApi({"", "{", ""}, &run)));
}

TEST(TasksToApi, AttemptsAndArtifactsGoToTheirTask) {
  RunTasks rows;
  TaskRow task;
  task.task_id = "t";
  task.state = TaskState::kSucceeded;
  rows.tasks = {task};
  rows.states = {{"t", TaskState::kPending, absl::UnixEpoch()}};
  rows.attempts = {{"r", "t", 1, "first"}, {"r", "t", 2, "second"}};
  rows.artifacts = {{"r", "t", Direction::kOutput, "model", 0, 7},
                    {"r", "t", Direction::kInput, "data", 0, 3}};
  api::Run run;
  TasksToApi(rows, &run);
  const api::PipelineTaskDetail& detail = run.run_details().task_details(0);
  EXPECT_EQ(detail.pod_name(), "second");
  EXPECT_EQ(detail.executor_detail().failed_main_jobs(0), "first");
  EXPECT_EQ(detail.outputs().at("model").artifact_ids(0), 7);
  EXPECT_EQ(detail.inputs().at("data").artifact_ids(0), 3);
  EXPECT_EQ(detail.state_history_size(), 1);
}

TEST(TasksToApi, ATaskNamesTheTasksInIt) {
  RunTasks rows;
  rows.tasks = {{"r", "graph", ""}, {"r", "x", "graph"}, {"r", "y", "graph"}, {"r", "other", ""}};
  api::Run run;
  TasksToApi(rows, &run);
  const auto& details = run.run_details().task_details();
  ASSERT_EQ(details[0].child_tasks_size(), 2);
  EXPECT_EQ(details[0].child_tasks(1).task_id(), "y");
  EXPECT_EQ(details[1].parent_task_id(), "graph");
  EXPECT_EQ(details[3].child_tasks_size(), 0);
}

}  // namespace
}  // namespace penstock
