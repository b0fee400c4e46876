#include "pipeline/schedule/run_name.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

TEST(RunNameTest, IsMadeOfTheDisplayName) {
  EXPECT_EQ(RunNameOf("Hello World!", "a").substr(0, 10), "helloworld");
  EXPECT_EQ(RunNameOf("Hello World!", "a").size(), 15u);
  EXPECT_EQ(RunNameOf("実験", "a").substr(0, 4), "job-");
  EXPECT_EQ(RunNameOf(std::string(100, 'x'), "a").size(), 30u);
  EXPECT_EQ(RunNameOf("x", "a"), RunNameOf("x", "a"));
  EXPECT_NE(RunNameOf("x", "a"), RunNameOf("x", "b"));
}

TEST(RunNameTest, CarriesItsNumberAndAHash) {
  EXPECT_EQ(RunDisplayName("a", 1), "a-1-3683214086");
  EXPECT_NE(RunDisplayName("a", 1), RunDisplayName("a", 2));
}

}  // namespace
}  // namespace penstock
