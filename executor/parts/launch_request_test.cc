#include "executor/parts/launch_request.h"

#include <string>

#include "common/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(LaunchRequestTest, AnAttemptOfThisMachineAloneNeedsNoLauncher) {
  LaunchSpec spec;
  spec.artifacts = {{"model", "penstock://artifacts/p/r/t/a/model", "/data/artifacts/p/r/t/a/model"}};
  EXPECT_FALSE(NeedsLauncher(spec));
  spec.log_copy_uri = "s3://team/@logs/r/t-1.log";
  EXPECT_TRUE(NeedsLauncher(spec));
}

TEST(LaunchRequestTest, HasAllThatTheLauncherIsAsked) {
  LaunchSpec spec;
  spec.inputs = {{"data", "s3://team/a b", "/w/inputs/data/0/a%20b", InputContent::Need::kFetched, "abc"},
                 {"text", "oci://x", "oci://x", InputContent::Need::kPresumed, ""}};
  spec.upload = ContentUpload{"/w/artifacts/p", "s3://team/p", "s3://team"};
  spec.artifacts = {{"model", "s3://team/p/model", "/w/artifacts/p/model"}};
  spec.executor_output_path = "/w/.executor_output.json";
  spec.log_copy_uri = "s3://team/@logs/r/t-1.log";
  const Json got = ParseJson(LaunchRequestText(spec, {"/etc/stores.yaml", {{"AWS_PROFILE", "team"}}},
                                               "/logs/t-1.log", {"echo", "\xC3\xA9"}))
                       .value();
  EXPECT_EQ(got, ParseJson(R"({
    "stores_file": "/etc/stores.yaml", "environment": {"AWS_PROFILE": "team"},
    "inputs": [{"name": "data", "need": "fetched", "uri": "s3://team/a b", "path": "/w/inputs/data/0/a%20b",
                "sha256": "abc"},
               {"name": "text", "need": "presumed", "uri": "oci://x", "path": "oci://x"}],
    "outputs": {"directory": "/w/artifacts/p", "uri": "s3://team/p", "root_uri": "s3://team",
                "executor_output": "/w/.executor_output.json",
                "declared": [{"name": "model", "path": "/w/artifacts/p/model", "uri": "s3://team/p/model"}]},
    "log": {"path": "/logs/t-1.log", "uri": "s3://team/@logs/r/t-1.log"}, "command": ["echo", "é"], "group_signals": true})")
                     .value());
}

TEST(LaunchResultTest, TellsWhatLiesWhereNow) {
  const auto result = ReadLaunchResult(R"({"outputs": [
    {"path": "/w/artifacts/p/model", "uri": "s3://team/p/model", "sha256": "ab", "size_bytes": 7, "version": "v",
     "moved_bytes": 0},
    {"path": "/elsewhere/x", "uri": "s3://team/p/custom", "sha256": "cd", "size_bytes": 1, "version": ""}]})",
                                       "/w/artifacts/p");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->contents.at("s3://team/p/model").sha256, "ab");
  EXPECT_EQ(result->contents.at("s3://team/p/model").stat, "v");
  EXPECT_EQ(result->contents.at("s3://team/p/model").size_bytes, 7);
  EXPECT_THAT(result->uploaded, testing::ElementsAre(testing::Pair("/elsewhere/x", "s3://team/p/custom")));
  EXPECT_TRUE(ReadLaunchResult(R"({"outputs": null})", "/w").ok());
}

TEST(LaunchResultTest, WhatCannotBeReadIsNoResult) {
  for (const char* text :
       {"", "{", "[]", "{}", "7", R"({"outputs": [{"path": "/a"}]})", R"({"outputs": [1]})"}) {
    EXPECT_EQ(ReadLaunchResult(text, "/w").status().code(), absl::StatusCode::kInvalidArgument) << text;
  }
}

}  // namespace
}  // namespace penstock
