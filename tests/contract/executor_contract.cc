#include "tests/contract/executor_contract.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "content/local/file_content.h"
#include "gmock/gmock.h"

namespace penstock {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ExecutorContract);

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

void ExecutorContract::SetUp() {
  harness_ = GetParam().make_harness();
  if (harness_ == nullptr) GTEST_SKIP() << "this machine lacks what " << GetParam().name << " needs";
}

void ExecutorContract::TearDown() {
  executor_.reset();
  harness_.reset();
}

void ExecutorContract::Open(const HarnessOptions& options) {
  executor_.reset();
  executor_ = harness_->MakeExecutor(options);
  const absl::Status opened = executor_->Open(events_.Sink());
  ASSERT_TRUE(opened.ok()) << opened;
}

LaunchSpec ExecutorContract::StartShell(const std::string& script) {
  LaunchSpec spec = harness_->NewSpec({"sh", "-c", script});
  const absl::Status started = executor_->Start(spec);
  EXPECT_TRUE(started.ok()) << started;
  return spec;
}

AttemptFinished ExecutorContract::Run(const LaunchSpec& spec) {
  const absl::Status started = executor_->Start(spec);
  EXPECT_TRUE(started.ok()) << started;
  return events_.AwaitFinished(spec.attempt_id);
}

AttemptFinished ExecutorContract::RunShell(const std::string& script) {
  return Run(harness_->NewSpec({"sh", "-c", script}));
}

// --- How attempts end ---

TEST_P(ExecutorContract, SuccessIsReportedWithTimesAndUsage) {
  Open();
  const LaunchSpec spec = harness_->NewSpec({"sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"});
  const AttemptFinished finished = Run(spec);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message;
  EXPECT_EQ(finished.exit_code, 0);
  EXPECT_FALSE(finished.signal.has_value());
  EXPECT_THAT(finished.message, IsEmpty());
  EXPECT_GT(finished.started_at, absl::UnixEpoch());
  EXPECT_GE(finished.finished_at, finished.started_at);
  if (harness_->MeasuresUsage()) {
    EXPECT_GT(finished.cpu_time, absl::ZeroDuration());
    EXPECT_GT(finished.max_rss_bytes, 0);
  }
  EXPECT_TRUE(events_.AwaitStarted(spec.attempt_id));
}

TEST_P(ExecutorContract, ExitCodeFails) {
  Open();
  const AttemptFinished finished = RunShell("echo about to fail; exit 7");
  EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(finished.exit_code, 7);
  EXPECT_THAT(finished.message, HasSubstr("7"));
  EXPECT_EQ(finished.log_tail, "about to fail\n");
}

TEST_P(ExecutorContract, SignalFails) {
  Open();
  const AttemptFinished finished = RunShell("kill -SEGV $$");
  EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(finished.signal, 11);
  EXPECT_THAT(finished.message, HasSubstr("11"));
}

TEST_P(ExecutorContract, UnknownProgramFailsAndIsNamed) {
  Open();
  const AttemptFinished finished = Run(harness_->NewSpec({"no-such-program-here", "x"}));
  EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(finished.message, HasSubstr("no-such-program-here"));
}

TEST_P(ExecutorContract, LogTailIsBoundedAndValidText) {
  Open();
  const AttemptFinished finished = RunShell(
      "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done; printf 'bad \\377 byte\\n'; exit 1");
  EXPECT_LE(finished.log_tail.size(), static_cast<size_t>(limits::kLogTailBytes));
  EXPECT_TRUE(absl::StartsWith(finished.log_tail, "line ")) << finished.log_tail.substr(0, 20);
  EXPECT_TRUE(absl::EndsWith(finished.log_tail, "line 2999\nbad ? byte\n"));
}

// --- What a task is given ---

TEST_P(ExecutorContract, ArgumentsArriveAsTheyAre) {
  Open();
  LaunchSpec spec = harness_->NewSpec({"sh", "-c", "printf '[%s]' \"$@\"", "name", "a b", "",
                                       "$HOME 'quoted' \"x\"", "line\nbreak", "gr\xC3\xBC\xC3\x9F"});
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(harness_->ReadLog(spec), "[a b][][$HOME 'quoted' \"x\"][line\nbreak][gr\xC3\xBC\xC3\x9F]");
}

TEST_P(ExecutorContract, LargeArgumentsArrive) {
  Open();
  std::vector<std::string> argv = {"sh", "-c", "for a in \"$@\"; do echo ${#a}; done", "name"};
  const std::string large(static_cast<size_t>(limits::kArgumentBytes) - 1, 'x');
  std::string expected;
  for (int i = 0; i < 8; ++i) {
    argv.push_back(large);
    absl::StrAppend(&expected, large.size(), "\n");
  }
  const LaunchSpec spec = harness_->NewSpec(argv);
  const AttemptFinished finished = Run(spec);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message;
  EXPECT_EQ(harness_->ReadLog(spec), expected);
}

TEST_P(ExecutorContract, TooLargeArgumentsFailAndNameTheBound) {
  Open();
  const std::string too_large(static_cast<size_t>(limits::kArgumentBytes), 'x');
  const AttemptFinished one = Run(harness_->NewSpec({"sh", "-c", "true", too_large}));
  EXPECT_EQ(one.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(one.message, HasSubstr(absl::StrCat(limits::kArgumentBytes)));
  std::vector<std::string> argv(40, std::string(100'000, 'x'));
  argv[0] = "true";
  const AttemptFinished all = Run(harness_->NewSpec(argv));
  EXPECT_EQ(all.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(all.message, HasSubstr(absl::StrCat(limits::kArgumentsBytes)));
}

TEST_P(ExecutorContract, EnvironmentAndWorkingDirectory) {
  Open();
  LaunchSpec spec = harness_->NewSpec(
      {"sh", "-c", "echo \"$GREETING\"; pwd; cd \"$TMPDIR\" && pwd -P; echo $PENSTOCK_TASK_NAME"});
  spec.env = {{"GREETING", "hello  world"}};
  if (!harness_->BeginsInWorkDirectory()) spec.env.emplace_back("TMPDIR", "/");
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
  const std::string log = harness_->ReadLog(spec);
  EXPECT_THAT(log, HasSubstr("hello  world\n"));
  EXPECT_THAT(log, HasSubstr(harness_->BeginsInWorkDirectory() ? spec.work_dir + "\n" : "/\n"));
  EXPECT_THAT(log, HasSubstr(spec.task_name + "\n"));
}

TEST_P(ExecutorContract, StandardInputIsEmpty) {
  Open();
  EXPECT_EQ(RunShell("test -z \"$(cat)\"").outcome, AttemptOutcome::kSucceeded);
}

TEST_P(ExecutorContract, LogHoldsBothStreamsByteForByte) {
  Open();
  const LaunchSpec spec =
      harness_->NewSpec({"sh", "-c", "printf 'a\\000b\\r\\n'; printf err >&2; printf '\\377end'"});
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(harness_->ReadLog(spec), std::string("a\0b\r\nerr\377end", 12));
}

TEST_P(ExecutorContract, LogIsBoundedAndTheTaskRunsOn) {
  Open({.task_log_bytes = 10'000});
  const LaunchSpec spec = harness_->NewSpec({"sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x; exit 3"});
  EXPECT_EQ(Run(spec).exit_code, 3);
  const std::string log = harness_->ReadLog(spec);
  EXPECT_THAT(log.substr(0, 10'001), AllOf(testing::SizeIs(10'001), HasSubstr("xxx\n")));
  EXPECT_THAT(log.substr(10'001), AllOf(HasSubstr("990000"), HasSubstr("10000"), testing::EndsWith("\n")));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 2);
}

// --- Ending an attempt ---

TEST_P(ExecutorContract, CancelIsPoliteFirst) {
  Open();
  const std::string ready = harness_->NewSpec({}).work_dir + ".ready";
  const LaunchSpec spec = StartShell(
      absl::StrCat("trap 'echo goodbye; exit 0' TERM; : > ", ready, "; while :; do sleep 0.05; done"));
  ASSERT_TRUE(Eventually([&] { return harness_->FileExists(ready); }));
  EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kCancelled);
  EXPECT_THAT(harness_->ReadLog(spec), HasSubstr("goodbye"));
  EXPECT_EQ(executor_->Cancel(spec.attempt_id).code(), absl::StatusCode::kNotFound);
}

TEST_P(ExecutorContract, CancelIsHardAfterTheGrace) {
  Open({.cancel_grace = absl::Milliseconds(100)});
  const std::string ready = harness_->NewSpec({}).work_dir + ".ready";
  const LaunchSpec spec =
      StartShell(absl::StrCat("trap '' TERM; : > ", ready, "; while :; do sleep 0.05; done"));
  ASSERT_TRUE(Eventually([&] { return harness_->FileExists(ready); }));
  EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
  EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok()) << "asking again changes nothing";
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(finished.signal, 9);
}

TEST_P(ExecutorContract, CancelIsHeardHoweverEarlyItComes) {
  Open({.cancel_grace = absl::Hours(1)});
  for (int i = 0; i < harness_->Scale(100); ++i) {
    const LaunchSpec spec = StartShell("sleep 1000");
    ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
    EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
    ASSERT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kCancelled) << "attempt " << i;
  }
}

TEST_P(ExecutorContract, CancelRightAfterTheStartEndsTheAttempt) {
  Open();
  const LaunchSpec spec = StartShell("sleep 1000");
  EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kCancelled);
}

TEST_P(ExecutorContract, CancelOfUnknownIsNotFound) {
  Open();
  EXPECT_EQ(executor_->Cancel(harness_->NewSpec({}).attempt_id).code(), absl::StatusCode::kNotFound);
}

TEST_P(ExecutorContract, TimeOutEndsTheAttempt) {
  Open({.cancel_grace = absl::Milliseconds(100)});
  LaunchSpec polite = harness_->NewSpec({"sleep", "1000"});
  LaunchSpec stubborn = harness_->NewSpec({"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"});
  polite.timeout = stubborn.timeout = absl::Milliseconds(200);
  for (const LaunchSpec& spec : {polite, stubborn}) {
    const AttemptFinished finished = Run(spec);
    EXPECT_EQ(finished.outcome, AttemptOutcome::kTimedOut);
    EXPECT_THAT(finished.message, HasSubstr("200ms"));
    EXPECT_GE(finished.finished_at - finished.started_at, absl::Milliseconds(150));
  }
}

TEST_P(ExecutorContract, ATaskInTimeIsNotTimedOut) {
  Open();
  LaunchSpec spec = harness_->NewSpec({"true"});
  spec.timeout = absl::Hours(1);
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
}

// --- Outputs ---

TEST_P(ExecutorContract, OutputsAreRead) {
  Open();
  LaunchSpec spec = harness_->NewSpec({});
  const std::string outputs = spec.work_dir + "/out/deep";
  spec.directories = {outputs};
  spec.executor_output_path = outputs + "/executor_output.json";
  spec.parameter_files = {
      {"a", outputs + "/a"}, {"empty", outputs + "/empty"}, {"absent", outputs + "/absent"}};
  spec.argv = {
      "sh", "-c",
      absl::StrCat("cd ", outputs, " && printf '{\"x\":1}' > executor_output.json && printf 'v\\n' > a && ",
                   ": > empty")};
  const AttemptFinished finished = Run(spec);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message;
  EXPECT_TRUE(finished.outputs.status.ok()) << finished.outputs.status;
  EXPECT_EQ(finished.outputs.executor_output, "{\"x\":1}");
  EXPECT_THAT(finished.outputs.parameter_files,
              ElementsAre(testing::Pair("a", "v\n"), testing::Pair("empty", "")));
}

TEST_P(ExecutorContract, ArtifactsAreToldApart) {
  if (!harness_->TellsLocalArtifactsApart()) GTEST_SKIP() << "only what lies in object stores";
  Open();
  LaunchSpec spec = harness_->NewSpec({});
  const std::string outputs = spec.work_dir + "/out";
  spec.directories = {outputs};
  spec.artifacts = {{"file", "", outputs + "/file"},
                    {"folder", "", outputs + "/folder"},
                    {"absent", "", outputs + "/absent"}};
  spec.argv = {"sh", "-c",
               absl::StrCat("cd ", outputs, " && printf same > file && mkdir folder && cp file folder")};
  const AttemptFinished finished = Run(spec);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message;
  auto artifacts = finished.outputs.artifacts;
  EXPECT_EQ(artifacts.size(), 3u);
  EXPECT_EQ(artifacts[outputs + "/file"].sha256,
            "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5");
  EXPECT_EQ(artifacts[outputs + "/file"].stat, ContentStat(outputs + "/file"));
  EXPECT_EQ(artifacts[outputs + "/folder"].stat, ContentStat(outputs + "/folder"));
  EXPECT_FALSE(artifacts[outputs + "/folder"].sha256.empty());
  EXPECT_EQ(artifacts[outputs + "/absent"].stat, kNoContent);
}

TEST_P(ExecutorContract, NoOutputsIsNoError) {
  Open();
  LaunchSpec spec = harness_->NewSpec({"true"});
  spec.executor_output_path = spec.work_dir + "/executor_output.json";
  const AttemptFinished finished = Run(spec);
  EXPECT_TRUE(finished.outputs.status.ok());
  EXPECT_FALSE(finished.outputs.executor_output.has_value());
}

TEST_P(ExecutorContract, OutputsThatCannotBeTakenAreNamed) {
  Open();
  const struct {
    std::string script;  // makes the file $F
    std::string why;
  } cases[] = {
      {absl::StrCat("head -c ", limits::kOutputParameterBytes + 1, " /dev/zero > $F"),
       absl::StrCat(limits::kOutputParameterBytes)},
      {"mkfifo $F", "regular"},
      {"mkdir $F", "regular"},
      {"ln -s /dev/zero $F", "regular"},
      {"ln -s /etc/hostname $F", "symbolic link"},
      {"rm -rf $D && ln -s /etc $D", "symbolic link"},
  };
  for (const auto& test : cases) {
    LaunchSpec spec = harness_->NewSpec({"sh", "-c", test.script});
    const std::string directory = spec.work_dir + "/out";
    spec.directories = {directory};
    spec.parameter_files = {{"shape", directory + "/hostname"}};
    spec.env = {{"D", directory}, {"F", directory + "/hostname"}};
    const AttemptFinished finished = Run(spec);
    EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.message << finished.log_tail;
    EXPECT_EQ(finished.outputs.status.code(), absl::StatusCode::kInvalidArgument) << test.script;
    EXPECT_THAT(std::string(finished.outputs.status.message()),
                AllOf(HasSubstr("'shape'"), HasSubstr(directory + "/hostname"), HasSubstr(test.why)));
  }
}

TEST_P(ExecutorContract, LinksWithinTheTaskAreFollowed) {
  Open();
  LaunchSpec spec = harness_->NewSpec({});
  spec.argv = {"sh", "-c",
               absl::StrCat("cd ", spec.work_dir, " && echo value > kept && ln -s ../kept out/p")};
  spec.directories = {spec.work_dir + "/out"};
  spec.parameter_files = {{"p", spec.work_dir + "/out/p"}};
  const AttemptFinished finished = Run(spec);
  EXPECT_TRUE(finished.outputs.status.ok()) << finished.outputs.status;
  EXPECT_THAT(finished.outputs.parameter_files, ElementsAre(testing::Pair("p", "value\n")));
}

// --- At most once ---

TEST_P(ExecutorContract, TheSameIdRunsOnce) {
  Open();
  LaunchSpec spec = harness_->NewSpec({});
  const std::string trace = spec.work_dir + ".trace";
  spec.argv = {"sh", "-c", absl::StrCat("echo ran >> ", trace, "; cat ", trace)};
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(executor_->Start(spec).code(), absl::StatusCode::kAlreadyExists);
  Open();
  const absl::StatusCode again =
      harness_->KnowsAtOnce() ? absl::StatusCode::kAlreadyExists : absl::StatusCode::kOk;
  EXPECT_EQ(executor_->Start(spec).code(), again) << "also after a restart";
  ASSERT_TRUE(Eventually([&] { return events_.FinishedCount(spec.attempt_id) == 2; }))
      << "its event comes again";
  EXPECT_EQ(harness_->ReadLog(spec), "ran\n");
}

TEST_P(ExecutorContract, SlotsBoundWhatRuns) {
  Open({.slots = 2});
  const LaunchSpec first = StartShell("sleep 1000");
  LaunchSpec half = harness_->NewSpec({"sleep", "1000"});
  half.resources.cpu_millicores = 500;
  EXPECT_TRUE(executor_->Start(half).ok());
  EXPECT_FALSE(Fits(*executor_, {}));
  EXPECT_EQ(Fits(*executor_, {.cpu_millicores = 500}), harness_->CountsProcessors());
  EXPECT_EQ(executor_->Start(harness_->NewSpec({"true"})).code(), absl::StatusCode::kResourceExhausted);
  for (const LaunchSpec& spec : {first, half}) {
    EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
    events_.AwaitFinished(spec.attempt_id);
  }
  if (!harness_->CountsProcessors()) return;
  EXPECT_TRUE(Fits(*executor_, {.cpu_millicores = 1'000'000})) << "what is larger than everything runs alone";
  LaunchSpec large = harness_->NewSpec({"true"});
  large.resources = {.cpu_millicores = 1'000'000, .memory_bytes = int64_t{1} << 60};
  EXPECT_EQ(Run(large).outcome, AttemptOutcome::kSucceeded);
}

TEST_P(ExecutorContract, ReservationsTakeSlotsUntilUsedOrGivenBack) {
  Open({.slots = 1});
  const LaunchSpec spec = harness_->NewSpec({"true"});
  EXPECT_TRUE(executor_->Reserve(spec.attempt_id, {}));
  EXPECT_TRUE(executor_->Reserve(spec.attempt_id, {})) << "again is the same";
  EXPECT_FALSE(Fits(*executor_, {}));
  EXPECT_FALSE(executor_->Reserve(harness_->NewSpec({}).attempt_id, {}));
  EXPECT_EQ(executor_->Start(harness_->NewSpec({"true"})).code(), absl::StatusCode::kResourceExhausted);
  executor_->Unreserve(spec.attempt_id);
  EXPECT_TRUE(Fits(*executor_, {}));
  EXPECT_TRUE(executor_->Reserve(spec.attempt_id, {}));
  EXPECT_TRUE(executor_->Start(spec).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_TRUE(Fits(*executor_, {}));
  executor_->Unreserve(spec.attempt_id);
  EXPECT_EQ(executor_->Start(spec).code(), absl::StatusCode::kAlreadyExists);
}

TEST_P(ExecutorContract, WhatIsAnnouncedRunsOnlyWhenItIsStarted) {
  Open();
  const LaunchSpec spec = harness_->NewSpec({"true"});
  const LaunchSpec given_up = harness_->NewSpec({"true"});
  for (const LaunchSpec& announced : {spec, given_up}) {
    EXPECT_TRUE(executor_->Reserve(announced.attempt_id, {}));
    executor_->Announce(announced);
  }
  executor_->Unreserve(given_up.attempt_id);
  EXPECT_EQ(RunShell("exit 0").outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(events_.Count(spec.attempt_id), 0);
  EXPECT_TRUE(executor_->Start(spec).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  executor_->Announce(spec);
  EXPECT_EQ(executor_->Start(spec).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(RunShell("exit 0").outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 1);
  EXPECT_EQ(events_.Count(given_up.attempt_id), 0);
}

TEST_P(ExecutorContract, WhatIsAnnouncedAndStartedSoonerOrLaterRunsOnce) {
  Open({.slots = 2});
  for (int i = 0; i < harness_->Scale(50); ++i) {
    const LaunchSpec spec = harness_->NewSpec({i % 2 == 0 ? "true" : "no-such-program"});
    EXPECT_TRUE(executor_->Reserve(spec.attempt_id, {}));
    executor_->Announce(spec);
    if (i % 3 == 0) {
      EXPECT_EQ(RunShell("exit 0").outcome, AttemptOutcome::kSucceeded);
    }
    EXPECT_TRUE(executor_->Start(spec).ok());
    EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome,
              i % 2 == 0 ? AttemptOutcome::kSucceeded : AttemptOutcome::kFailed);
    EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 1);
    executor_->Forget(spec.attempt_id);
  }
}

TEST_P(ExecutorContract, ManyQuickTasks) {
  Open({.slots = 8});
  const int kTasks = harness_->Scale(200);
  std::vector<std::string> ids;
  for (int i = 0; i < kTasks; ++i) {
    const LaunchSpec spec = harness_->NewSpec({"true"});
    ASSERT_TRUE(Eventually([&] { return Fits(*executor_, {}); }));
    ASSERT_TRUE(executor_->Start(spec).ok());
    ids.push_back(spec.attempt_id);
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(events_.AwaitFinished(id).outcome, AttemptOutcome::kSucceeded);
    executor_->Forget(id);
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(events_.FinishedCount(id), 1);
  }
}

// --- Restarts of the server ---

TEST_P(ExecutorContract, RestartFindsWhatRunsAndWhatEnded) {
  Open();
  const std::string gate = harness_->NewSpec({}).work_dir + ".gate";
  const LaunchSpec running =
      StartShell(absl::StrCat("while [ ! -e ", gate, " ]; do sleep 0.02; done; echo done"));
  const LaunchSpec ended = StartShell("exit 4");
  ASSERT_TRUE(events_.AwaitStarted(running.attempt_id));
  Close();
  Open({.slots = 1});
  const LaunchSpec never = harness_->NewSpec({"true"});
  EXPECT_THAT(Reattached(*executor_, events_, {running, ended, never}), ElementsAre(never.attempt_id));
  EXPECT_EQ(events_.AwaitFinished(ended.attempt_id).exit_code, 4);
  EXPECT_FALSE(Fits(*executor_, {})) << "what was found again takes its slot again";
  EXPECT_EQ(executor_->Start(running).code(), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(events_.FinishedCount(running.attempt_id), 0);
  LaunchSpec opener = harness_->NewSpec({"touch", gate});
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {running}), IsEmpty());
  EXPECT_EQ(Run(opener).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(events_.AwaitFinished(running.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(harness_->ReadLog(running), "done\n");
  EXPECT_EQ(events_.FinishedCount(running.attempt_id), 1);
}

TEST_P(ExecutorContract, WhatEndsWithoutAServerIsReportedOnce) {
  Open();
  LaunchSpec spec = harness_->NewSpec({});
  const std::string done = spec.work_dir + ".done";
  spec.argv = {"sh", "-c", absl::StrCat("echo result > ", spec.work_dir, "/out; sleep 0.1; : > ", done)};
  spec.directories = {spec.work_dir};
  spec.parameter_files = {{"out", spec.work_dir + "/out"}};
  ASSERT_TRUE(executor_->Start(spec).ok());
  Close();
  ASSERT_TRUE(Eventually([&] { return harness_->FileExists(done); }));
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {spec}), IsEmpty());
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded);
  EXPECT_THAT(finished.outputs.parameter_files, ElementsAre(testing::Pair("out", "result\n")));
  EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 1);
}

TEST_P(ExecutorContract, CancelAfterARestart) {
  Open();
  const LaunchSpec spec = StartShell("sleep 1000");
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {spec}), IsEmpty());
  EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kCancelled);
}

TEST_P(ExecutorContract, NeverStartedMayBeStarted) {
  Open();
  const LaunchSpec spec = harness_->NewSpec({"true"});
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {spec}), ElementsAre(spec.attempt_id));
  EXPECT_EQ(Run(spec).outcome, AttemptOutcome::kSucceeded);
}

TEST_P(ExecutorContract, ForgottenIsNotReportedAgain) {
  Open();
  const LaunchSpec forgotten = harness_->NewSpec({"true"});
  const LaunchSpec kept = harness_->NewSpec({"true"});
  EXPECT_EQ(Run(forgotten).outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(Run(kept).outcome, AttemptOutcome::kSucceeded);
  executor_->Forget(forgotten.attempt_id);
  Open();
  EXPECT_TRUE(harness_->IsKept(kept));
  EXPECT_THAT(Reattached(*executor_, events_, {kept}), IsEmpty());
  EXPECT_TRUE(Eventually([&] { return !harness_->IsKept(forgotten); }));
  ASSERT_TRUE(Eventually([&] { return events_.FinishedCount(kept.attempt_id) == 2; }));
  EXPECT_EQ(events_.FinishedCount(forgotten.attempt_id), 1);
}

}  // namespace penstock
