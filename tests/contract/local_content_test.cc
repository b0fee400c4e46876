// Attempts of the local executor whose content lies elsewhere: what they are told to begin as, and what is made of what that
// leaves. The stores themselves are tried by the launcher's own tests, and end to end.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "executor/local/local_executor.h"
#include "executor/parts/launch_request.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/executor_contract.h"
#include "tests/contract/local_harness.h"

namespace penstock {
namespace {

using testing::HasSubstr;

class LocalContentTest : public testing::Test {
 protected:
  // False if there is no launcher: with a sanitizer Go programs are not built.
  bool Open() {
    const std::string& launch = harness_.options().launch_path;
    if (launch.empty() && access(PENSTOCK_LAUNCH_PATH, X_OK) != 0) return false;
    if (launch.empty()) harness_.options().launch_path = PENSTOCK_LAUNCH_PATH;
    executor_ = harness_.MakeExecutor({});
    const absl::Status opened = executor_->Open(events_.Sink());
    EXPECT_TRUE(opened.ok()) << opened;
    return true;
  }

  // A launcher that does what the script says; $1 is "attempt" and $2 its request.
  void OpenWith(const std::string& script) {
    const std::string path = harness_.data_dir() + "/launch.sh";
    std::ofstream(path) << "#!/bin/sh\n" << script << "\n";
    chmod(path.c_str(), 0700);
    harness_.options().launch_path = path;
    ASSERT_TRUE(Open());
  }

  LaunchSpec SpecWithUpload() {
    LaunchSpec spec = harness_.NewSpec({"true"});
    spec.directories.push_back(spec.work_dir);
    spec.upload = ContentUpload{spec.work_dir + "/artifacts", "s3://bucket/p", "s3://bucket"};
    spec.artifacts = {{"model", "s3://bucket/p/model", spec.work_dir + "/artifacts/model"}};
    return spec;
  }

  LocalHarness harness_;
  EventLog events_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(LocalContentTest, ContentIsBroughtBeforeTheCommand) {
  if (!Open()) GTEST_SKIP() << "penstock-launch is not built here";
  const std::string source = harness_.options().data_dir + "/source";
  std::filesystem::create_directories(source + "/folder");
  std::ofstream(source + "/folder/file") << "content";
  LaunchSpec spec = harness_.NewSpec({"sh", "-c", "cat inputs/copy/folder/file"});
  spec.inputs = {{"data", source, spec.work_dir + "/inputs/copy", InputContent::Need::kFetched},
                 {"here", source, source, InputContent::Need::kPresent}};
  ASSERT_TRUE(executor_->Start(spec).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_THAT(harness_.ReadLog(spec), testing::EndsWith("content"));
}

TEST_F(LocalContentTest, MissingContentFailsTheAttemptByASentence) {
  if (!Open()) GTEST_SKIP() << "penstock-launch is not built here";
  for (const auto need : {InputContent::Need::kFetched, InputContent::Need::kPresent}) {
    LaunchSpec spec = harness_.NewSpec({"touch", "ran"});
    spec.inputs = {{"data", "gs://bucket/object", "/gcs/bucket/object", need}};
    ASSERT_TRUE(executor_->Start(spec).ok());
    const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
    EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
    // A cloud without credentials, and what no store is known for.
    EXPECT_THAT(finished.message,
                testing::AnyOf(HasSubstr("The content of input 'data' is not to be had: gs://bucket/"),
                               HasSubstr("Input 'data' was imported from gs://bucket/object")));
    EXPECT_FALSE(harness_.FileExists(spec.work_dir + "/ran"));
  }
}

TEST_F(LocalContentTest, ContentThatIsPresumedIsMissedOnlyWhenTheAttemptFails) {
  if (!Open()) GTEST_SKIP() << "penstock-launch is not built here";
  for (const int code : {0, 1}) {
    LaunchSpec spec = harness_.NewSpec({"sh", "-c", absl::StrCat("exit ", code)});
    spec.inputs = {{"data", "/none", "/none", InputContent::Need::kPresumed}};
    ASSERT_TRUE(executor_->Start(spec).ok());
    const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
    EXPECT_EQ(finished.message, code == 0 ? ""
                                          : "The program exited with code 1. Input 'data' was imported from "
                                            "/none, and there is no /none on this machine.");
  }
}

TEST_F(LocalContentTest, PasswordsOfUrlsAreInNoErrorAndNoLog) {
  if (!Open()) GTEST_SKIP() << "penstock-launch is not built here";
  for (const std::string uri : {"http://me:s3cret@127.0.0.1:9/x", "ftp://me:s3cret@127.0.0.1/x"}) {
    LaunchSpec spec = harness_.NewSpec({"true"});
    spec.inputs = {{"data", uri, spec.work_dir + "/inputs/data", InputContent::Need::kFetched}};
    ASSERT_TRUE(executor_->Start(spec).ok());
    const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
    EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
    EXPECT_THAT(finished.message, testing::AllOf(HasSubstr("'data'"), HasSubstr("127.0.0.1"),
                                                 testing::Not(HasSubstr("s3cret"))));
    EXPECT_THAT(harness_.ReadLog(spec), testing::Not(HasSubstr("s3cret")));
  }
}

TEST_F(LocalContentTest, TheRequestIsAFileOfThisUser) {
  harness_.options().stores = {"/etc/stores.yaml", {{"AWS_PROFILE", "team"}}};
  OpenWith("stat -c %a \"$2\"; cat \"$2\"");
  LaunchSpec spec = harness_.NewSpec({"the command"});
  spec.log_copy_uri = "s3://bucket/@logs/x";
  ASSERT_TRUE(executor_->Start(spec).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_THAT(harness_.ReadLog(spec), testing::AllOf(testing::StartsWith("600\n"), HasSubstr("the command"),
                                                     HasSubstr("/etc/stores.yaml"), HasSubstr("AWS_PROFILE"),
                                                     HasSubstr("s3://bucket/@logs/x")));
}

TEST_F(LocalContentTest, WhatBecameOfOutputsIsReadFromTheLauncher) {
  OpenWith(R"(cat > .penstock-result <<'END'
{"outputs": [{"path": "/elsewhere/custom", "uri": "s3://bucket/p/custom", "sha256": "ab", "size_bytes": 3, "version": "v"}]}
END)");
  const LaunchSpec spec = SpecWithUpload();
  ASSERT_TRUE(executor_->Start(spec).ok());
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message;
  EXPECT_TRUE(finished.outputs.status.ok()) << finished.outputs.status;
  EXPECT_EQ(finished.outputs.artifacts.at("s3://bucket/p/custom").sha256, "ab");
  EXPECT_EQ(finished.outputs.uploaded.at("/elsewhere/custom"), "s3://bucket/p/custom");
}

TEST_F(LocalContentTest, ALauncherThatTellsNothingHasKeptNothing) {
  OpenWith("exit 0");
  const LaunchSpec spec = SpecWithUpload();
  ASSERT_TRUE(executor_->Start(spec).ok());
  EXPECT_THAT(std::string(events_.AwaitFinished(spec.attempt_id).outputs.status.message()),
              HasSubstr("is missing"));
}

TEST_F(LocalContentTest, WhatTakesLongIsToldAsAWait) {
  OpenWith(
      "printf 'Fetching inputs: 1 of 2 GB' > .penstock-progress; while [ ! -e gate ]; do sleep 0.02; done; "
      "rm .penstock-progress; while [ ! -e end ]; do sleep 0.02; done");
  LaunchSpec spec = harness_.NewSpec({"true"});
  spec.log_copy_uri = "s3://bucket/@logs/x";
  ASSERT_TRUE(executor_->Start(spec).ok());
  const AttemptWaiting waiting = events_.AwaitWaiting(spec.attempt_id);
  EXPECT_EQ(waiting.reason, AttemptWait::kContent);
  EXPECT_EQ(waiting.message, "Fetching inputs: 1 of 2 GB");
  const int told = events_.Count(spec.attempt_id);
  std::ofstream(spec.work_dir + "/gate") << "";
  EXPECT_TRUE(Eventually([&] { return events_.Count(spec.attempt_id) > told; }))
      << "it waits for nothing any more";
  EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 0);
  std::ofstream(spec.work_dir + "/end") << "";
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
}

}  // namespace
}  // namespace penstock
