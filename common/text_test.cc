#include "common/text.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(TextTest, Utf8CharacterLength) {
  EXPECT_EQ(Utf8CharacterLength(""), 0u);
  EXPECT_EQ(Utf8CharacterLength("a\xFF"), 1u);
  EXPECT_EQ(Utf8CharacterLength("\xC3\xA9"), 2u);
  EXPECT_EQ(Utf8CharacterLength("\xE2\x82\xAC!"), 3u);
  EXPECT_EQ(Utf8CharacterLength("\xF0\x9F\x98\x80"), 4u);
  for (const std::string bad : {"\x80", "\xC0\xAF", "\xC3", "\xC3(", "\xE0\x80\x80", "\xED\xA0\x80",
                                "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82"}) {
    EXPECT_EQ(Utf8CharacterLength(bad), 0u) << testing::PrintToString(bad);
    EXPECT_FALSE(IsUtf8(bad));
  }
}

TEST(TextTest, ReplaceInvalidUtf8) {
  EXPECT_EQ(ReplaceInvalidUtf8("a\xFFz\xC3"), "a\xEF\xBF\xBDz\xEF\xBF\xBD");
  EXPECT_EQ(ReplaceInvalidUtf8("h\xC3\xA9"), "h\xC3\xA9");
}

TEST(TextTest, ShortenKeepsCharactersWhole) {
  EXPECT_EQ(Shorten("abc", 3), "abc");
  EXPECT_EQ(Shorten("abcd", 3), "abc...");
  EXPECT_EQ(Shorten("ab\xC3\xA9z", 3), "ab...");
  EXPECT_EQ(Shorten("\x80\x80\x80", 1), "...");
}

TEST(TextTest, QuoteForMessageIsOneShortLine) {
  EXPECT_EQ(QuoteForMessage("a\nb"), "'a b'");
  EXPECT_LE(QuoteForMessage(std::string(1000, 'x')).size(), 110u);
  EXPECT_TRUE(IsUtf8(QuoteForMessage("\xFF\xC3")));
}

TEST(TextTest, NearestName) {
  const std::vector<std::string> known = {"inputs", "taskInfo", "dependentTasks"};
  EXPECT_EQ(NearestName("input", known), "inputs");
  EXPECT_EQ(NearestName("taskinfo", known), "taskInfo");
  EXPECT_EQ(NearestName("dependantTask", known), "dependentTasks");
  EXPECT_EQ(NearestName("dep", known), "dependentTasks");
  EXPECT_EQ(NearestName("zzz", known), std::nullopt);
  EXPECT_EQ(NearestName("", known), std::nullopt);
  EXPECT_EQ(NearestName("a", std::vector<std::string>{"b"}), std::nullopt);
  EXPECT_EQ(NearestName(std::string(101, 'a'), std::vector<std::string>{std::string(101, 'a')}),
            std::nullopt);
}

TEST(TextTest, SuggestName) {
  EXPECT_EQ(SuggestName("input", std::vector<std::string>{"inputs"}), "; did you mean 'inputs'?");
  EXPECT_EQ(SuggestName("zzz", std::vector<std::string>{"inputs", "outputs"}),
            "; known: 'inputs', 'outputs'");
  EXPECT_EQ(SuggestName("zzz", {}), "");
  EXPECT_EQ(ListNames(std::vector<std::string>{"a", "b", "c"}, 2), "'a', 'b' and 1 more");
}

}  // namespace
}  // namespace penstock
