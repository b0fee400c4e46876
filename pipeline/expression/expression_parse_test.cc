// What is an expression and what is not, where the mistake is, and the bounds of parsing.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/expression/expression.h"

namespace penstock {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text);
  if (expression.ok()) return "no error";
  EXPECT_EQ(expression.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(expression.status().message());
}

TEST(ParseExpressionTest, KeepsItsTextAndIsShared) {
  const absl::StatusOr<Expression> expression = Expression::Parse("1 == 1");
  ASSERT_TRUE(expression.ok());
  const Expression copy = *expression;
  EXPECT_EQ(copy.text(), "1 == 1");
  EXPECT_EQ(&copy.syntax(), &expression->syntax());
  EXPECT_TRUE(*EvaluateCondition(copy, {}));
}

TEST(ParseExpressionTest, ErrorsHaveAPlace) {
  const struct {
    const char* text;
    const char* place;
    const char* sentence;
  } kCases[] = {
      {"1 +", "column 4 of the expression \"1 +\"", "a value is wanted here, not its end"},
      {"1 == == 2", "column 6", "a value is wanted here, not \"==\""},
      {"1 2", "column 3", "an operator or the end is wanted here, not \"2\""},
      {"'é' 2", "column 5", "an operator or the end"},
      {"1 ==\n 2 3", "line 2, column 4", "an operator or the end"},
      {"(1", "column 3", "\")\" is wanted here, not its end"},
      {"[1", "column 3", "\",\" or \"]\" is wanted here"},
      {"[,]", "column 2", "a value is wanted here, not \",\""},
      {"{'a' 1}", "column 6", "\":\" is wanted here"},
      {"a.b", "column 1", "there is no variable 'a'"},
      {"input.x", "column 1", "there is no variable 'input'; did you mean 'inputs'?"},
      {"inputs.", "column 8", "a name is wanted here, not its end"},
      {"true ? 1", "column 9", "\":\" is wanted here"},
      {"1 = 1", "column 3", "the character '=' means nothing here; write =="},
      {"true & true", "column 6", "write &&"},
      {"true | true", "column 6", "write ||"},
      {"1 # 2", "column 3", "the character '#' means nothing here"},
      {"1 \xC3\xA9", "column 3", "the character '\xC3\xA9' means nothing here"},
      {"5u", "column 1", "unsigned numbers are not read; write 5"},
      {"5x", "column 1", "a letter follows the number 5"},
      {"0x", "column 1", "0x is not an int"},
      {"9223372036854775808", "column 1", "9223372036854775808 is not an int of 64 bits"},
      {"1 - 9223372036854775808", "column 5", "is not an int of 64 bits"},
      {"-9223372036854775809", "column 1", "-9223372036854775809 is not an int of 64 bits"},
      {"1 == 'abc", "column 6", "the text that begins here has no end: ' is missing"},
      {"\"a\nb\"", "column 1", "has no end: \" is missing"},
      {"\"a\\d\"", "column 3", "the backslash here begins no escape"},
      {"\"\\ud800\"", "column 2", "begins no escape"},
      {"\"\\U00110000\"", "column 2", "begins no escape"},
      {"b'a'", "column 1", "bytes are not read"},
      {"'a' and 'b'", "column 5", "not \"and\"; a quote within a text is written \\'"},
      {"foo(1)", "column 1", "there is no function 'foo'"},
      {"parse_json('1')", "column 1", "there is no function 'parse_json'; did you mean 'parseJson'?"},
      {"[1].all(x, x > 0)", "column 5", "all() is a function of CEL that is not evaluated here"},
      {"'a'.matches('b')", "column 5", "matches() is a function of CEL that is not evaluated here"},
      {"1.int()", "column 3", "write int(x), not x.int()"},
      {"contains('a', 'b')", "column 1", "write x.contains(y), not contains(x, y)"},
      {"int()", "column 1", "int() takes one value, not 0"},
      {"int(1, 2)", "column 1", "int() takes one value, not 2"},
      {"'a'.contains()", "column 5", "contains() takes one value, not 0"},
      {"has(1)", "column 5", "has() takes a part of a map"},
      {"inputs.a.b(1)", "column 10", "there is no function 'b'"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ErrorOf(c.text), AllOf(HasSubstr(c.place), HasSubstr(c.sentence))) << c.text;
  }
  EXPECT_EQ(ErrorOf(""), "the expression is empty");
  EXPECT_EQ(ErrorOf(" // nothing"), "the expression is empty");
  EXPECT_EQ(ErrorOf("'\xFF'"), "the expression is not UTF-8");
}

TEST(ParseExpressionTest, BytesAreBounded) {
  const std::string spaces(limits::kExpressionBytes - 1, ' ');
  EXPECT_EQ(ErrorOf(absl::StrCat(spaces, "1")), "no error");
  EXPECT_THAT(ErrorOf(absl::StrCat(spaces, "12")),
              HasSubstr("65537 bytes, more than 65536 (the bound kExpressionBytes)"));
}

// A value is a level, and so is each bracket, operator or part around it.
TEST(ParseExpressionTest, DepthIsBounded) {
  const auto around = [](absl::string_view before, absl::string_view middle, absl::string_view after,
                         int times) {
    std::string text;
    for (int i = 0; i < times; ++i) absl::StrAppend(&text, before);
    absl::StrAppend(&text, middle);
    for (int i = 0; i < times; ++i) absl::StrAppend(&text, after);
    return text;
  };
  const struct {
    const char* before;
    const char* middle;
    const char* after;
  } kCases[] = {{"(", "1", ")"},    {"[", "1", "]"},          {"!", "true", ""},     {"- ", "inf", ""},
                {"", "1", " + 1"},  {"", "inputs", ".a"},     {"", "inputs", "[1]"}, {"size(", "''", ")"},
                {"{1: ", "1", "}"}, {"true ? 1 : ", "1", ""}, {"", "1", " == 1"},    {"", "'a'", ".size()"}};
  for (const auto& c : kCases) {
    EXPECT_EQ(ErrorOf(around(c.before, c.middle, c.after, limits::kExpressionDepth - 1)), "no error")
        << c.before << c.after;
    EXPECT_THAT(ErrorOf(around(c.before, c.middle, c.after, limits::kExpressionDepth)),
                HasSubstr("nested more than 100 levels deep (the bound kExpressionDepth)"))
        << c.before << c.after;
    EXPECT_THAT(ErrorOf(around(c.before, c.middle, c.after, 5000)), HasSubstr("kExpressionDepth"));
  }
}

TEST(ParseExpressionTest, NodesAreBounded) {
  std::vector<std::string> items(limits::kExpressionNodes - 1, "1");  // and the list itself
  EXPECT_EQ(ErrorOf(absl::StrCat("[", absl::StrJoin(items, ","), "]")), "no error");
  items.push_back("1");
  EXPECT_THAT(ErrorOf(absl::StrCat("[", absl::StrJoin(items, ","), "]")),
              HasSubstr("more than 10000 names, literals, operators and calls (the bound kExpressionNodes)"));
}

}  // namespace
}  // namespace penstock
