// Room on the local executor beyond what was asked for: attempts that asked for no CPU are counted with what they use.
#include <fstream>

#include "absl/strings/str_cat.h"
#include "executor/local/local_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/contract/executor_contract.h"
#include "tests/contract/local_harness.h"

namespace penstock {
namespace {

class LocalRoomTest : public testing::Test {
 protected:
  void Open() {
    executor_ = harness_.MakeExecutor({.slots = 2});
    const absl::Status opened = executor_->Open(events_.Sink());
    ASSERT_TRUE(opened.ok()) << opened;
  }

  LaunchSpec Start(const std::string& script, const ResourceRequest& resources = {}) {
    LaunchSpec spec = harness_.NewSpec({"sh", "-c", script});
    spec.resources = resources;
    const absl::Status started = executor_->Start(spec);
    EXPECT_TRUE(started.ok()) << started;
    EXPECT_TRUE(events_.AwaitStarted(spec.attempt_id));
    return spec;
  }

  // What the executor counts an attempt with now.
  int64_t ChargeOf(const LaunchSpec& spec) {
    for (const RoomUse::Holder& holder : executor_->Room().holders) {
      if (holder.attempt_id == spec.attempt_id) return holder.charge.cpu_millicores;
    }
    return 0;
  }

  // Somebody asks for room until the attempt is counted with less than a slot, or with a slot.
  bool AwaitCharge(const LaunchSpec& spec, bool idle) {
    return Eventually([&] {
      Fits(*executor_, {.cpu_millicores = 2000});
      return (ChargeOf(spec) < 1000) == idle;
    });
  }

  LocalHarness harness_;
  EventLog events_;
  std::unique_ptr<Executor> executor_;
};

TEST_F(LocalRoomTest, WhoSleepsLeavesRoomAndTakesItAgainWhenItWorks) {
  Open();
  const std::string gate = absl::StrCat(harness_.data_dir(), "/gate");
  const LaunchSpec sleeps =
      Start(absl::StrCat("while [ ! -e ", gate, " ]; do sleep 0.1; done; while true; do :; done"));
  const LaunchSpec works = Start("while true; do :; done");
  EXPECT_FALSE(Fits(*executor_, {}));
  EXPECT_TRUE(AwaitCharge(sleeps, true));
  EXPECT_FALSE(Fits(*executor_, {.cpu_millicores = 1500})) << "the other one works";
  EXPECT_EQ(ChargeOf(works), 1000);
  std::ofstream(gate) << "";
  EXPECT_TRUE(AwaitCharge(sleeps, false));
}

TEST_F(LocalRoomTest, WhatWasAskedForIsKept) {
  Open();
  const LaunchSpec asked = Start("sleep 1000", {.cpu_millicores = 1000});
  const LaunchSpec sleeps = Start("sleep 1000");
  EXPECT_TRUE(AwaitCharge(sleeps, true));
  EXPECT_EQ(ChargeOf(asked), 1000);
}

TEST_F(LocalRoomTest, NoMoreAreLetInThanMayIdle) {
  harness_.options().max_idle_tasks = 1;
  Open();
  const LaunchSpec first = Start("sleep 1000");
  const LaunchSpec second = Start("sleep 1000");
  EXPECT_TRUE(Eventually([&] {
    Fits(*executor_, {.cpu_millicores = 2000});
    return ChargeOf(first) + ChargeOf(second) < 2000;
  }));
  EXPECT_GE(ChargeOf(first) + ChargeOf(second), 1000);
  EXPECT_EQ(executor_->Room().setting, "--max_parallel_tasks=2");
}

TEST_F(LocalRoomTest, NobodyIsMeasuredWhereNoneMayIdle) {
  harness_.options().max_idle_tasks = 0;
  Open();
  const LaunchSpec sleeps = Start("sleep 1000");
  EXPECT_EQ(ChargeOf(sleeps), 1000);
  EXPECT_EQ(executor_->Room().used.cpu_millicores, 1000);
}

}  // namespace
}  // namespace penstock
