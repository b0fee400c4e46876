#include "executor/local/slots.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(SlotsTest, NothingAskedTakesOneCore) {
  Slots slots(2000, 1000);
  const ResourceRequest one = slots.Charge({});
  EXPECT_EQ(one.cpu_millicores, 1000);
  EXPECT_EQ(one.memory_bytes, 0);
  slots.Take(one);
  EXPECT_TRUE(slots.Fits(one));
  slots.Take(one);
  EXPECT_FALSE(slots.Fits(one));
  EXPECT_FALSE(slots.Fits(slots.Charge({.cpu_millicores = 1})));
  slots.Release(one);
  EXPECT_TRUE(slots.Fits(one));
}

TEST(SlotsTest, MemoryBoundsToo) {
  Slots slots(8000, 1000);
  slots.Take(slots.Charge({.cpu_millicores = 100, .memory_bytes = 700}));
  EXPECT_FALSE(slots.Fits(slots.Charge({.cpu_millicores = 100, .memory_bytes = 400})));
  EXPECT_TRUE(slots.Fits(slots.Charge({.cpu_millicores = 100, .memory_bytes = 300})));
}

TEST(SlotsTest, MoreThanEverythingTakesEverything) {
  Slots slots(2000, 1000);
  const ResourceRequest all = slots.Charge({.cpu_millicores = 1 << 20, .memory_bytes = 1 << 20});
  EXPECT_TRUE(slots.Fits(all));
  const ResourceRequest little = slots.Charge({.cpu_millicores = 1});
  slots.Take(little);
  EXPECT_FALSE(slots.Fits(all));
  slots.Release(little);
  slots.Take(all);
  EXPECT_FALSE(slots.Fits(little));
}

TEST(SlotsTest, WhatIsFoundAgainMayExceedTheCapacity) {
  Slots slots(1000, 1000);
  const ResourceRequest one = slots.Charge({});
  slots.Take(one);
  slots.Take(one);
  slots.Release(one);
  EXPECT_FALSE(slots.Fits(one));
  slots.Release(one);
  EXPECT_TRUE(slots.Fits(one));
}

TEST(SlotsTest, NegativeRequestsAreNone) {
  Slots slots(1000, 1000);
  const ResourceRequest charge = slots.Charge({.cpu_millicores = -5, .memory_bytes = -5});
  EXPECT_EQ(charge.cpu_millicores, 1000);
  EXPECT_EQ(charge.memory_bytes, 0);
}

}  // namespace
}  // namespace penstock
