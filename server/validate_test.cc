#include "server/validate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

TEST(CheckText, AllowsUtf8AndRefusesTheRestByName) {
  EXPECT_TRUE(CheckText("f", "naïve 実験 !@#$%", 100).ok());
  EXPECT_TRUE(CheckText("f", "two\nlines", 100, /*multi_line=*/true).ok());
  for (const std::string& text : {std::string("two\nlines"), std::string("a\0b", 3), std::string("\xff\xfe"),
                                  std::string("\x7f"), std::string(101, 'x')}) {
    const absl::Status status = CheckText("field", text, 100);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << text;
    EXPECT_THAT(std::string(status.message()), HasSubstr("field"));
  }
}

TEST(CheckNewId, RefusesWhatCouldBeAPath) {
  EXPECT_TRUE(CheckNewId("id", "0190163d-8694-739b-aea5-966c26f8ad91").ok());
  for (const char* id : {"", "..", ".hidden", "a/b", "a b", "é"}) {
    EXPECT_FALSE(CheckNewId("id", id).ok()) << id;
  }
}

TEST(CheckTags, HoldsKfpsRules) {
  EXPECT_TRUE(CheckTags({{"team", ""}, {std::string(63, 'k'), std::string(63, 'v')}}).ok());
  EXPECT_TRUE(CheckTags({{"k",
                          [] {
                            std::string runes;
                            for (int i = 0; i < 63; ++i) runes += "é";
                            return runes;
                          }()}})
                  .ok());
  EXPECT_FALSE(CheckTags({{"", "v"}}).ok());
  EXPECT_FALSE(CheckTags({{"a.b", "v"}}).ok());
  EXPECT_FALSE(CheckTags({{std::string(64, 'k'), "v"}}).ok());
  EXPECT_FALSE(CheckTags({{"k", std::string(64, 'v')}}).ok());
  Tags many;
  for (int i = 0; i < 21; ++i) many[absl::StrCat("k", i)] = "v";
  EXPECT_FALSE(CheckTags(many).ok());
}

}  // namespace
}  // namespace penstock
