#include "scheduler/attempt_records.h"

#include "common/json.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TaskLaunchPlan PlanOf(const std::string& run, const std::string& task, const std::string& attempt) {
  TaskLaunchPlan plan;
  plan.spec.run_id = run;
  plan.spec.task_id = task;
  plan.spec.attempt_id = attempt;
  plan.spec.image = "python:3.11";
  plan.spec.argv = {"sh", "-c", "import " + run, "/data/" + run + "/" + attempt + "/model",
                    "{\"inputs\": 1}"};
  plan.marks.filled = {3};
  plan.marks.executor_inputs = {4};
  plan.spec.env = {{"MODE", "fast"},
                   {"API_TOKEN", "s3cr3t"},
                   {"INDEX", "https://me:pw@host/simple"},
                   {"KFP_RETRY_INDEX", attempt}};
  plan.variables = 3;
  return plan;
}

Json Command(const TaskLaunchPlan& plan) { return ParseJson(SetupText(plan))->at("command"); }

TEST(AttemptRecordsTest, EqualAttemptsOfDifferentRunsHaveOneSetup) {
  const TaskLaunchPlan one = PlanOf("run-1", "task-1", "attempt-1");
  TaskLaunchPlan two = PlanOf("run-2", "task-2", "attempt-2");
  two.spec.argv[2] = one.spec.argv[2];  // is no template, so ids in it are the pipeline's own text
  EXPECT_EQ(SetupText(one), SetupText(two));
  EXPECT_EQ(Command(one)[2], "import run-1");
  EXPECT_EQ(Command(one)[3], "/data/{{$.pipeline_job_uuid}}/{{$.attempt_uuid}}/model");
  EXPECT_EQ(Command(one)[4], "{{$}}");
  AttemptRecords records;
  EXPECT_EQ(records.SetupOf(one, kNow), records.SetupOf(two, kNow));
}

TEST(AttemptRecordsTest, WhateverDiffersMakesAnotherSetup) {
  AttemptRecords records;
  const TaskLaunchPlan base = PlanOf("run-1", "task-1", "attempt-1");
  const std::string sha256 = records.SetupOf(base, kNow);
  TaskLaunchPlan other = base;
  other.spec.image = "python:3.12";
  EXPECT_NE(records.SetupOf(other, kNow), sha256);
  other = base;
  other.spec.env[0].second = "slow";
  EXPECT_NE(records.SetupOf(other, kNow), sha256);
  other = base;
  other.spec.resources.memory_bytes = 1;
  EXPECT_NE(records.SetupOf(other, kNow), sha256);
  other = base;
  other.spec.accelerators = {{"nvidia.com/gpu", 1}};
  EXPECT_NE(records.SetupOf(other, kNow), sha256);
  other = base;
  other.spec.argv.emplace_back("--verbose");
  EXPECT_NE(records.SetupOf(other, kNow), sha256);
  EXPECT_EQ(records.SetupOf(base, kNow), sha256);
}

TEST(AttemptRecordsTest, SecretsAreNotRecorded) {
  const std::string text = SetupText(PlanOf("run-1", "task-1", "attempt-1"));
  EXPECT_EQ(text.find("s3cr3t"), std::string::npos) << text;
  EXPECT_EQ(text.find("me:pw"), std::string::npos) << text;
  const Json variables = ParseJson(text)->at("variables");
  EXPECT_EQ(variables, Json({{"MODE", "fast"}, {"API_TOKEN", "***"}, {"INDEX", "https://***@host/simple"}}));
}

TEST(AttemptRecordsTest, APlaceIsWhatTheExecutorSaysOfIt) {
  AttemptPlace place;
  place.machine.hostname = "node";
  place.machine.gpus = {"A100"};
  place.interpreter = Interpreter{"/usr/bin/python3", "CPython 3.11.2", {"kfp==2.14.0"}};
  const Json text = *ParseJson(PlaceText(place));
  EXPECT_EQ(text["machine"]["hostname"], "node");
  EXPECT_EQ(text["machine"]["gpus"], Json({"A100"}));
  EXPECT_EQ(text["interpreter"]["packages"], Json({"kfp==2.14.0"}));
  place.interpreter.reset();
  EXPECT_FALSE(ParseJson(PlaceText(place))->contains("interpreter"));
  AttemptRecords records;
  EXPECT_EQ(records.PlaceOf(nullptr, kNow), "");
  const auto shared = std::make_shared<const AttemptPlace>(place);
  EXPECT_EQ(records.PlaceOf(shared, kNow),
            records.PlaceOf(std::make_shared<const AttemptPlace>(place), kNow));
}

}  // namespace
}  // namespace penstock
