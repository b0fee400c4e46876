// What is the local executor's own: its supervisor, and what happens when one of the two dies.
#include "executor/local/local_executor.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "executor/local/runner/process_scan.h"
#include "executor/local/runner/unix_socket.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/executor_contract.h"
#include "tests/contract/local_harness.h"

namespace penstock {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class LocalExecutorTest : public testing::Test {
 protected:
  void Open(const HarnessOptions& options = {}) {
    executor_.reset();
    std::unique_ptr<Executor> made = harness_.MakeExecutor(options);
    executor_.reset(static_cast<LocalExecutor*>(made.release()));
    const absl::Status opened = executor_->Open(events_.Sink());
    ASSERT_TRUE(opened.ok()) << opened;
  }

  LaunchSpec Start(std::vector<std::string> argv) {
    LaunchSpec spec = harness_.NewSpec(std::move(argv));
    const absl::Status started = executor_->Start(spec);
    EXPECT_TRUE(started.ok()) << started;
    return spec;
  }

  AttemptFinished Run(std::vector<std::string> argv) {
    return events_.AwaitFinished(Start(std::move(argv)).attempt_id);
  }

  // The process ids that an attempt wrote to its file `name`, one a line, once there are `count`.
  std::vector<pid_t> AwaitPids(const LaunchSpec& spec, const std::string& name, size_t count) {
    std::vector<pid_t> pids;
    EXPECT_TRUE(Eventually([&] {
      pids.clear();
      std::ifstream file(spec.work_dir + "/" + name);
      for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
      return pids.size() >= count;
    }));
    return pids;
  }

  static bool AllGone(const std::vector<pid_t>& pids) {
    return Eventually(
        [&] { return std::none_of(pids.begin(), pids.end(), [](pid_t pid) { return ProcessRuns(pid); }); });
  }

  std::string Journal() const { return harness_.runner_dir() + "/journal"; }

  LocalHarness harness_;
  EventLog events_;
  std::unique_ptr<LocalExecutor> executor_;
};

// --- Options ---

TEST_F(LocalExecutorTest, OptionsAreValidated) {
  const LocalExecutorOptions good = harness_.options();
  EXPECT_TRUE(Validate(good).ok());
  const auto refused = [&](auto change) {
    LocalExecutorOptions options = good;
    change(options);
    return !Validate(options).ok();
  };
  EXPECT_TRUE(refused([](auto& o) { o.data_dir = "relative"; }));
  EXPECT_TRUE(refused([](auto& o) { o.runner_path = ""; }));
  EXPECT_TRUE(refused([](auto& o) { o.python = "python3"; }));
  EXPECT_TRUE(refused([](auto& o) { o.max_parallel_tasks = -1; }));
  EXPECT_TRUE(refused([](auto& o) { o.task_log_bytes = 0; }));
  EXPECT_TRUE(refused([](auto& o) { o.cancel_grace = -absl::Seconds(1); }));
  EXPECT_TRUE(refused([](auto& o) { o.runner_idle_exit = absl::InfiniteDuration(); }));
  EXPECT_TRUE(refused([](auto& o) { o.base_env = {{"A=B", ""}}; }));
}

TEST_F(LocalExecutorTest, WithoutASupervisorOpenSaysWhy) {
  harness_.options().runner_path = "/nowhere/penstock-runner";
  const absl::Status missing = harness_.MakeExecutor({})->Open(events_.Sink());
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("/nowhere/penstock-runner"));
  harness_.options().runner_path = "/bin/false";
  EXPECT_EQ(harness_.MakeExecutor({})->Open(events_.Sink()).code(), absl::StatusCode::kUnavailable);
}

TEST_F(LocalExecutorTest, WorkspacesAreMadeAndRemoved) {
  Open();
  const std::string shared = harness_.options().data_dir + "/workspaces/run-1";
  EXPECT_EQ(executor_->world().WorkspaceOf("run-1"), shared);
  LaunchSpec spec = harness_.NewSpec({"touch", shared + "/file"});
  spec.workspace = shared;
  ASSERT_TRUE(executor_->Start(spec).ok());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_TRUE(harness_.FileExists(shared + "/file"));
  executor_->RemoveWorkspace("run-1");
  EXPECT_TRUE(Eventually([&] { return !harness_.FileExists(shared); }));
}

// --- Processes ---

TEST_F(LocalExecutorTest, TasksStartWithDefaultSignalsAndNoDescriptors) {
  signal(SIGPIPE, SIG_IGN);  // as servers do
  const UniqueFd open_file(open("/dev/null", O_RDONLY));
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "grep SigBlk /proc/self/status; ls /proc/$$/fd"});
  events_.AwaitFinished(spec.attempt_id);
  signal(SIGPIPE, SIG_DFL);
  EXPECT_EQ(harness_.ReadLog(spec), "SigBlk:\t0000000000000000\n0\n1\n2\n");
  // A writer to a closed pipe ends by the signal only if nobody ignores it.
  const LaunchSpec writer = Start({"bash", "-c", "yes | true; echo ${PIPESTATUS[0]}"});
  events_.AwaitFinished(writer.attempt_id);
  EXPECT_EQ(harness_.ReadLog(writer), absl::StrCat(128 + SIGPIPE, "\n"));
}

TEST_F(LocalExecutorTest, TheServersEnvironmentDoesNotLeak) {
  setenv("PENSTOCK_TEST_SECRET", "s3cret", 1);
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "env; tr '\\0' '\\n' < /proc/$PPID/environ"});
  events_.AwaitFinished(spec.attempt_id);
  unsetenv("PENSTOCK_TEST_SECRET");
  EXPECT_THAT(harness_.ReadLog(spec), HasSubstr("KFP_POD_NAME=" + spec.attempt_id));
  EXPECT_THAT(harness_.ReadLog(spec), testing::Not(HasSubstr("s3cret")));
}

TEST_F(LocalExecutorTest, TheLogIsInTheOrderInWhichPythonWrote) {
  Open();
  const LaunchSpec spec = Start({"python3", "-c", "print('first')\nraise ValueError('second')"});
  events_.AwaitFinished(spec.attempt_id);
  EXPECT_THAT(harness_.ReadLog(spec), testing::StartsWith("first\nTraceback"));
  LaunchSpec buffered = harness_.NewSpec({"sh", "-c", "echo [$PYTHONUNBUFFERED]"});
  buffered.env = {{"PYTHONUNBUFFERED", ""}};
  ASSERT_TRUE(executor_->Start(buffered).ok());
  events_.AwaitFinished(buffered.attempt_id);
  EXPECT_EQ(harness_.ReadLog(buffered), "[]\n") << "as the author wants it";
}

TEST_F(LocalExecutorTest, SocketsFitIntoTheTemporaryFolder) {
  const std::string names = harness_.data_dir() + "/short";
  std::filesystem::create_directory(names);
  harness_.options().short_names_dirs = {names};
  Open();
  LaunchSpec spec = harness_.NewSpec(
      {"python3", "-c",
       "import os, socket, tempfile\nfolder = tempfile.mkdtemp(prefix='pymp-')\n"
       "socket.socket(socket.AF_UNIX).bind(folder + '/listener-abcdefgh')\n"
       "print(tempfile.gettempdir() == os.environ['TMP'].rstrip('/'), os.path.realpath(folder))"});
  while (spec.work_dir.size() < 120) spec.work_dir += "/a-rather-long-directory-name";
  ASSERT_TRUE(executor_->Start(spec).ok());
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kSucceeded) << finished.log_tail;
  EXPECT_THAT(harness_.ReadLog(spec), testing::StartsWith("True " + spec.work_dir + "/pymp-"));
  executor_->Forget(spec.attempt_id);
  const std::string folder = absl::StrCat(names, "/penstock-", geteuid());
  EXPECT_TRUE(Eventually([&] { return std::filesystem::is_empty(folder); }));
}

TEST_F(LocalExecutorTest, WhatAnAttemptLeavesBehindIsKilled) {
  Open();
  const LaunchSpec spec =
      Start({"sh", "-c",
             "sleep 1000 & echo $! >> pids; (trap '' HUP TERM; sleep 1000) & echo $! >> pids;"
             "setsid sh -c 'echo $$ >> pids; sleep 1000 & echo $! >> pids; wait' & "
             "while [ $(wc -l < pids) -lt 4 ]; do sleep 0.01; done"});
  const std::vector<pid_t> pids = AwaitPids(spec, "pids", 4);
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
  EXPECT_TRUE(AllGone(pids)) << "also those that left its session";
}

TEST_F(LocalExecutorTest, AnAttemptThatHoldsItsOutputOpenElsewhereEndsAllTheSame) {
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "setsid sh -c 'yes' & echo $!; exit 5"});
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).exit_code, 5);
}

TEST_F(LocalExecutorTest, ScriptsAndProgramsThatCannotRun) {
  Open();
  const std::string script = harness_.data_dir() + "/script";
  std::ofstream(script) << "#!/nowhere/interpreter\n";
  EXPECT_THAT(Run({script}).message, HasSubstr("Permission denied"));
  chmod(script.c_str(), 0700);
  EXPECT_THAT(Run({script}).message, HasSubstr("interpreter"));
  EXPECT_THAT(Run({harness_.data_dir()}).message, HasSubstr(harness_.data_dir()));
  EXPECT_THAT(Run({"./absent"}).message, HasSubstr("No such file"));
  EXPECT_THAT(Run({}).message, HasSubstr("empty"));
}

TEST_F(LocalExecutorTest, ADirectoryThatCannotBeMadeFailsTheAttempt) {
  Open();
  LaunchSpec spec = harness_.NewSpec({"true"});
  spec.directories = {"/proc/no/such/place"};
  EXPECT_TRUE(executor_->Start(spec).ok());
  const AttemptFinished finished = events_.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kFailed);
  EXPECT_THAT(finished.message, HasSubstr("/proc/no"));
  EXPECT_TRUE(Fits(*executor_, {}));
}

TEST_F(LocalExecutorTest, WorkDirectoriesCanBeKept) {
  harness_.options().keep_work_dirs = true;
  Open();
  const LaunchSpec spec = Start({"touch", "file"});
  events_.AwaitFinished(spec.attempt_id);
  executor_->Forget(spec.attempt_id);
  executor_.reset();
  EXPECT_TRUE(harness_.FileExists(spec.work_dir + "/file"));
}

TEST_F(LocalExecutorTest, EmptyParentsOfWorkDirectoriesGoToo) {
  Open();
  const LaunchSpec spec = Start({"touch", "file"});
  events_.AwaitFinished(spec.attempt_id);
  executor_->Forget(spec.attempt_id);
  executor_.reset();
  EXPECT_FALSE(harness_.FileExists(harness_.data_dir() + "/work/run"));
  EXPECT_TRUE(harness_.FileExists(harness_.runner_dir()));
}

TEST_F(LocalExecutorTest, WhatIsMadeForAnAttemptThatIsNotStartedGoes) {
  Open();
  const LaunchSpec spec = harness_.NewSpec({"true"});
  EXPECT_TRUE(executor_->Reserve(spec.attempt_id, {}));
  executor_->Announce(spec);
  EXPECT_TRUE(Eventually([&] { return harness_.FileExists(spec.work_dir); }));
  executor_->Unreserve(spec.attempt_id);
  EXPECT_TRUE(Eventually([&] { return !harness_.FileExists(spec.work_dir); }));
}

TEST_F(LocalExecutorTest, WhatADeadServerMadeForAttemptsThatWereNeverCommittedGoes) {
  Open();
  LaunchSpec announced = harness_.NewSpec({"true"});
  LaunchSpec running = harness_.NewSpec({"sleep", "60"});
  LaunchSpec forgotten_run = harness_.NewSpec({"sleep", "60"});
  for (LaunchSpec* spec : {&announced, &running, &forgotten_run}) {
    spec->work_dir = executor_->world().WorkDirOf("run", spec->attempt_id);
  }
  for (const LaunchSpec& spec : {running, forgotten_run}) {
    ASSERT_TRUE(executor_->Start(spec).ok());
    ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  }
  EXPECT_TRUE(executor_->Reserve(announced.attempt_id, {}));
  executor_->Announce(announced);
  EXPECT_TRUE(Eventually([&] { return harness_.FileExists(announced.work_dir); }));
  Open();
  executor_->Reattach({running});
  EXPECT_TRUE(Eventually([&] { return !harness_.FileExists(announced.work_dir); }));
  EXPECT_TRUE(harness_.FileExists(running.work_dir));
  EXPECT_TRUE(harness_.FileExists(forgotten_run.work_dir)) << "its process runs in it";
}

// --- The life of the supervisor ---

TEST_F(LocalExecutorTest, AGracefulEndLeavesNoProcess) {
  Open();
  const pid_t runner = static_cast<pid_t>(executor_->RunnerPid());
  EXPECT_TRUE(ProcessRuns(runner));
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded);
  executor_.reset();
  EXPECT_FALSE(ProcessRuns(runner)) << "when the destructor returns";
}

TEST_F(LocalExecutorTest, AnAbandonedSupervisorEndsWhenIdle) {
  harness_.options().runner_idle_exit = absl::Milliseconds(50);
  Open();
  const pid_t runner = static_cast<pid_t>(executor_->RunnerPid());
  const LaunchSpec spec = Start({"sh", "-c", "sleep 0.3; exit 9"});
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  executor_.reset();
  EXPECT_TRUE(ProcessRuns(runner)) << "it still runs an attempt";
  EXPECT_TRUE(AllGone({runner}));
  Open();
  EXPECT_NE(executor_->RunnerPid(), runner);
  EXPECT_THAT(Reattached(*executor_, events_, {spec}), IsEmpty());
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).exit_code, 9) << "the next supervisor knows how it ended";
}

TEST_F(LocalExecutorTest, TheSupervisorIsNotOurChildAndAloneInItsSession) {
  Open();
  const pid_t runner = static_cast<pid_t>(executor_->RunnerPid());
  const std::string status = ReadFileText(absl::StrCat("/proc/", runner, "/status"));
  EXPECT_THAT(status, testing::Not(HasSubstr(absl::StrCat("PPid:\t", getpid(), "\n"))));
  EXPECT_NE(getsid(runner), getsid(0));
}

TEST_F(LocalExecutorTest, DeathOfTheSupervisorLosesWhatItRanAndNothingElse) {
  Open();
  const LaunchSpec running =
      Start({"sh", "-c",
             "setsid sleep 1000 & echo $! >> pids; sleep 1000 & echo $! >> pids; echo $$ >> pids; wait"});
  const LaunchSpec ended = Start({"true"});
  EXPECT_EQ(events_.AwaitFinished(ended.attempt_id).outcome, AttemptOutcome::kSucceeded);
  const std::vector<pid_t> pids = AwaitPids(running, "pids", 3);
  const pid_t runner = static_cast<pid_t>(executor_->RunnerPid());
  kill(runner, SIGKILL);
  const AttemptFinished lost = events_.AwaitFinished(running.attempt_id);
  EXPECT_EQ(lost.outcome, AttemptOutcome::kLost);
  EXPECT_THAT(lost.message, HasSubstr("supervisor"));
  EXPECT_TRUE(AllGone(pids));
  ASSERT_TRUE(Eventually([&] { return executor_->RunnerPid() != 0; }));
  EXPECT_NE(executor_->RunnerPid(), runner);
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded) << "the server goes on";
  EXPECT_EQ(events_.FinishedCount(running.attempt_id), 1);
  EXPECT_EQ(events_.FinishedCount(ended.attempt_id), 1);
}

TEST_F(LocalExecutorTest, WhatADeadSupervisorMayHaveStartedIsNotSentToOneWithoutRecords) {
  Open();
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded);
  const pid_t runner = static_cast<pid_t>(executor_->RunnerPid());
  kill(runner, SIGSTOP);  // what is sent lies in its socket
  const LaunchSpec sent = Start({"sh", "-c", "echo ran >> ran"});
  // Attempts are prepared one after the other: once this one has failed, the one before it was sent.
  LaunchSpec refused = harness_.NewSpec({"true"});
  refused.directories = {"/proc/no/such/place"};
  ASSERT_TRUE(executor_->Start(refused).ok());
  EXPECT_EQ(events_.AwaitFinished(refused.attempt_id).outcome, AttemptOutcome::kFailed);
  // Ids have milliseconds: what was made in the one in which records begin is not older than they.
  const absl::Time later = absl::Now() + absl::Milliseconds(2);
  ASSERT_TRUE(Eventually([&] { return absl::Now() > later; }));
  unlink(Journal().c_str());
  kill(runner, SIGKILL);
  EXPECT_EQ(events_.AwaitFinished(sent.attempt_id).outcome, AttemptOutcome::kLost);
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded) << "what is started later runs";
}

TEST_F(LocalExecutorTest, DeathOfTheSupervisorDuringManyTasksEndsEachOnce) {
  Open({.slots = 8});
  std::vector<std::string> ids;
  for (int i = 0; i < 120; ++i) {
    const LaunchSpec spec = harness_.NewSpec({"true"});
    absl::Status started;
    ASSERT_TRUE(Eventually([&] {
      started = executor_->Start(spec);
      return started.ok() || absl::IsAlreadyExists(started);
    })) << started;
    ids.push_back(spec.attempt_id);
    if (i % 40 == 20) kill(static_cast<pid_t>(executor_->RunnerPid()), SIGKILL);
  }
  for (const std::string& id : ids) {
    const AttemptOutcome outcome = events_.AwaitFinished(id).outcome;
    EXPECT_TRUE(outcome == AttemptOutcome::kSucceeded || outcome == AttemptOutcome::kLost);
  }
  for (const std::string& id : ids) {
    EXPECT_EQ(events_.FinishedCount(id), 1);
  }
  EXPECT_TRUE(Fits(*executor_, {.cpu_millicores = 8000})) << "every slot came back";
}

TEST_F(LocalExecutorTest, ASupervisorToldToStopEndsItsAttempts) {
  Open({.cancel_grace = absl::Seconds(60)});
  const LaunchSpec spec = Start({"sh", "-c", "echo $$ >> pids; sleep 1000"});
  const std::vector<pid_t> pids = AwaitPids(spec, "pids", 1);
  kill(static_cast<pid_t>(executor_->RunnerPid()), SIGTERM);
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kLost);
  EXPECT_TRUE(AllGone(pids));
}

// --- Records ---

TEST_F(LocalExecutorTest, ATornRecordDoesNoHarm) {
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "exit 3"});
  events_.AwaitFinished(spec.attempt_id);
  executor_.reset();
  std::ofstream(Journal(), std::ios::app) << "0badcafe F torn";
  Open();
  const LaunchSpec never = harness_.NewSpec({"true"});
  EXPECT_THAT(Reattached(*executor_, events_, {spec, never}), ElementsAre(never.attempt_id));
  ASSERT_TRUE(Eventually([&] { return events_.FinishedCount(spec.attempt_id) == 2; }));
}

TEST_F(LocalExecutorTest, AfterARestartOfTheMachineWhatMayHaveRunIsLost) {
  Open();
  const LaunchSpec running = Start({"sleep", "1000"});
  const LaunchSpec unrecorded = harness_.NewSpec({"true"});
  ASSERT_TRUE(events_.AwaitStarted(running.attempt_id));
  const std::string records = ReadFileText(Journal());
  executor_.reset();
  harness_.KillRunner(SIGTERM);
  ASSERT_THAT(records, HasSubstr(running.attempt_id));
  std::ofstream(Journal()) << std::string(records.size(), '\0');  // as a power cut may leave a file
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {running, unrecorded}), IsEmpty());
  for (const LaunchSpec& spec : {running, unrecorded}) {
    EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kLost);
    EXPECT_EQ(executor_->Start(spec).code(), absl::StatusCode::kAlreadyExists);
  }
  const LaunchSpec later = harness_.NewSpec({"true"});
  EXPECT_THAT(Reattached(*executor_, events_, {later}), ElementsAre(later.attempt_id));
  EXPECT_TRUE(executor_->Start(later).ok());
  EXPECT_EQ(events_.AwaitFinished(later.attempt_id).outcome, AttemptOutcome::kSucceeded);
}

TEST_F(LocalExecutorTest, ACopyOfTheDataDirectoryLeavesTheOriginalsTasksAlone) {
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "while ! [ -e end ]; do sleep 0.01; done"});
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  LocalHarness other;
  std::filesystem::remove_all(other.data_dir());
  // Sockets are not copied, as they would be of no use.
  std::filesystem::create_directories(other.runner_dir());
  for (const char* file : {"/journal", "/lock"}) {
    std::filesystem::copy(harness_.runner_dir() + file, other.runner_dir() + file);
  }
  EventLog events;
  std::unique_ptr<Executor> copy = other.MakeExecutor({});
  ASSERT_TRUE(copy->Open(events.Sink()).ok());
  copy->Reattach({spec});
  const AttemptFinished lost = events.AwaitFinished(spec.attempt_id);
  EXPECT_EQ(lost.outcome, AttemptOutcome::kLost);
  EXPECT_THAT(lost.message, HasSubstr("copy of the data directory"));
  std::ofstream(spec.work_dir + "/end") << "";
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kSucceeded);
}

TEST_F(LocalExecutorTest, AnIdThatStorageOnlyKnowsIsReattachedWithoutItsDescription) {
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "exit 2"});
  events_.AwaitFinished(spec.attempt_id);
  Open();
  LaunchSpec bare;
  bare.attempt_id = spec.attempt_id;
  EXPECT_THAT(Reattached(*executor_, events_, {bare}), IsEmpty());
  ASSERT_TRUE(Eventually([&] { return events_.FinishedCount(spec.attempt_id) == 2; }));
  executor_->Forget(spec.attempt_id);
}

// --- The socket ---

TEST_F(LocalExecutorTest, ADataDirectoryMayLieDeep) {
  std::string deep = harness_.data_dir();
  while (deep.size() < 300) deep += "/a-rather-long-directory-name";
  harness_.options().data_dir = deep;
  Open();
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded);
}

TEST_F(LocalExecutorTest, TheSocketIsForUsAlone) {
  Open();
  struct stat info = {};
  ASSERT_EQ(stat((harness_.runner_dir() + "/" + kRunnerSocketName).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(stat(harness_.runner_dir().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST_F(LocalExecutorTest, NonsenseEndsOneConnectionAndNoMore) {
  Open();
  const LaunchSpec spec = Start({"sleep", "1000"});
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  std::string ungreeted;
  wire::Append(wire::CancelRequest{.id = spec.attempt_id}, &ungreeted);
  std::string bad_id;
  wire::Append(wire::Hello{}, &bad_id);
  wire::Append(wire::StartRequest{.id = "no id", .argv = {"true"}}, &bad_id);
  for (const std::string& nonsense : {std::string("\xff\xff\xff\xff"), std::string("\x01\0\0\0\x7f", 5),
                                      std::string("\0\0\0\0", 4), ungreeted, bad_id}) {
    const UniqueFd client = ConnectIn(harness_.runner_dir());
    ASSERT_TRUE(client.valid());
    ASSERT_EQ(send(client.get(), nonsense.data(), nonsense.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(nonsense.size()));
    char buffer[4096];
    while (recv(client.get(), buffer, sizeof(buffer), 0) > 0) {
    }
  }
  EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 0);
  EXPECT_EQ(Run({"true"}).outcome, AttemptOutcome::kSucceeded);
}

TEST_F(LocalExecutorTest, AnotherVersionIsRefusedWhileTasksRun) {
  Open();
  const LaunchSpec spec = Start({"sleep", "1000"});
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  const UniqueFd client = ConnectIn(harness_.runner_dir());
  std::string hello;
  wire::Append(wire::Hello{.version = wire::kVersion + 1}, &hello);
  ASSERT_GT(send(client.get(), hello.data(), hello.size(), MSG_NOSIGNAL), 0);
  wire::FrameBuffer frames;
  char buffer[4096];
  for (ssize_t n = 0; (n = recv(client.get(), buffer, sizeof(buffer), 0)) > 0;) {
    frames.Add(std::string_view(buffer, n));
  }
  std::string_view payload;
  ASSERT_EQ(frames.Next(&payload), wire::FrameBuffer::Result::kFrame);
  wire::Event event;
  ASSERT_TRUE(wire::Parse(payload, &event));
  EXPECT_EQ(std::get<wire::Welcome>(event).pid, executor_->RunnerPid());
  EXPECT_EQ(frames.Next(&payload), wire::FrameBuffer::Result::kNeedMore) << "and nothing more";
  EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 0);
}

TEST_F(LocalExecutorTest, TwoServersMeetOneSupervisor) {
  Open();
  const LaunchSpec spec = Start({"sh", "-c", "sleep 1000"});
  ASSERT_TRUE(events_.AwaitStarted(spec.attempt_id));
  EventLog other_events;
  const std::unique_ptr<Executor> other = harness_.MakeExecutor({});
  ASSERT_TRUE(other->Open(other_events.Sink()).ok());
  EXPECT_EQ(static_cast<LocalExecutor&>(*other).RunnerPid(), executor_->RunnerPid());
  EXPECT_THAT(Reattached(*other, other_events, {spec}), IsEmpty());
  EXPECT_TRUE(other->Cancel(spec.attempt_id).ok());
  EXPECT_EQ(other_events.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(events_.AwaitFinished(spec.attempt_id).outcome, AttemptOutcome::kCancelled);
}

}  // namespace
}  // namespace penstock
