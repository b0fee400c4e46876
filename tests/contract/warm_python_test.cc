// What attempts are that begin as forks, and which do. What a warm process learns of its attempts: nothing.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/contract/warm_python_fixture.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// --- What a fork is ---

TEST_F(WarmPythonTest, AnAttemptIsTheOnlyOneInItsProcess) {
  OpenWarm();
  const std::string code =
      "import os, sys\nassert 'left' not in vars(sys)\nsys.left = 1\n"
      "print(os.getpid(), os.getppid(), os.getcwd(), sorted(os.listdir('/proc/self/fd')), "
      "os.readlink('/proc/self/fd/0'))";
  const LaunchSpec first = StartCode(code);
  Succeeds(first);
  const LaunchSpec second = StartCode(code);
  Succeeds(second);
  EXPECT_NE(world_.local().ReadLog(first), world_.local().ReadLog(second));
  for (const LaunchSpec& spec : {first, second}) {
    EXPECT_EQ(world_.BeginningOf(spec), "fork");
    // Number 3 is the folder that is being listed.
    EXPECT_THAT(world_.local().ReadLog(spec),
                testing::EndsWith(absl::StrCat(" ", world_.local().RunnerPid(), " ", spec.work_dir,
                                               " ['0', '1', '2', '3'] /dev/null\n")));
  }
}

TEST_F(WarmPythonTest, VariablesOfAnySizeAndBytesArrive) {
  OpenWarm();
  LaunchSpec spec = world_.NewCode(
      "import os\nprint(len(os.environ['BIG']), os.environb[b'BYTES'], os.environ['EMPTY'] == '', 'HOLD' in "
      "os.environ)\n"
      "print(os.popen('echo ${#BIG} $PENSTOCK_TASK_NAME').read())");
  spec.env = {{"BIG", std::string(100'000, 'x')}, {"BYTES", "\xff\xfe"}, {"EMPTY", ""}};
  Succeeds(Start(spec));
  EXPECT_EQ(world_.BeginningOf(spec), "fork");
  EXPECT_THAT(world_.local().ReadLog(spec),
              testing::StartsWith("100000 b'\\xff\\xfe' True True\n100000 " + spec.task_name + "\n"));
}

TEST_F(WarmPythonTest, WhatTheWarmProcessUsedIsNotCounted) {
  // It has used a second of processor time and 200 MB before it is ready.
  std::ofstream(Path("packages/kfp/__init__.py"))
      << "import os, time\nif 'PENSTOCK_WARM_ROOM' in os.environ:\n"
         "    while time.process_time() < 1: pass\n    x = len(bytearray(200_000_000)); del x\n";
  OpenWarm();
  const LaunchSpec idle =
      StartCode("import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_utime < 0.5)");
  const AttemptFinished finished = Finish(idle);
  EXPECT_EQ(world_.BeginningOf(idle), "fork");
  EXPECT_EQ(world_.local().ReadLog(idle), "True\n");
  EXPECT_GT(finished.cpu_time, absl::ZeroDuration());
  EXPECT_LT(finished.cpu_time, absl::Milliseconds(700));
  EXPECT_LT(finished.max_rss_bytes, int64_t{150} << 20);
  const AttemptFinished busy = Finish(StartCode(
      "import subprocess, sys\n"
      "subprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 1: pass'])"));
  EXPECT_GT(busy.cpu_time, absl::Milliseconds(900)) << "with the children that it waited for";
}

// Neither the variables and arguments of attempts nor what they do are in the memory of the warm process and of the
// spares that wait.
TEST_F(WarmPythonTest, TheWarmProcessKnowsNothingOfItsAttempts) {
  OpenWarm();
  const pid_t warm = WarmPid();
  const std::string marker = "no-such-text-", secret = marker + "1234567890";
  for (int i = 0; i < 5; ++i) {
    LaunchSpec spec = world_.local().NewSpec(WarmWorld::AsComponent(
        {"--code", "import os\nmade = os.environ['SECRET'] * 100\nif len(made) % 2: exit(3)", secret}));
    spec.env = {{"SECRET", secret}};
    Start(spec);
    if (i == 3) executor_->Cancel(spec.attempt_id).IgnoreError();
    Finish(spec);
  }
  ASSERT_TRUE(AwaitSpares(2));
  std::vector<pid_t> pids = world_.SparePids();
  pids.push_back(warm);
  for (const pid_t pid : pids) {
    std::ifstream maps(absl::StrCat("/proc/", pid, "/maps"));
    const int memory = open(absl::StrCat("/proc/", pid, "/mem").c_str(), O_RDONLY | O_CLOEXEC);
    if (memory < 0) GTEST_SKIP() << "the memory of other processes cannot be read";
    size_t read_bytes = 0;
    for (std::string line; std::getline(maps, line);) {
      unsigned long long begin = 0, end = 0;
      char may_read = '-';
      ASSERT_EQ(std::sscanf(line.c_str(), "%llx-%llx %c", &begin, &end, &may_read), 3) << line;
      std::string bytes(end - begin, '\0');
      const ssize_t n =
          may_read == 'r' ? pread(memory, bytes.data(), bytes.size(), static_cast<off_t>(begin)) : -1;
      if (n <= 0) continue;
      read_bytes += static_cast<size_t>(n);
      EXPECT_FALSE(absl::StrContains(bytes, secret)) << "in " << line << " of process " << pid;
    }
    close(memory);
    EXPECT_GT(read_bytes, size_t{1} << 20);
  }
  EXPECT_EQ(WarmPid(), warm);
}

// --- Ends of attempts ---

TEST_F(WarmPythonTest, CancelEndsAForkPolitelyAndItsChildren) {
  OpenWarm();
  const LaunchSpec polite = StartCode(
      absl::StrCat("import signal\nsignal.signal(signal.SIGTERM, lambda *_: (print('goodbye'), exit(0)))\n",
                   kWithChildren, kAndWait));
  const std::vector<pid_t> pids = AwaitPids(polite, 3);
  EXPECT_TRUE(executor_->Cancel(polite.attempt_id).ok());
  EXPECT_EQ(Finish(polite).outcome, AttemptOutcome::kCancelled);
  EXPECT_EQ(world_.local().ReadLog(polite), "goodbye\n");
  EXPECT_EQ(world_.BeginningOf(polite), "fork");
  EXPECT_TRUE(AllGone(pids));
}

TEST_F(WarmPythonTest, TimeOutEndsAForkThatHearsNothing) {
  OpenWarm({.cancel_grace = absl::Milliseconds(100)});
  LaunchSpec stubborn = world_.NewCode(absl::StrCat(
      "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n", kWithChildren, kAndWait));
  stubborn.timeout = absl::Seconds(1);
  const std::vector<pid_t> pids = AwaitPids(Start(stubborn), 3);
  const AttemptFinished finished = Finish(stubborn);
  EXPECT_EQ(finished.outcome, AttemptOutcome::kTimedOut);
  EXPECT_EQ(finished.signal, SIGKILL);
  EXPECT_EQ(world_.BeginningOf(stubborn), "fork");
  EXPECT_TRUE(AllGone(pids));
}

TEST_F(WarmPythonTest, WhatAForkLeavesBehindIsKilled) {
  OpenWarm();
  const LaunchSpec spec =
      StartCode(absl::StrCat(kWithChildren,
                             "os.rename('pids.new', 'pids')\nif os.fork() == 0:\n    os.setsid()\n"
                             "    open('daemon', 'w').write(str(os.getpid()))\n    time.sleep(1000)\n"
                             "while not os.path.exists('daemon') or not open('daemon').read(): pass\n"));
  std::vector<pid_t> pids = AwaitPids(spec, 3);
  Succeeds(spec);
  pids.push_back(std::stoi(ReadFileText(spec.work_dir + "/daemon")));
  EXPECT_TRUE(AllGone(pids));
  EXPECT_THAT(world_.WarmPids(), SizeIs(1));
}

TEST_F(WarmPythonTest, AnAttemptThatIsCancelledWhileItIsGivenEnds) {
  OpenWarm({.slots = 64, .cancel_grace = absl::Hours(1)});
  const pid_t warm = WarmPid();
  Stop({warm});
  std::vector<LaunchSpec> given;
  for (int i = 0; i < 6; ++i) given.push_back(StartCode("import time\ntime.sleep(1000)"));
  for (const LaunchSpec& spec : given) EXPECT_TRUE(executor_->Cancel(spec.attempt_id).ok());
  Signal({warm}, SIGCONT);
  for (const LaunchSpec& spec : given) EXPECT_EQ(Finish(spec).outcome, AttemptOutcome::kCancelled);
}

TEST_F(WarmPythonTest, ManyAttemptsAtOnce) {
  OpenWarm({.slots = 200});
  const std::vector<LaunchSpec> specs = StartMany(200);
  EachRanOnce(specs);
  EXPECT_GT(Began(specs, "fork"), 100);
}

TEST_F(WarmPythonTest, ManyAttemptsOnFewSlots) {
  OpenWarm({.slots = 3});
  std::vector<LaunchSpec> specs;
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Eventually([&] { return Fits(*executor_, {}); }));
    specs.push_back(StartMany(1)[0]);
  }
  EachRanOnce(specs);
  EXPECT_EQ(Began(specs, "fork"), 200);
}

// --- Changes of the environment ---

class WarmPythonChangeTest : public WarmPythonTest {
 protected:
  // Code that is a file of the environment: what executor_main prints before the attempt's own.
  void Change(const std::string& word) {
    std::string text = ReadFileText(world_.executor_main());
    const size_t begin = text.find("\ndef main():\n");
    text = absl::StrCat("print('", word, "')\n",
                        text.substr(begin == std::string::npos ? 0 : text.find("import gc")));
    std::ofstream(world_.executor_main()) << text;
  }
};

TEST_F(WarmPythonChangeTest, TheNextAttemptSeesAChangedFile) {
  OpenWarm();
  const pid_t before = WarmPid();
  EXPECT_EQ(Run(""), "");
  for (const char* word : {"first", "second"}) {
    Change(word);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(Run(""), absl::StrCat(word, "\n"));
    ASSERT_TRUE(world_.WarmUp(*executor_, events_));
    EXPECT_EQ(Run(""), absl::StrCat(word, "\n"));
  }
  EXPECT_TRUE(AllGone({before}));
  EXPECT_THAT(RunnerLog(), HasSubstr("executor_main.py was changed"));
}

TEST_F(WarmPythonChangeTest, AModuleThatComesBeforeAnotherIsSeen) {
  OpenWarm();
  EXPECT_EQ(Run("import kfp; print(kfp.__file__)"), Path("packages/kfp/__init__.py\n"));
  std::filesystem::create_directories(Path("packages/kfp/dsl/extra"));
  std::ofstream(Path("packages/kfp/dsl/extra/__init__.py")) << "word = 'extra'";
  EXPECT_EQ(Run("import kfp.dsl.extra; print(kfp.dsl.extra.word)"), "extra\n");
  std::filesystem::rename(Path("packages/kfp"), Path("packages/old"));
  std::filesystem::copy(Path("packages/old"), Path("packages/kfp"), std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(Path("packages/old"));
  Change("moved");
  EXPECT_EQ(Run(""), "moved\n");
  EXPECT_TRUE(world_.WarmUp(*executor_, events_));
}

TEST_F(WarmPythonChangeTest, AChangeWhileTheWarmProcessStartsIsSeen) {
  std::ofstream(world_.hold()) << "";
  Open();
  Succeeds(StartCode(""));
  ASSERT_TRUE(Eventually([&] { return world_.WarmPids().size() == 1; }));
  Change("while it starts");
  std::filesystem::remove(world_.hold());
  ASSERT_TRUE(world_.WarmUp(*executor_, events_));
  EXPECT_EQ(Run(""), "while it starts\n");
}

// --- Settings ---

TEST_F(WarmPythonTest, WithoutABudgetThereIsNone) {
  world_.local().options().warm_python_bytes = 0;
  Open();
  for (int i = 0; i < 3; ++i) {
    const LaunchSpec spec = StartCode("");
    Succeeds(spec);
    EXPECT_EQ(world_.BeginningOf(spec), "fresh");
  }
  EXPECT_THAT(world_.WarmPids(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(Path("work/warm")));
  EXPECT_FALSE(std::filesystem::exists(Path("work/runner/warm")));
}

TEST_F(WarmPythonTest, OneThatIsLargerThanTheBudgetEnds) {
  world_.local().options().warm_python_bytes = 1;
  Open();
  EachRanOnce(StartMany(2));
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(RunnerLog(), "the budget of memory is used up"); }));
  EXPECT_TRUE(Eventually([&] { return world_.WarmPids().empty() && world_.SparePids().empty(); }));
}

TEST_F(WarmPythonTest, AServerThatWantsNoneEndsThoseOfTheOneBefore) {
  OpenWarm();
  const std::vector<LaunchSpec> running = StartMany(1, /*gated=*/true);
  ASSERT_TRUE(Eventually([&] { return Ran().size() == 1; }));
  std::vector<pid_t> pids = world_.SparePids();
  pids.push_back(WarmPid());
  world_.local().options().warm_python_bytes = 0;
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, running), IsEmpty());
  EXPECT_TRUE(AllGone(pids));
  const LaunchSpec later = StartCode("");
  Succeeds(later);
  EXPECT_EQ(world_.BeginningOf(later), "fresh");
  OpenGate();
  EachRanOnce(running);
}

TEST_F(WarmPythonTest, VariablesThatPythonReadsAtItsStartAreHeeded) {
  OpenWarm();
  for (const char* name : {"PYTHONHASHSEED", "LC_ALL", "TZ"}) {
    LaunchSpec spec = world_.NewCode(absl::StrCat("import os; print(os.environ['", name, "'])"));
    spec.env = {{name, "1"}};
    Succeeds(Start(spec));
    EXPECT_EQ(world_.BeginningOf(spec), "fresh") << name;
    EXPECT_EQ(world_.local().ReadLog(spec), "1\n");
  }
}

TEST_F(WarmPythonTest, AnInterpreterThatStartsThreadsHasNoForks) {
  std::ofstream(Path("packages/kfp/__init__.py"))
      << "import os, threading, time\nif 'PENSTOCK_WARM_ROOM' in os.environ:\n"
         "    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n";
  Open();
  EachRanOnce(StartMany(2));
  ASSERT_TRUE(Eventually([&] { return absl::StrContains(RunnerLog(), "2 threads run in it"); }));
  const LaunchSpec spec = StartCode("");
  Succeeds(spec);
  EXPECT_EQ(world_.BeginningOf(spec), "fresh");
}

}  // namespace
}  // namespace penstock
