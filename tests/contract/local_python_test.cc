// Shared Python environments of the local executor: built once, by one attempt, and whole or not at all. The
// packages are made here, so that no index is needed.
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "executor/local/local_executor.h"
#include "executor/posix/capture.h"
#include "executor/python/env_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/executor_contract.h"
#include "tests/contract/local_harness.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kPython[] = "/usr/bin/python3";

// Makes source distributions of modules in the folder argv[1], names in argv[2:]. Their build backend needs
// nothing. It notes down in the file of NOTES that it builds, and waits for the file of GATE if there is that of
// HOLD; what is in it may say "fail".
constexpr char kMakePackages[] = R"(
import io, os, sys, tarfile
BACKEND = '''
import os, time, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    with open(os.environ['NOTES'], 'a') as notes:
        notes.write('NAME' + chr(10))
    gate = os.environ['GATE'] if os.path.exists(os.environ['HOLD']) else None
    deadline = time.monotonic() + 100
    while gate and not os.path.exists(gate) and time.monotonic() < deadline:
        time.sleep(0.01)
    if gate and 'fail' in open(gate).read():
        raise RuntimeError('the gate says fail')
    wheel = 'NAME-1.0-py3-none-any.whl'
    info = 'NAME-1.0.dist-info/'
    with zipfile.ZipFile(os.path.join(folder, wheel), 'w') as archive:
        archive.writestr('NAME.py', 'size = ' + repr('x' * 100000))
        archive.writestr(info + 'METADATA', 'Metadata-Version: 2.1' + chr(10) + 'Name: NAME' + chr(10) + 'Version: 1.0' + chr(10))
        archive.writestr(info + 'WHEEL', 'Wheel-Version: 1.0' + chr(10) + 'Root-Is-Purelib: true' + chr(10) + 'Tag: py3-none-any' + chr(10))
        archive.writestr(info + 'RECORD', '')
    return wheel
'''
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
INFO = 'Metadata-Version: 2.1\nName: NAME\nVersion: 1.0\n'
for name in sys.argv[2:]:
    with tarfile.open(os.path.join(sys.argv[1], name + '-1.0.tar.gz'), 'w:gz') as archive:
        for path, text in (('backend.py', BACKEND), ('pyproject.toml', PROJECT), ('PKG-INFO', INFO)):
            data = text.replace('NAME', name).encode()
            entry = tarfile.TarInfo(name + '-1.0/' + path)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
)";

constexpr char kBootstrap[] =
    "\nif ! [ -x \"$(command -v pip)\" ]; then\n    python3 -m ensurepip || python3 -m ensurepip --user || "
    "apt-get install python3-pip\nfi\n\nPIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet "
    "--no-warn-script-location '--no-index' '--find-links=";

class LocalPythonTest : public testing::Test {
 protected:
  void SetUp() override {
    const absl::StatusOr<Captured> pip = RunCaptured(
        {kPython, "-m", "pip", "--version"}, {"PATH=/usr/bin:/bin"}, STDOUT_FILENO, absl::Seconds(60));
    if (!pip.ok() || pip->exit_code != 0) GTEST_SKIP() << "needs " << kPython << " with pip";
    std::filesystem::create_directories(Wheels());
    const absl::StatusOr<Captured> made =
        RunCaptured({kPython, "-c", kMakePackages, Wheels(), "pkg_a", "pkg_b"}, {"PATH=/usr/bin:/bin"},
                    STDERR_FILENO, absl::Seconds(60));
    ASSERT_TRUE(made.ok() && made->exit_code == 0) << made->text;
    harness_.options().python = kPython;
    harness_.options().base_env = {{"HOME", harness_.data_dir()},
                                   {"NOTES", harness_.data_dir() + "/notes"},
                                   {"PIP_RETRIES", "0"},
                                   {"GATE", Gate()},
                                   {"HOLD", harness_.data_dir() + "/hold"}};
    Open();
  }

  void Open(const HarnessOptions& options = {}) {
    executor_.reset();
    executor_ = harness_.MakeExecutor(options);
    const absl::Status opened = executor_->Open(events_.Sink());
    ASSERT_TRUE(opened.ok()) << opened;
  }

  std::string Wheels() const { return harness_.data_dir() + "/wheels"; }
  std::string Gate() const { return harness_.data_dir() + "/gate"; }
  EnvStore Envs() const { return EnvStore(harness_.data_dir() + "/envs"); }
  void OpenGate(const std::string& says) const {
    std::ofstream(Gate() + ".new") << says;
    std::filesystem::rename(Gate() + ".new", Gate());
  }
  // The packages that were built so far, one a line.
  std::string Notes() const { return ReadFileText(harness_.data_dir() + "/notes"); }
  bool AwaitBuildOf(const std::string& package) const {
    return Eventually([&] { return absl::StrContains(Notes(), package); });
  }
  bool AwaitLog(const LaunchSpec& spec, const std::string& text) {
    return Eventually([&] { return absl::StrContains(harness_.ReadLog(spec), text); });
  }
  std::vector<std::string> CompleteKeys() const {
    std::vector<std::string> keys;
    for (const EnvEntry& entry : Envs().List()) {
      if (entry.complete) keys.push_back(entry.key);
    }
    return keys;
  }

  // A Python component with these packages that runs `code`; it waits in the build if `gated`.
  LaunchSpec NewSpec(const std::string& package, const std::string& code, bool gated) {
    LaunchSpec spec = harness_.NewSpec(
        {"sh", "-c", absl::StrCat(kBootstrap, Wheels(), "' '", package, "' && \"$0\" \"$@\"\n"), "python3",
         "-c", code, "one", "two"});
    std::filesystem::remove(harness_.data_dir() + "/hold");
    if (gated) std::ofstream(harness_.data_dir() + "/hold") << "";
    return spec;
  }

  LaunchSpec Start(const std::string& package, const std::string& code = "pass", bool gated = false) {
    const LaunchSpec spec = NewSpec(package, code, gated);
    const absl::Status started = executor_->Start(spec);
    EXPECT_TRUE(started.ok()) << started;
    return spec;
  }

  AttemptFinished Finish(const LaunchSpec& spec) { return events_.AwaitFinished(spec.attempt_id); }

  void Succeeds(const LaunchSpec& spec) {
    EXPECT_EQ(Finish(spec).outcome, AttemptOutcome::kSucceeded) << harness_.ReadLog(spec);
  }

  LocalHarness harness_;
  EventLog events_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(LocalPythonTest, TheFirstTaskBuildsAndTheNextStartsWithoutPip) {
  const std::string code =
      "import os, pkg_a, sys; print('ran', sys.argv, pkg_a.__file__, sys.prefix, os.getcwd(), "
      "os.environ['PATH'])";
  const LaunchSpec first = Start("pkg_a", code);
  Succeeds(first);
  ASSERT_THAT(CompleteKeys(), testing::SizeIs(1));
  const std::string key = CompleteKeys()[0];
  const std::string env = Envs().PathOf(key);
  const std::string log = harness_.ReadLog(first);
  EXPECT_THAT(log, HasSubstr("building the Python environment " + key.substr(0, 12)));
  EXPECT_THAT(log, HasSubstr("Successfully installed")) << "what pip said";
  EXPECT_THAT(log, testing::ContainsRegex("Python environment " + key.substr(0, 12) +
                                          " .pkg_a., built in [0-9]+ ms: pkg_a==1.0"));

  const LaunchSpec second = Start("pkg_a", code);
  Succeeds(second);
  EXPECT_THAT(harness_.ReadLog(second),
              testing::StartsWith(absl::StrCat("penstock: Python environment ", key.substr(0, 12),
                                               " (pkg_a): pkg_a==1.0\nran ['-c', 'one', 'two'] ", env,
                                               "/lib/python")));
  EXPECT_THAT(harness_.ReadLog(second),
              HasSubstr("/pkg_a.py " + second.work_dir + "/venv " + second.work_dir + " " + second.work_dir +
                        "/venv/bin:" + env + "/bin:/usr/bin:"));
  EXPECT_EQ(Notes(), "pkg_a\n");
  EXPECT_EQ(ReadFileText(Envs().PackagesPathOf(key)), "pkg_a==1.0\n");
}

// What a task sets may not change what others get, unless it is part of the name.
TEST_F(LocalPythonTest, ABuildSeesNothingOfTheTaskThatItsNameDoesNotHold) {
  const std::string other = harness_.data_dir() + "/other";
  std::filesystem::create_directories(other + "/.config/pip");
  std::ofstream(other + "/.config/pip/pip.conf") << "[install]\ntarget = " << other << "\n";
  LaunchSpec spec =
      NewSpec("pkg_a", "import os, pkg_a; print(os.environ['HOME'], os.environ['PIP_PROXY'])", false);
  spec.env = {{"HOME", other},
              {"PATH", other},
              {"PYTHONPATH", other},
              {"LD_PRELOAD", other},
              {"NOTES", other + "/notes"},
              {"PIP_PROXY", "http://127.0.0.1:9"}};
  ASSERT_TRUE(executor_->Start(spec).ok());
  Succeeds(spec);
  EXPECT_THAT(harness_.ReadLog(spec), HasSubstr("\n" + other + " http://127.0.0.1:9\n"));
  EXPECT_EQ(Notes(), "pkg_a\n") << "not where the task wanted them";
  Succeeds(Start("pkg_a", "import pkg_a"));
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(2)) << "through another proxy, other packages";
}

TEST_F(LocalPythonTest, TasksCannotWriteToASharedEnvironment) {
  Succeeds(Start("pkg_a"));
  ASSERT_THAT(CompleteKeys(), testing::SizeIs(1));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(Envs().PathOf(CompleteKeys()[0]))) {
    if (entry.is_symlink()) continue;
    EXPECT_EQ(entry.status().permissions() & std::filesystem::perms(0222), std::filesystem::perms::none)
        << entry.path();
  }
}

TEST_F(LocalPythonTest, PasswordsOfIndexesAreInNoCommandAndNoLog) {
  const LaunchSpec spec =
      Start("pkg_a' --extra-index-url 'http://me:s3cret@127.0.0.1:9/simple", "pass", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  std::string commands;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    commands += ReadFileText(entry.path().string() + "/cmdline");
  }
  EXPECT_THAT(commands, HasSubstr("penstock-env"));
  EXPECT_THAT(commands, Not(HasSubstr("s3cret")));
  OpenGate("");
  Succeeds(spec);
  EXPECT_THAT(harness_.ReadLog(spec), Not(HasSubstr("s3cret")));
  std::filesystem::remove(Gate());
  const LaunchSpec own =
      Start(Wheels() + "/pkg_b-1.0.tar.gz' --extra-index-url 'http://me:s3cret@127.0.0.1:9/simple",
            "import pkg_b, sys; print(pkg_b.__file__.startswith(sys.prefix))", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_b"));
  commands.clear();
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    commands += ReadFileText(entry.path().string() + "/cmdline");
  }
  EXPECT_THAT(commands, Not(HasSubstr("s3cret")));
  OpenGate("");
  Succeeds(own);
  EXPECT_THAT(harness_.ReadLog(own), testing::AllOf(Not(HasSubstr("s3cret")), testing::EndsWith("\nTrue\n")));
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(1)) << "nobody else gets it";
  const LaunchSpec failing = Start("none @ http://me:s3cret@127.0.0.1:9/none.zip");
  EXPECT_THAT(Finish(failing).message, Not(HasSubstr("s3cret")));
  EXPECT_THAT(harness_.ReadLog(failing), Not(HasSubstr("s3cret")));
}

TEST_F(LocalPythonTest, AnAttemptNamesItsEnvironment) {
  const LaunchSpec failing = Start("pkg_a", "raise SystemExit(1)");
  const AttemptFinished finished = Finish(failing);
  EXPECT_EQ(CompleteKeys(), std::vector<std::string>{finished.environment});
  EXPECT_EQ(finished.packages, "pkg_a==1.0\n");
  LaunchSpec plain = harness_.NewSpec({"true"});
  ASSERT_TRUE(executor_->Start(plain).ok());
  EXPECT_EQ(Finish(plain).environment, "");
}

TEST_F(LocalPythonTest, AnAttemptNamesWhatItInstalledForItself) {
  const std::string install = absl::StrCat(
      "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'install', '--quiet', "
      "'--no-index', "
      "'--find-links=",
      Wheels(), "', 'pkg_b'], check=True)");
  EXPECT_EQ(Finish(Start("pkg_a", install)).packages, "pkg_a==1.0\npkg-b==1.0\n");
  LaunchSpec plain = harness_.NewSpec({"python3", "-c", install});
  ASSERT_TRUE(executor_->Start(plain).ok());
  const AttemptFinished finished = Finish(plain);
  EXPECT_EQ(finished.packages, "pkg-b==1.0\n") << harness_.ReadLog(plain);
  EXPECT_EQ(finished.environment, "");
  const LaunchSpec alone = Start(Wheels() + "/pkg_a-1.0.tar.gz");
  EXPECT_EQ(Finish(alone).packages, "pkg-a==1.0\n") << harness_.ReadLog(alone);
  LaunchSpec none = harness_.NewSpec({"python3", "-c", "pass"});
  ASSERT_TRUE(executor_->Start(none).ok());
  EXPECT_EQ(Finish(none).packages, "");
}

TEST_F(LocalPythonTest, EveryPipKeepsToTheConstraints) {
  const std::string install = absl::StrCat(
      "import subprocess, sys; subprocess.run([sys.executable, '-m', 'pip', 'install', '--no-index', "
      "'--find-links=",
      Wheels(), "', 'pkg_b'], check=True)");
  const auto start = [&](LaunchSpec spec, const std::string& constraint) {
    spec.constraints = {constraint};
    EXPECT_TRUE(executor_->Start(spec).ok());
    return spec;
  };
  const LaunchSpec other = start(NewSpec("pkg_a", "pass", false), "pkg-a==2.0");
  const AttemptFinished refused = Finish(other);
  EXPECT_EQ(refused.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(refused.message,
              HasSubstr("pkg_a, in the versions that the run pins, could not be made: pip said: ERROR:"));
  Succeeds(start(NewSpec("pkg_a", "import pkg_a", false), "pkg-a==1.0"));
  Succeeds(start(NewSpec("pkg_a", "import pkg_a", false), "pkg-a==1.0"));
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(1)) << "those with the same share one";
  EXPECT_EQ(ReadFileText(Envs().PathOf(CompleteKeys()[0]) + "/constraints.txt"), "pkg-a==1.0\n");
  Succeeds(Start("pkg_a"));
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(2)) << "those without have another";
  const LaunchSpec body = start(harness_.NewSpec({"python3", "-c", install}), "pkg_b==3.0");
  EXPECT_EQ(Finish(body).outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(harness_.ReadLog(body), HasSubstr("(constraint) pkg-b==3.0"));
  Succeeds(start(harness_.NewSpec({"python3", "-c", install}), "pkg_b==1.0"));
  const LaunchSpec alone = start(NewSpec(Wheels() + "/pkg_a-1.0.tar.gz", "pass", false), "pkg_a==3.0");
  EXPECT_EQ(Finish(alone).outcome, AttemptOutcome::kFailed) << "what is installed for it alone";
}

TEST_F(LocalPythonTest, WhoWaitsForAPinnedBuildTakesItOver) {
  LaunchSpec first = NewSpec("pkg_a", "pass", /*gated=*/true);
  LaunchSpec second = NewSpec("pkg_a", "import pkg_a", /*gated=*/true);
  first.constraints = second.constraints = {"pkg_a==1.0"};
  ASSERT_TRUE(executor_->Start(first).ok());
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  ASSERT_TRUE(executor_->Start(second).ok());
  EXPECT_EQ(events_.AwaitWaiting(second.attempt_id).reason, AttemptWait::kEnvironment);
  ASSERT_TRUE(executor_->Cancel(first.attempt_id).ok());
  EXPECT_EQ(Finish(first).outcome, AttemptOutcome::kCancelled);
  executor_->Forget(first.attempt_id);
  OpenGate("");
  Succeeds(second);
}

TEST_F(LocalPythonTest, TheCommandIsReplacedAndItsExitCodeKept) {
  Succeeds(Start("pkg_a"));
  EXPECT_EQ(Finish(Start("pkg_a", "raise SystemExit(125)")).message, "The program exited with code 125.");
  EXPECT_EQ(Finish(Start("pkg_a", "import os; os.kill(os.getpid(), 9)")).signal, SIGKILL);
}

TEST_F(LocalPythonTest, TwoTasksAtOnceBuildOnce) {
  const LaunchSpec first = Start("pkg_a", "import pkg_a", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  const LaunchSpec second = Start("pkg_a", "import pkg_a", /*gated=*/true);
  EXPECT_EQ(events_.AwaitWaiting(second.attempt_id).reason, AttemptWait::kEnvironment);
  EXPECT_THAT(CompleteKeys(), IsEmpty());
  OpenGate("");
  Succeeds(first);
  Succeeds(second);
  EXPECT_EQ(Notes(), "pkg_a\n");
  EXPECT_THAT(harness_.ReadLog(second), Not(HasSubstr("building")));
}

TEST_F(LocalPythonTest, WhoWaitsForAnothersBuildGivesItsSlotBack) {
  Open({.slots = 2});
  const LaunchSpec builds = Start("pkg_a", "import pkg_a", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  std::vector<LaunchSpec> waiting;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(Eventually([&] { return Fits(*executor_, {}); })) << i;
    waiting.push_back(Start("pkg_a", "import pkg_a", /*gated=*/true));
    EXPECT_EQ(events_.AwaitWaiting(waiting.back().attempt_id).reason, AttemptWait::kEnvironment);
  }
  ASSERT_TRUE(Eventually([&] { return Fits(*executor_, {}); }));
  LaunchSpec other = harness_.NewSpec({"true"});
  ASSERT_TRUE(executor_->Start(other).ok());
  EXPECT_EQ(Finish(other).outcome, AttemptOutcome::kSucceeded);
  EXPECT_TRUE(executor_->Cancel(waiting[1].attempt_id).ok());
  EXPECT_EQ(Finish(waiting[1]).outcome, AttemptOutcome::kCancelled);
  // Those that wait have no process: after a restart they are as if never started.
  Open({.slots = 2});
  EXPECT_THAT(Reattached(*executor_, events_, {builds, waiting[0], waiting[2]}),
              testing::UnorderedElementsAre(waiting[0].attempt_id, waiting[2].attempt_id));
  ASSERT_TRUE(executor_->Start(waiting[0]).ok());
  OpenGate("");
  Succeeds(builds);
  Succeeds(waiting[0]);
  ASSERT_TRUE(executor_->Start(waiting[2]).ok());
  Succeeds(waiting[2]);
  EXPECT_EQ(Notes(), "pkg_a\n");
}

TEST_F(LocalPythonTest, WhenTheBuilderIsCancelledOneThatWaitedBuilds) {
  const LaunchSpec builds = Start("pkg_a", "import pkg_a", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  const LaunchSpec waits = Start("pkg_a", "import pkg_a", /*gated=*/true);
  EXPECT_EQ(events_.AwaitWaiting(waits.attempt_id).reason, AttemptWait::kEnvironment);
  EXPECT_TRUE(executor_->Cancel(builds.attempt_id).ok());
  EXPECT_EQ(Finish(builds).outcome, AttemptOutcome::kCancelled);
  OpenGate("");
  Succeeds(waits);
}

TEST_F(LocalPythonTest, AFailedBuildFailsAllThatWaitWithPipsOwnWords) {
  const LaunchSpec first = Start("pkg_a", "pass", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  const LaunchSpec second = Start("pkg_a", "pass", /*gated=*/true);
  EXPECT_EQ(events_.AwaitWaiting(second.attempt_id).reason, AttemptWait::kEnvironment);
  OpenGate("fail");
  for (const LaunchSpec& spec : {first, second}) {
    const AttemptFinished finished = Finish(spec);
    EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
    EXPECT_THAT(finished.message,
                HasSubstr("The Python environment for pkg_a could not be made: pip said: "));
  }
  EXPECT_EQ(Notes(), "pkg_a\n") << "not tried once more for the one that waited";
  EXPECT_THAT(harness_.ReadLog(first), HasSubstr("the gate says fail"));
  OpenGate("");
  Succeeds(Start("pkg_a", "pass", /*gated=*/true));
  EXPECT_EQ(Notes(), "pkg_a\npkg_a\n");
}

TEST_F(LocalPythonTest, APackageThatDoesNotExistIsNamed) {
  const AttemptFinished finished = Finish(Start("no_such_package"));
  EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(finished.message, HasSubstr("No matching distribution found for no_such_package"));
  EXPECT_THAT(finished.log_tail, HasSubstr("no_such_package"));
  EXPECT_TRUE(Fits(*executor_, {.cpu_millicores = 4000})) << "its slot came back";
}

TEST_F(LocalPythonTest, CancelAndTimeOutWorkDuringABuild) {
  LaunchSpec timed = NewSpec("pkg_a", "pass", /*gated=*/true);
  timed.timeout = absl::Seconds(2);
  ASSERT_TRUE(executor_->Start(timed).ok());
  EXPECT_EQ(Finish(timed).outcome, AttemptOutcome::kTimedOut);
  const LaunchSpec cancelled = Start("pkg_b", "pass", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_b"));
  EXPECT_FALSE(Fits(*executor_, {.cpu_millicores = 4000})) << "a build holds the slot";
  EXPECT_TRUE(executor_->Cancel(cancelled.attempt_id).ok());
  EXPECT_EQ(Finish(cancelled).outcome, AttemptOutcome::kCancelled);
  EXPECT_THAT(CompleteKeys(), IsEmpty());
  Succeeds(Start("pkg_a", "import pkg_a"));
  Succeeds(Start("pkg_b", "import pkg_b"));
}

TEST_F(LocalPythonTest, AnAttemptSaysThatItsEnvironmentIsBeingBuilt) {
  const LaunchSpec first = Start("pkg_a", "pass", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  const AttemptWaiting waiting = events_.AwaitWaiting(first.attempt_id);
  EXPECT_EQ(waiting.reason, AttemptWait::kEnvironment);
  EXPECT_THAT(waiting.message, HasSubstr("pkg_a"));
  EXPECT_EQ(events_.Count(first.attempt_id), 1) << "its command has not begun";
  OpenGate("");
  EXPECT_TRUE(events_.AwaitStarted(first.attempt_id));
  Succeeds(first);
  const LaunchSpec second = Start("pkg_a");
  Succeeds(second);
  EXPECT_EQ(events_.Count(second.attempt_id), 2) << "it is there: started and ended, nothing else";
}

TEST_F(LocalPythonTest, ABuildOutlivesTheServer) {
  const LaunchSpec spec = Start("pkg_a", "import pkg_a", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  executor_.reset();
  OpenGate("");
  ASSERT_TRUE(Eventually([&] { return CompleteKeys().size() == 1; }));
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {spec}), IsEmpty());
  Succeeds(spec);
}

TEST_F(LocalPythonTest, WhatACrashLeavesIsBuiltAnew) {
  const LaunchSpec spec = Start("pkg_a", "import pkg_a", /*gated=*/true);
  ASSERT_TRUE(AwaitBuildOf("pkg_a"));
  harness_.KillRunner(SIGKILL);
  EXPECT_EQ(Finish(spec).outcome, AttemptOutcome::kLost);
  ASSERT_THAT(Envs().List(), testing::SizeIs(1)) << "half of one";
  EXPECT_THAT(CompleteKeys(), IsEmpty());
  std::ofstream(Envs().PathOf(Envs().List()[0].key) + "/bin/torn") << "from the crash";
  const LaunchSpec next = Start("pkg_a", "import pkg_a");
  Succeeds(next);
  ASSERT_THAT(CompleteKeys(), testing::SizeIs(1));
  EXPECT_FALSE(harness_.FileExists(Envs().PathOf(CompleteKeys()[0]) + "/bin/torn"));
}

TEST_F(LocalPythonTest, TheLeastLatelyUsedGoesWhenTheLimitIsPassedAndNeverOneInUse) {
  harness_.options().python_envs_bytes = 1;
  Open();
  const std::string wait =
      "import os, pkg_a, time\nwhile not os.path.exists('end'): time.sleep(0.01)\nimport pkg_a";
  const LaunchSpec running = Start("pkg_a", wait);
  ASSERT_TRUE(Eventually([&] { return CompleteKeys().size() == 1; }));
  const std::string first = CompleteKeys()[0];
  Succeeds(Start("pkg_b", "import pkg_b"));
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(2)) << "both were in use";
  std::ofstream(running.work_dir + "/end") << "";
  Succeeds(running);
  Succeeds(Start("pkg_a", "import pkg_a"));
  EXPECT_EQ(Notes(), "pkg_a\npkg_b\n") << "still there";
  std::filesystem::rename(Wheels() + "/pkg_a-1.0.tar.gz", Wheels() + "/pkg_a-1.0.tar.gz.old");
  const LaunchSpec third = Start("pkg_b' 'pkg_b>=0", "import pkg_b");  // other words: another environment
  Succeeds(third);
  EXPECT_THAT(CompleteKeys(), testing::SizeIs(1));
  EXPECT_THAT(CompleteKeys(), Not(ElementsAre(first)));
}

}  // namespace
}  // namespace penstock
