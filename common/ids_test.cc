#include "common/ids.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace penstock {
namespace {

TEST(Uuid7Generator, HasTheFormOfVersion7) {
  SimulatedClock clock(absl::FromUnixMillis(0x0123456789ab));
  Uuid7Generator ids(clock);
  const std::string id = ids.NewId();
  EXPECT_TRUE(LooksLikeUuid(id)) << id;
  EXPECT_EQ(id.substr(0, 15), "01234567-89ab-7");
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos) << id;
}

TEST(Uuid7Generator, IncreasesWithinAMillisecondAndWhenTheClockStepsBack) {
  SimulatedClock clock(absl::FromUnixSeconds(1'000'000));
  Uuid7Generator ids(clock);
  std::string last;
  std::set<std::string> seen;
  for (int i = 0; i < 10'000; ++i) {
    if (i == 5'000) clock.Advance(-absl::Seconds(10));
    std::string id = ids.NewId();
    EXPECT_LT(last, id);
    EXPECT_TRUE(seen.insert(id).second);
    last = std::move(id);
  }
}

// The vector of Python's documentation: uuid.uuid5(uuid.NAMESPACE_DNS, 'python.org').
TEST(Uuid5, IsThatOfTheStandard) {
  EXPECT_EQ(Uuid5("6ba7b810-9dad-11d1-80b4-00c04fd430c8", "python.org"),
            "886313e1-3b8a-5372-9b90-0c9aee199e5d");
  EXPECT_EQ(RecurringRunRunId("a", "b"), Uuid5("c2f3a9d4-1e6b-4c8a-9f7d-0b5e3a1c2d4f", "a/b"));
}

TEST(LooksLikeUuid, TellsUuidsFromOtherText) {
  EXPECT_TRUE(LooksLikeUuid("0190163d-8694-739b-aea5-966c26f8ad91"));
  EXPECT_TRUE(LooksLikeUuid("0190163D-8694-739B-AEA5-966C26F8AD91"));
  EXPECT_FALSE(LooksLikeUuid(""));
  EXPECT_FALSE(LooksLikeUuid("0190163d-8694-739b-aea5-966c26f8ad9"));
  EXPECT_FALSE(LooksLikeUuid("0190163d-8694-739b-aea5-966c26f8ad9g"));
  EXPECT_FALSE(LooksLikeUuid("0190163d08694-739b-aea5-966c26f8ad91"));
}

}  // namespace
}  // namespace penstock
