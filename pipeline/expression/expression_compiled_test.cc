// Conditions and selectors as the compiler of kfp 2.17 writes them, literally, with the values that decide
// them.
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/json.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/expression/expression.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

const std::map<std::string, Json>& Parameters() {
  static const auto* const kParameters = new std::map<std::string, Json>{
      {"pipelinechannel--p-int-Output", 5},
      {"pipelinechannel--p-int-2-Output", 6},
      {"pipelinechannel--p-float-Output", 5.5},
      {"pipelinechannel--p-float-2-Output", 5.5},
      {"pipelinechannel--p-str-Output", "heads"},
      {"pipelinechannel--p-str-2-Output", "tails"},
      {"pipelinechannel--p-bool-Output", true},
      {"pipelinechannel--p-bool-2-Output", false},
      {"pipelinechannel--i", 3},
      {"pipelinechannel--s", "z"},
      {"pipelinechannel--fl", 3.5},
      {"pipelinechannel--five", "5"},
      {"pipelinechannel--quote", "it's"},
      {"pipelinechannel--path", "C:\\data"},
      {"pipelinechannel--lines", "a\nb"},
      {"pipelinechannel--loop-item-param-4", "2"},
      {"pipelinechannel--loop-item-param-1-subvar-a", "1"},
  };
  return *kParameters;
}

void Check(absl::string_view text, bool want) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text);
  ASSERT_TRUE(expression.ok()) << expression.status();
  const absl::StatusOr<bool> got = EvaluateCondition(*expression, Parameters());
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(*got, want) << text;
}

TEST(CompiledConditionTest, ANumberWithALiteral) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) == 5", true},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) != 5", false},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) < 5", false},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) <= 5", true},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) > 5", false},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) >= 5", true},
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) < -5", false},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < 0.9", false},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < -2.5", false},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < 1e-07", false},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < 1e+30", true},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < inf", true},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) == nan", false},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] == double(5)", false},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] > double(5)", true},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] > double(-5)", true},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] >= 0.9", true},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] < inf", true},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] < -inf", false},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

TEST(CompiledConditionTest, ATextOrTruthValueWithALiteral) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] == 'heads'", true},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] != 'heads'", false},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] < 'x'", true},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] == ''", false},
      {"inputs.parameter_values['pipelinechannel--five'] == '5'", true},
      {"inputs.parameter_values['pipelinechannel--five'] == '-5'", false},
      {"inputs.parameter_values['pipelinechannel--five'] == '1e-07'", false},
      {"inputs.parameter_values['pipelinechannel--five'] == 'true'", false},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] == 'é'", false},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] == 'a\"b'", false},
      {"inputs.parameter_values['pipelinechannel--p-bool-Output'] == true", true},
      {"inputs.parameter_values['pipelinechannel--p-bool-Output'] == false", false},
      {"inputs.parameter_values['pipelinechannel--p-bool-Output'] != false", true},
      {"inputs.parameter_values['pipelinechannel--p-bool-Output'] < false", false},
      {"inputs.parameter_values['pipelinechannel--loop-item-param-4'] == '2'", true},
      {"inputs.parameter_values['pipelinechannel--loop-item-param-1-subvar-a'] == '1'", true},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

TEST(CompiledConditionTest, TwoParameters) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"int(inputs.parameter_values['pipelinechannel--p-int-Output']) < "
       "int(inputs.parameter_values['pipelinechannel--p-int-2-Output'])",
       true},
      {"double(int(inputs.parameter_values['pipelinechannel--p-int-Output'])) < "
       "inputs.parameter_values['pipelinechannel--p-float-Output']",
       true},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] < "
       "double(int(inputs.parameter_values['pipelinechannel--p-int-Output']))",
       false},
      {"inputs.parameter_values['pipelinechannel--p-float-Output'] == "
       "inputs.parameter_values['pipelinechannel--p-float-2-Output']",
       true},
      {"inputs.parameter_values['pipelinechannel--p-str-Output'] < "
       "inputs.parameter_values['pipelinechannel--p-str-2-Output']",
       true},
      {"inputs.parameter_values['pipelinechannel--p-bool-Output'] < "
       "inputs.parameter_values['pipelinechannel--p-bool-2-Output']",
       false},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

TEST(CompiledConditionTest, Branches) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"int(inputs.parameter_values['pipelinechannel--i']) == 3", true},
      {"!(int(inputs.parameter_values['pipelinechannel--i']) == 3) && "
       "inputs.parameter_values['pipelinechannel--s'] == 'z'",
       false},
      {"!(int(inputs.parameter_values['pipelinechannel--i']) == 4) && "
       "inputs.parameter_values['pipelinechannel--s'] == 'z'",
       true},
      {"!(int(inputs.parameter_values['pipelinechannel--i']) == 4) && "
       "!(inputs.parameter_values['pipelinechannel--s'] == 'y') && "
       "inputs.parameter_values['pipelinechannel--fl'] > "
       "double(int(inputs.parameter_values['pipelinechannel--i']))",
       true},
      {"!(int(inputs.parameter_values['pipelinechannel--i']) == 4) && "
       "!(inputs.parameter_values['pipelinechannel--s'] == 'y') && "
       "!(inputs.parameter_values['pipelinechannel--fl'] > "
       "double(int(inputs.parameter_values['pipelinechannel--i'])))",
       false},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

// A number or truth value with a text: the compiler puts quotes around the expression of the first.
TEST(CompiledConditionTest, QuotedParametersAreTheirText) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"'int(inputs.parameter_values['pipelinechannel--p-int-Output'])' == '5'", true},
      {"'int(inputs.parameter_values['pipelinechannel--p-int-Output'])' != '5'", false},
      {"'int(inputs.parameter_values['pipelinechannel--p-int-Output'])' == 'x'", false},
      {"'inputs.parameter_values['pipelinechannel--p-float-Output']' == '5.5'", true},
      {"'inputs.parameter_values['pipelinechannel--p-bool-Output']' == 'true'", true},
      {"'inputs.parameter_values['pipelinechannel--p-bool-Output']' == ''", false},
      {"'int(inputs.parameter_values['pipelinechannel--p-int-Output'])' == "
       "inputs.parameter_values['pipelinechannel--five']",
       true},
      {"inputs.parameter_values['pipelinechannel--five'] == "
       "'int(inputs.parameter_values['pipelinechannel--p-int-Output'])'",
       true},
      {"!('int(inputs.parameter_values['pipelinechannel--p-int-Output'])' == '5') && "
       "'int(inputs.parameter_values['pipelinechannel--p-int-Output'])' == '6'",
       false},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

// What the compiler leaves unescaped, where it is not CEL as it stands.
TEST(CompiledConditionTest, UnescapedTexts) {
  const struct {
    const char* text;
    bool want;
  } kCases[] = {
      {"inputs.parameter_values['pipelinechannel--quote'] == 'it's'", true},
      {"!(inputs.parameter_values['pipelinechannel--quote'] == 'it's') && "
       "inputs.parameter_values['pipelinechannel--s'] == 'z'",
       false},
      {"inputs.parameter_values['pipelinechannel--quote'] == ''it's''", false},
      {"inputs.parameter_values['pipelinechannel--path'] == 'C:\\data'", true},
      {"inputs.parameter_values['pipelinechannel--lines'] == 'a\nb'", true},
      // CEL as it stands: a tab, an escaped quote.
      {"'a\\tb' == \"a\tb\"", true},
      {"'it\\'s' == \"it's\"", true},
      {"'a'in['a']", true},
      {"'a'!='b'&&'a'=='a'", true},
  };
  for (const auto& c : kCases) Check(c.text, c.want);
}

TEST(CompiledConditionTest, AnIntBeyondAllInts) {
  const absl::StatusOr<Expression> expression = Expression::Parse(
      "int(inputs.parameter_values['pipelinechannel--p-int-Output']) < 100000000000000000000");
  ASSERT_FALSE(expression.ok());
  EXPECT_THAT(expression.status().message(), HasSubstr("100000000000000000000 is not an int of 64 bits"));
}

TEST(CompiledSelectorTest, KeysOfLoopItems) {
  const absl::StatusOr<Expression> selector = Expression::Parse("parseJson(string_value)[\"d\"]");
  ASSERT_TRUE(selector.ok()) << selector.status();
  // An item is a struct, or a text that holds one.
  for (const char* item : {"{\"a\": \"1\", \"d\": [1, \"x\"]}", "\"{\\\"d\\\": [1, \\\"x\\\"]}\""}) {
    const absl::StatusOr<Json> got = EvaluateSelector(*selector, *ParseJson(item));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(DumpJson(*got), "[1,\"x\"]");
  }
  const absl::StatusOr<Json> none = EvaluateSelector(*selector, *ParseJson("{\"a\": \"1\"}"));
  EXPECT_EQ(none.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(none.status().message(), HasSubstr("the map has no key 'd'; known: 'a'"));
}

}  // namespace
}  // namespace penstock
