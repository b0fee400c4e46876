#include "common/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace penstock {
namespace {

constexpr absl::Duration kAtOnce = absl::ZeroDuration();

TEST(MemoryBudgetTest, WhatIsLargerThanAllOfItHasItsTurn) {
  MemoryBudget budget(100);
  MemoryDraw first = budget.Begin(), second = budget.Begin();
  EXPECT_TRUE(first.Grow(1000, kAtOnce));
  EXPECT_FALSE(second.Grow(1, kAtOnce));
  first.Release();
  EXPECT_TRUE(second.Grow(1, kAtOnce));
  EXPECT_FALSE(first.Grow(1000, kAtOnce));
  EXPECT_FALSE(MemoryDraw().Grow(1, kAtOnce));
}

TEST(MemoryBudgetTest, OneThatHoldsSomePassesTheCapacity) {
  MemoryBudget budget(100);
  MemoryDraw first = budget.Begin(), second = budget.Begin(), third = budget.Begin();
  EXPECT_TRUE(first.Grow(60, kAtOnce));
  EXPECT_TRUE(second.Grow(40, kAtOnce));
  EXPECT_TRUE(first.Grow(1000, kAtOnce));
  EXPECT_TRUE(first.Grow(1000, kAtOnce)) << "it gets to its end";
  EXPECT_FALSE(second.Grow(1, kAtOnce));
  EXPECT_FALSE(third.Grow(1, kAtOnce));
  first.Release();
  EXPECT_TRUE(second.Grow(1, kAtOnce));
  EXPECT_TRUE(third.Grow(1, kAtOnce));
}

TEST(MemoryBudgetTest, WhatIsKnownLaterIsGivenBack) {
  MemoryBudget budget(100);
  MemoryDraw first = budget.Begin(), second = budget.Begin(), third = budget.Begin();
  EXPECT_TRUE(first.Grow(90, kAtOnce));
  first.Set(40);
  EXPECT_TRUE(second.Grow(60, kAtOnce));
  EXPECT_FALSE(third.Grow(10, kAtOnce));
  MemoryDraw moved = std::move(first);
  EXPECT_EQ(moved.bytes(), 40);
  moved.Release();
  EXPECT_TRUE(moved.Grow(30, kAtOnce));
}

TEST(MemoryBudgetTest, ThoseThatHoldSomeAndWantMoreAllEnd) {
  MemoryBudget budget(100);
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&] {
      MemoryDraw draw = budget.Begin();
      if (draw.Grow(60, absl::Minutes(1)) && draw.Grow(60, absl::Minutes(1))) ++done;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 20);
  MemoryDraw all = budget.Begin(), one = budget.Begin(), other = budget.Begin();
  EXPECT_TRUE(all.Grow(99, kAtOnce));
  EXPECT_TRUE(one.Grow(1, kAtOnce));
  EXPECT_FALSE(other.Grow(1, kAtOnce)) << "all was given back, and no more than that";
}

TEST(MemoryBudgetTest, IsQuietOnceAfterUse) {
  MemoryBudget budget(100);
  EXPECT_FALSE(budget.TakeQuiet());
  MemoryDraw draw = budget.Begin();
  EXPECT_TRUE(draw.Grow(1, kAtOnce));
  EXPECT_FALSE(budget.TakeQuiet());
  draw.Release();
  EXPECT_TRUE(budget.TakeQuiet());
  EXPECT_FALSE(budget.TakeQuiet());
}

}  // namespace
}  // namespace penstock
