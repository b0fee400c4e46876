// Test support: tests of attempts that begin as forks, and of the processes around them.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "executor/local/local_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/executor_contract.h"
#include "tests/contract/warm_harness.h"

namespace penstock {

class WarmPythonTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!WarmWorld::IsPossible()) GTEST_SKIP() << "needs " << WarmWorld::kPython;
  }

  void Open(const HarnessOptions& options = {.slots = 64}) {
    executor_.reset();
    executor_ = world_.local().MakeExecutor(options);
    const absl::Status opened = executor_->Open(events_.Sink());
    ASSERT_TRUE(opened.ok()) << opened;
  }
  void OpenWarm(const HarnessOptions& options = {.slots = 64}) {
    Open(options);
    ASSERT_TRUE(world_.WarmUp(*executor_, events_));
  }

  LaunchSpec Start(const LaunchSpec& spec) {
    const absl::Status started = executor_->Start(spec);
    EXPECT_TRUE(started.ok()) << started;
    return spec;
  }
  LaunchSpec StartCode(const std::string& code) { return Start(world_.NewCode(code)); }
  AttemptFinished Finish(const LaunchSpec& spec) { return events_.AwaitFinished(spec.attempt_id); }
  void Succeeds(const LaunchSpec& spec) {
    EXPECT_EQ(Finish(spec).outcome, AttemptOutcome::kSucceeded) << world_.local().ReadLog(spec);
  }
  // What the code printed.
  std::string Run(const std::string& code) {
    const LaunchSpec spec = StartCode(code);
    Succeeds(spec);
    return world_.local().ReadLog(spec);
  }

  // Attempts that note that they ran, and wait for the gate if they are `gated`.
  std::vector<LaunchSpec> StartMany(int count, bool gated = false) {
    const std::string code = absl::StrCat(
        "import os, time\nwith open('", Path("ran"),
        "', 'a') as file: file.write(os.environ['PENSTOCK_ATTEMPT_ID'] + ", "chr(10))\n",
        gated ? absl::StrCat("while not os.path.exists('", Path("gate"), "'): time.sleep(0.01)\n") : "");
    std::vector<LaunchSpec> specs;
    for (int i = 0; i < count; ++i) specs.push_back(StartCode(code));
    return specs;
  }
  void OpenGate() const { std::ofstream(Path("gate")) << ""; }
  std::vector<std::string> Ran() const {
    return absl::StrSplit(ReadFileText(Path("ran")), '\n', absl::SkipEmpty());
  }
  // All succeed, and each ran once.
  void EachRanOnce(const std::vector<LaunchSpec>& specs) {
    std::vector<std::string> ids;
    for (const LaunchSpec& spec : specs) {
      Succeeds(spec);
      ids.push_back(spec.attempt_id);
    }
    EXPECT_THAT(Ran(), testing::UnorderedElementsAreArray(ids));
    for (const std::string& id : ids) EXPECT_EQ(events_.FinishedCount(id), 1);
    std::filesystem::remove(Path("ran"));
  }
  int Began(const std::vector<LaunchSpec>& specs, const std::string& how) const {
    return static_cast<int>(std::count_if(
        specs.begin(), specs.end(), [&](const LaunchSpec& spec) { return world_.BeginningOf(spec) == how; }));
  }

  std::string Path(const std::string& name) { return world_.local().data_dir() + "/" + name; }
  std::string Path(const std::string& name) const { return const_cast<WarmPythonTest*>(this)->Path(name); }
  std::string RunnerLog() { return ReadFileText(world_.local().runner_dir() + "/runner.log"); }
  // The only warm process.
  pid_t WarmPid() {
    const std::vector<pid_t> pids = world_.WarmPids();
    EXPECT_THAT(pids, testing::SizeIs(1));
    return pids.empty() ? -1 : pids[0];
  }
  bool AwaitSpares(size_t count) {
    return Eventually([&] { return world_.SparePids().size() == count; });
  }
  static void Signal(const std::vector<pid_t>& pids, int signal) {
    for (const pid_t pid : pids) {
      if (pid > 0) kill(pid, signal);
    }
  }
  // Returns when they run no more.
  static void Stop(const std::vector<pid_t>& pids) {
    Signal(pids, SIGSTOP);
    EXPECT_TRUE(Eventually([&] {
      return std::all_of(pids.begin(), pids.end(), [](pid_t pid) {
        return !ProcessRuns(pid) ||
               absl::StrContains(ReadFileText(absl::StrCat("/proc/", pid, "/status")), "T (stopped)");
      });
    }));
  }
  static bool AllGone(const std::vector<pid_t>& pids) {
    return Eventually([&] { return std::none_of(pids.begin(), pids.end(), ProcessRuns); });
  }
  // The process ids that an attempt wrote to its file `pids`, one a line, once there are `count`.
  std::vector<pid_t> AwaitPids(const LaunchSpec& spec, size_t count) {
    std::vector<pid_t> pids;
    EXPECT_TRUE(Eventually([&] {
      pids.clear();
      std::ifstream file(spec.work_dir + "/pids");
      for (pid_t pid = 0; file >> pid;) pids.push_back(pid);
      return pids.size() >= count;
    }));
    return pids;
  }

  WarmWorld world_;
  EventLog events_;
  std::unique_ptr<Executor> executor_;
};

// Writes the ids of its own process, of a child in its group and of one in a session of its own.
inline constexpr char kWithChildren[] = R"(
import os, signal, subprocess, time
children = [subprocess.Popen(['sleep', '1000'], start_new_session=own) for own in (False, True)]
with open('pids.new', 'w') as file:
    file.write(''.join('%d\n' % pid for pid in [os.getpid()] + [child.pid for child in children]))
)";
inline constexpr char kAndWait[] = "os.rename('pids.new', 'pids')\nwhile True: time.sleep(0.01)\n";

}  // namespace penstock
