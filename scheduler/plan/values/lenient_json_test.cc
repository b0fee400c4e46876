#include "scheduler/plan/values/lenient_json.h"

#include <limits>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

TEST(LenientJsonTest, ReadsPythonsNumbers) {
  const std::pair<std::string, std::string> cases[] = {
      {"NaN", "null"},
      {"[NaN, Infinity, -Infinity, 1]", "[null,1.7976931348623157e+308,-1.7976931348623157e+308,1]"},
      {R"({"a": Infinity})", R"({"a":1.7976931348623157e+308})"},
      {R"(["NaN", "Infinity and -Infinity", "\"NaN", "\\"])",
       R"(["NaN","Infinity and -Infinity","\"NaN","\\"])"},
      {R"({"NaN": NaN})", R"({"NaN":null})"},
      {"[-1, -0.5]", "[-1,-0.5]"},
      {R"("\u0000NaNx")", R"("\u0000NaNx")"},
  };
  for (const auto& [text, want] : cases) {
    absl::StatusOr<Json> json = ParseLenientJson(text);
    ASSERT_TRUE(json.ok()) << text << ": " << json.status();
    ReplaceNonFiniteNumbers(&*json);
    EXPECT_EQ(DumpJson(*json), want);
  }
}

TEST(LenientJsonTest, FindsThemAnywhere) {
  EXPECT_TRUE(HasNonFiniteNumber(*ParseLenientJson(R"({"a": [1, {"b": -Infinity}]})")));
  EXPECT_FALSE(HasNonFiniteNumber(*ParseLenientJson(R"({"a": [1, {"b": "NaN"}]})")));
}

TEST(LenientJsonTest, StaysStrictOtherwise) {
  for (const std::string text : {"", "nan", "NaNN", "Inf", "+Infinity", "--Infinity", "{'a': 1}", "[1,]",
                                 "[NaN", "\"NaN", "{NaN: 1} x"}) {
    EXPECT_FALSE(ParseLenientJson(text).ok()) << text;
  }
}

}  // namespace
}  // namespace penstock
