#include "server/random_name.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(RandomNameTest, TheSameForTheSameIdAndSeldomForAnother) {
  EXPECT_EQ(NameForId("a"), NameForId("a"));
  std::set<std::string> names;
  for (int i = 0; i < 1000; ++i) names.insert(NameForId(absl::StrCat("id-", i)));
  EXPECT_GT(names.size(), 995U);
  for (const std::string& name : names) EXPECT_THAT(name, testing::MatchesRegex("[a-z]+-[a-z]+-[0-9]+"));
}

}  // namespace
}  // namespace penstock
