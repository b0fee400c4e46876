#include "scheduler/room_keeper.h"

#include "gtest/gtest.h"

namespace penstock {
namespace {

constexpr ResourceRequest kOneCpu = {.cpu_millicores = 1000};
constexpr ResourceRequest kFourCpus = {.cpu_millicores = 4000};

class RoomKeeperTest : public testing::Test {
 protected:
  // Somebody has waited for all of four CPUs.
  void Keep(const std::vector<RoomTaken>& taken, const ResourceRequest& charge = kFourCpus) {
    keeper_.Keep("large", charge, kFourCpus, taken, now_);
  }
  void Pass(absl::Duration time) { now_ += time; }
  bool Admits(const std::string& component) const { return keeper_.Admits(component, kOneCpu); }

  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  TaskDurations durations_;
  RoomKeeper keeper_{durations_};
};

TEST_F(RoomKeeperTest, KeepsNothingUnlessAsked) {
  EXPECT_TRUE(Admits("small"));
  Keep({});
  EXPECT_FALSE(Admits("small"));
  keeper_.End();
  EXPECT_TRUE(Admits("small"));
}

TEST_F(RoomKeeperTest, WhatFitsBesidePasses) {
  const absl::Time before = now_ - absl::Hours(1);
  durations_.Ended("small", absl::Hours(3));
  Keep({{"training", kOneCpu, before}}, {.cpu_millicores = 3000});
  EXPECT_TRUE(Admits("small"));
  keeper_.Took(kOneCpu);
  EXPECT_FALSE(Admits("small")) << "the fourth CPU is taken, and it would outlast the training";
  Pass(absl::Seconds(1));
  Keep({{"training", kOneCpu, before}, {"small", kOneCpu, now_}}, {.cpu_millicores = 3000});
  EXPECT_FALSE(Admits("small")) << "also in the next pass";
}

TEST_F(RoomKeeperTest, WhatEndsBeforeTheTaskCouldStartPasses) {
  durations_.Ended("short", absl::Minutes(5));
  durations_.Ended("long", absl::Minutes(40));
  Keep({{"training", kOneCpu, now_ - absl::Hours(1)}});
  EXPECT_TRUE(Admits("never seen"));
  EXPECT_TRUE(Admits("short"));
  EXPECT_FALSE(Admits("long"));
  EXPECT_FALSE(Admits("training")) << "by what runs now";
}

TEST_F(RoomKeeperTest, WhatWasLetInIsWaitedForOnceTheRestHasEnded) {
  const absl::Time training = now_ - absl::Hours(1);
  Keep({{"training", kOneCpu, training}});
  EXPECT_TRUE(Admits("small"));
  Pass(absl::Seconds(1));
  Keep({{"small", kOneCpu, now_}});
  EXPECT_FALSE(Admits("other"));
}

TEST_F(RoomKeeperTest, WhatWasLetInAndStaysIsInTheWayLikeTheRest) {
  Keep({{"training", kOneCpu, now_ - absl::Hours(1)}});
  Pass(absl::Seconds(1));
  const absl::Time let_in = now_;
  Keep({{"small", kOneCpu, let_in}});
  Pass(absl::Minutes(2));
  Keep({{"small", kOneCpu, let_in}});
  EXPECT_TRUE(Admits("other")) << "nobody stands idle for it";
  EXPECT_FALSE(Admits("small")) << "it has shown how long it takes";
}

TEST_F(RoomKeeperTest, KeepsForAWhileTwiceAsLongEachTime) {
  durations_.Ended("long", absl::Hours(10));
  const std::vector<RoomTaken> taken = {{"training", kOneCpu, now_ - absl::Minutes(1)}};
  const auto kept_minutes = [&](bool wanted) {
    int minutes = 0;
    for (; minutes < 1000; ++minutes) {
      Keep(taken);
      if (Admits("long") == wanted) break;
      Pass(absl::Minutes(1));
    }
    return minutes;
  };
  EXPECT_EQ(kept_minutes(true), 10);
  EXPECT_EQ(kept_minutes(false), 10);
  EXPECT_EQ(kept_minutes(true), 20);
  EXPECT_EQ(kept_minutes(false), 10);
  EXPECT_EQ(kept_minutes(true), 40);
}

TEST_F(RoomKeeperTest, AComponentThatBecomesQuickIsBelieved) {
  durations_.Ended("mended", absl::Hours(1));
  for (int i = 0; i < 20; ++i) durations_.Ended("mended", absl::Seconds(1));
  EXPECT_LT(durations_.Expected("mended"), absl::Minutes(1));
  EXPECT_EQ(durations_.Expected("never seen"), absl::ZeroDuration());
}

}  // namespace
}  // namespace penstock
