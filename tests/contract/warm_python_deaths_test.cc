// What becomes of attempts that begin as forks when warm Pythons, their spares or the supervisor are stopped or killed:
// each runs exactly once, whatever happens.
#include <filesystem>
#include <fstream>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/contract/warm_python_fixture.h"

namespace penstock {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

// Until the supervisor believes that nobody takes an attempt; it waits 5 s.
constexpr absl::Duration kGivenUpAfter = absl::Seconds(4);

class WarmPythonDeathsTest : public WarmPythonTest {};

TEST_F(WarmPythonDeathsTest, DeathOfTheWarmProcessLeavesAttemptsAlone) {
  OpenWarm();
  const std::vector<LaunchSpec> running = StartMany(3, /*gated=*/true);
  ASSERT_TRUE(Eventually([&] { return Ran().size() == 3; }));
  const pid_t warm = WarmPid();
  Signal({warm}, SIGKILL);
  ASSERT_TRUE(AllGone({warm}));
  const LaunchSpec next = StartCode("");
  Succeeds(next);
  OpenGate();
  EachRanOnce(running);
  EXPECT_EQ(Began(running, "fork"), 3);
  EXPECT_TRUE(world_.WarmUp(*executor_, events_)) << "another takes its place";
  EXPECT_THAT(RunnerLog(), HasSubstr(absl::StrCat("warm Python ", warm, " ends: ")));
}

TEST_F(WarmPythonDeathsTest, DeathOfAWarmProcessThatStarts) {
  std::ofstream(world_.hold()) << "";
  Open();
  const std::vector<LaunchSpec> first = StartMany(2);
  ASSERT_TRUE(Eventually([&] { return world_.WarmPids().size() == 1; }));
  Signal(world_.WarmPids(), SIGKILL);
  const std::vector<LaunchSpec> second = StartMany(2);
  std::vector<LaunchSpec> all = first;
  all.insert(all.end(), second.begin(), second.end());
  EachRanOnce(all);
  EXPECT_EQ(Began(all, "fresh"), 4);
  std::filesystem::remove(world_.hold());
  EXPECT_TRUE(world_.WarmUp(*executor_, events_));
}

// Attempts were given to it, and are taken by two spares; the others wait for spares that are never made.
TEST_F(WarmPythonDeathsTest, DeathOfTheWarmProcessWhileAttemptsAreGiven) {
  OpenWarm();
  ASSERT_TRUE(AwaitSpares(2));
  const pid_t warm = WarmPid();
  Stop({warm});
  const std::vector<LaunchSpec> given = StartMany(12);
  Succeeds(given[0]);
  Succeeds(given[1]);
  Signal({warm}, SIGKILL);
  EachRanOnce(given);
  EXPECT_EQ(Began(given, "fork"), 2);
  EXPECT_EQ(Began(given, "fresh"), 10);
}

// The supervisor hears at one time that two have begun, and that the rest will not.
TEST_F(WarmPythonDeathsTest, WhatHasBegunIsHeardBeforeTheEndOfTheWarmProcess) {
  OpenWarm();
  ASSERT_TRUE(AwaitSpares(2));
  const pid_t runner = world_.local().RunnerPid();
  const std::vector<pid_t> spares = world_.SparePids();
  const pid_t warm = WarmPid();
  Stop({warm});
  Stop(spares);
  const std::vector<LaunchSpec> given = StartMany(6);
  // What is started later than those is started by the supervisor later, too.
  EXPECT_EQ(Finish(Start(world_.local().NewSpec({"true"}))).outcome, AttemptOutcome::kSucceeded);
  Stop({runner});
  Signal(spares, SIGCONT);
  ASSERT_TRUE(Eventually([&] { return Ran().size() == 2; }));
  ASSERT_TRUE(AllGone(spares));
  Signal({warm}, SIGKILL);
  ASSERT_TRUE(AllGone({warm}));
  Signal({runner}, SIGCONT);
  EachRanOnce(given);
}

TEST_F(WarmPythonDeathsTest, AttemptsGivenToAWarmProcessThatIsStoppedAreGivenBack) {
  OpenWarm();
  const pid_t warm = WarmPid();
  Stop({warm});
  const absl::Time began = absl::Now();
  const std::vector<LaunchSpec> given = StartMany(6);
  EachRanOnce(given);
  EXPECT_GE(absl::Now() - began, kGivenUpAfter);
  EXPECT_TRUE(AllGone({warm}));
  EXPECT_THAT(RunnerLog(), HasSubstr("its spares do not take an attempt"));
}

TEST_F(WarmPythonDeathsTest, DeathOfSpares) {
  OpenWarm();
  ASSERT_TRUE(AwaitSpares(2));
  const std::vector<pid_t> spares = world_.SparePids();
  Signal(spares, SIGKILL);
  ASSERT_TRUE(AllGone(spares));
  const std::vector<LaunchSpec> specs = StartMany(6);
  EachRanOnce(specs);
  EXPECT_EQ(Began(specs, "fork"), 6) << "others are made";
}

TEST_F(WarmPythonDeathsTest, StoppedSparesHoldNobodyUp) {
  OpenWarm();
  ASSERT_TRUE(AwaitSpares(2));
  Stop(world_.SparePids());
  EachRanOnce(StartMany(6));
}

TEST_F(WarmPythonDeathsTest, AttemptsGivenToSparesThatAreStoppedRunElsewhere) {
  OpenWarm();
  ASSERT_TRUE(AwaitSpares(2));
  const std::vector<pid_t> spares = world_.SparePids();
  Stop({WarmPid()});
  Stop(spares);
  const std::vector<LaunchSpec> given = StartMany(6);
  EachRanOnce(given);
  EXPECT_EQ(Began(given, "fresh"), 6);
  Signal(spares, SIGCONT);
  EXPECT_TRUE(AllGone(spares));
  EXPECT_THAT(Ran(), IsEmpty()) << "no spare wakes up and runs one again";
}

// Kills and stops what there is at any moment of many starts. What is killed as a spare may be an attempt by then, which
// fails rightly.
TEST_F(WarmPythonDeathsTest, WhateverIsKilledNoAttemptRunsTwice) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  OpenWarm();
  for (int round = 0; round < 3; ++round) {
    std::vector<LaunchSpec> specs;
    const auto start = [&] {
      for (LaunchSpec& spec : StartMany(static_cast<int>(random() % 8))) specs.push_back(std::move(spec));
    };
    const std::vector<pid_t> stopped = round == 0 ? world_.SparePids() : std::vector<pid_t>();
    Stop(stopped);
    start();
    if (random() % 2 == 0) Stop(world_.WarmPids());
    start();
    for (const pid_t pid : world_.SparePids()) Signal({random() % 2 == 0 ? pid : -1}, SIGKILL);
    start();
    Signal(world_.WarmPids(), SIGKILL);
    start();
    for (const LaunchSpec& spec : specs) {
      const AttemptFinished finished = Finish(spec);
      const auto times = std::ranges::count(Ran(), spec.attempt_id);
      EXPECT_LE(times, 1) << spec.attempt_id;
      EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 1);
      if (finished.outcome == AttemptOutcome::kSucceeded) {
        EXPECT_EQ(times, 1) << spec.attempt_id;
      } else {
        EXPECT_EQ(finished.signal, SIGKILL) << finished.message;
      }
    }
    Signal(stopped, SIGCONT);
    ASSERT_TRUE(world_.WarmUp(*executor_, events_)) << "round " << round;
  }
}

TEST_F(WarmPythonDeathsTest, DeathOfTheSupervisorLosesItsForks) {
  OpenWarm();
  const LaunchSpec running = StartCode(absl::StrCat(kWithChildren, kAndWait));
  const std::vector<pid_t> pids = AwaitPids(running, 3);
  std::vector<pid_t> waiting = world_.SparePids();
  waiting.push_back(WarmPid());
  world_.local().KillRunner(SIGKILL);
  const AttemptFinished lost = Finish(running);
  EXPECT_EQ(lost.outcome, AttemptOutcome::kLost);
  EXPECT_TRUE(AllGone(pids));
  EXPECT_TRUE(AllGone(waiting));
  EXPECT_EQ(world_.BeginningOf(running), "fork");
  EXPECT_EQ(events_.FinishedCount(running.attempt_id), 1);
  EXPECT_TRUE(world_.WarmUp(*executor_, events_)) << "the server goes on";
}

TEST_F(WarmPythonDeathsTest, DeathOfTheSupervisorDuringManyForksEndsEachOnce) {
  OpenWarm();
  std::vector<LaunchSpec> specs;
  for (int i = 0; i < 90; ++i) {
    ASSERT_TRUE(Eventually([&] { return Fits(*executor_, {}); }));
    specs.push_back(StartMany(1)[0]);
    if (i % 30 == 15) Signal({world_.local().RunnerPid()}, SIGKILL);
  }
  for (const LaunchSpec& spec : specs) {
    const AttemptOutcome outcome = Finish(spec).outcome;
    const auto times = std::ranges::count(Ran(), spec.attempt_id);
    EXPECT_TRUE(outcome == AttemptOutcome::kLost || (outcome == AttemptOutcome::kSucceeded && times == 1));
    EXPECT_LE(times, 1);
    EXPECT_EQ(events_.FinishedCount(spec.attempt_id), 1);
  }
}

TEST_F(WarmPythonDeathsTest, ForksGoWithTheSupervisorWhenNobodyIsThereToKillThem) {
  OpenWarm();
  if (Run("import ctypes; print(ctypes.__name__)") != "ctypes\n") GTEST_SKIP() << "needs ctypes";
  const LaunchSpec running = StartCode(absl::StrCat(kWithChildren, kAndWait));
  const std::vector<pid_t> pids = AwaitPids(running, 3);
  std::vector<pid_t> waiting = world_.SparePids();
  waiting.push_back(WarmPid());
  executor_.reset();
  world_.local().KillRunner(SIGKILL);
  EXPECT_TRUE(AllGone({pids[0]}));
  EXPECT_TRUE(AllGone(waiting));
  Open();
  EXPECT_THAT(Reattached(*executor_, events_, {running}), IsEmpty());
  EXPECT_EQ(Finish(running).outcome, AttemptOutcome::kLost);
  EXPECT_TRUE(AllGone(pids)) << "by the supervisor that takes over";
}

TEST_F(WarmPythonDeathsTest, ASupervisorToldToStopEndsItsForks) {
  OpenWarm();
  const LaunchSpec running = StartCode(absl::StrCat(kWithChildren, kAndWait));
  std::vector<pid_t> pids = AwaitPids(running, 3);
  for (const pid_t pid : world_.SparePids()) pids.push_back(pid);
  pids.push_back(WarmPid());
  world_.local().KillRunner(SIGTERM);
  EXPECT_EQ(Finish(running).outcome, AttemptOutcome::kLost);
  EXPECT_TRUE(AllGone(pids));
}

TEST_F(WarmPythonDeathsTest, AnIdleSupervisorEndsWithItsWarmProcesses) {
  OpenWarm();
  std::vector<pid_t> pids = world_.SparePids();
  pids.push_back(WarmPid());
  executor_.reset();
  EXPECT_EQ(world_.local().RunnerPid(), 0);
  EXPECT_TRUE(AllGone(pids));
}

}  // namespace
}  // namespace penstock
