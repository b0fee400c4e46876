#include "executor/kubernetes/pod_messages.h"

#include "absl/strings/escaping.h"
#include "common/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

LaunchSpec Spec() {
  LaunchSpec spec;
  spec.attempt_id = "a-1";
  spec.run_id = "r-1";
  spec.task_name = "train";
  spec.image = "python:3.11";
  spec.argv = {"python3", "-c", "print(1)"};
  spec.work_dir = "/penstock/work/r-1/a-1";
  spec.log_uri = "penstock://logs/r-1/train-1.log";
  return spec;
}

TEST(PodMessagesTest, AnAttemptHasWhatThePodShows) {
  LaunchSpec spec = Spec();
  spec.env = {{"A", "1"}};
  spec.resources = {.cpu_millicores = 500, .memory_bytes = 1 << 20};
  spec.limits = {.cpu_millicores = 750};
  spec.accelerators = {{"nvidia.com/gpu", 2}};
  spec.timeout = absl::Seconds(60);
  spec.constraints = {"numpy==1.26.4"};
  spec.platforms["kubernetes"] = R"({"imagePullPolicy":"Always"})";
  const auto attempt = ToPodAttempt(spec, {"/penstock/work/r-1/a-1/.penstock", 1000, absl::Seconds(10), ""});
  ASSERT_TRUE(attempt.ok()) << attempt.status();
  EXPECT_EQ(attempt->log_path(), "r-1/train-1.log");
  EXPECT_FALSE(attempt->log_is_kept());
  EXPECT_EQ(attempt->resources().cpu_request(), "500m");
  EXPECT_EQ(attempt->resources().memory_request(), "1048576");
  EXPECT_EQ(attempt->resources().memory_limit(), "");
  EXPECT_EQ(attempt->resources().accelerator_count(), "2");
  EXPECT_EQ(attempt->timeout_ms(), 60'000);
  EXPECT_EQ(attempt->settings(), R"({"imagePullPolicy":"Always"})");
  EXPECT_EQ(attempt->env(1).name(), "PIP_CONSTRAINT");
  const Json request = ParseJson(attempt->request()).value();
  EXPECT_EQ(request["command"], Json({"python3", "-c", "print(1)"}));
  EXPECT_EQ(request["pod"]["directories"], Json({"/penstock/work/r-1/a-1"}));
  EXPECT_EQ(request["pod"]["files"][0]["path"], attempt->env(1).value());
  EXPECT_FALSE(request.contains("log"));
}

TEST(PodMessagesTest, WhatNoSystemWouldStartIsRefused) {
  LaunchSpec spec = Spec();
  spec.argv.emplace_back(200'000, 'x');
  const auto attempt = ToPodAttempt(spec, {});
  EXPECT_THAT(std::string(attempt.status().message()), HasSubstr("131072"));
}

kubernetes::Finished Finished(kubernetes::Outcome outcome) {
  kubernetes::Finished finished;
  finished.set_attempt_id("a-1");
  finished.set_outcome(outcome);
  finished.set_message("why");
  finished.set_node("node-1");
  return finished;
}

TEST(PodMessagesTest, ASuccessHasItsOutputs) {
  const std::string result = absl::StrCat(
      R"({"outputs":[{"path":"/w/artifacts/model","uri":"s3://b/model","sha256":"abc","size_bytes":3,"version":"v"}],)",
      R"("ended":{"exit_code":0,"started_at_us":1000000,"finished_at_us":2000000,"cpu_us":5,"parameter_files":{"a":")",
      absl::Base64Escape("v\n"), R"("}}})");
  const AttemptFinished end = ToFinished(Finished(kubernetes::SUCCEEDED), {"/w/artifacts"}, result);
  EXPECT_EQ(end.outcome, AttemptOutcome::kSucceeded) << end.message;
  EXPECT_EQ(end.message, "");
  EXPECT_EQ(end.exit_code, 0);
  EXPECT_THAT(end.outputs.parameter_files, ElementsAre(Pair("a", "v\n")));
  EXPECT_EQ(end.outputs.artifacts.at("s3://b/model").sha256, "abc");
  EXPECT_EQ(end.place->machine.hostname, "node-1");
  EXPECT_EQ(end.started_at, absl::FromUnixSeconds(1));
}

TEST(PodMessagesTest, ASuccessWithoutAWordIsNone) {
  EXPECT_EQ(ToFinished(Finished(kubernetes::SUCCEEDED), {}, "").outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(ToFinished(Finished(kubernetes::SUCCEEDED), {}, "{").outcome, AttemptOutcome::kFailed);
}

TEST(PodMessagesTest, AFailureSaysWhy) {
  const std::string result =
      absl::StrCat(R"({"outputs":null,"ended":{"exit_code":7,"finished_at_us":1,"log_tail":")",
                   absl::Base64Escape("about to fail\n"), R"("}})");
  kubernetes::Finished finished = Finished(kubernetes::FAILED);
  finished.set_reason("Error");
  const AttemptFinished end = ToFinished(finished, {}, result);
  EXPECT_EQ(end.exit_code, 7);
  EXPECT_EQ(end.message, "The program exited with code 7. Its last line: about to fail");
  EXPECT_EQ(end.log_tail, "about to fail\n");
}

TEST(PodMessagesTest, ThePlatformsFaultIsADisruption) {
  kubernetes::Finished finished = Finished(kubernetes::FAILED);
  finished.set_is_platform_fault(true);
  EXPECT_EQ(ToFinished(finished, {}, "").outcome, AttemptOutcome::kDisrupted);
  EXPECT_EQ(ToFinished(finished, {}, "").message, "why");
  finished.set_outcome(kubernetes::LOST);
  EXPECT_EQ(ToFinished(finished, {}, "").outcome, AttemptOutcome::kDisrupted);
  finished.set_is_platform_fault(false);
  EXPECT_EQ(ToFinished(finished, {}, "").outcome, AttemptOutcome::kLost);
}

TEST(PodMessagesTest, ATimeOutIsTold) {
  const AttemptFinished end = ToFinished(Finished(kubernetes::TIMED_OUT), {"", absl::Milliseconds(200)}, "");
  EXPECT_EQ(end.outcome, AttemptOutcome::kTimedOut);
  EXPECT_THAT(end.message, HasSubstr("200ms"));
}

}  // namespace
}  // namespace penstock
