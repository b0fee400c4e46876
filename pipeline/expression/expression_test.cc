// What expressions give: every operator and function, errors with their places, bounds of an evaluation.
#include "pipeline/expression/expression.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The value of a selector as text, or its error.
std::string Give(absl::string_view text, const Json& value = Json(nullptr)) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text);
  if (!expression.ok()) return absl::StrCat("no expression: ", expression.status().message());
  const absl::StatusOr<Json> result = EvaluateSelector(*expression, value);
  if (result.ok()) return DumpJson(*result);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition) << text;
  return absl::StrCat("error: ", result.status().message());
}

std::string Decide(absl::string_view text, const std::map<std::string, Json>& parameters) {
  const absl::StatusOr<Expression> expression = Expression::Parse(text);
  if (!expression.ok()) return absl::StrCat("no expression: ", expression.status().message());
  const absl::StatusOr<bool> result = EvaluateCondition(*expression, parameters);
  if (result.ok()) return *result ? "true" : "false";
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition) << text;
  return absl::StrCat("error: ", result.status().message());
}

struct Case {
  const char* text;
  const char* want;  // the value as JSON; of an error, a part of it
};

void Check(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_EQ(Give(c.text), c.want) << c.text;
  }
}

void CheckErrors(std::initializer_list<Case> cases) {
  for (const Case& c : cases) {
    EXPECT_THAT(Give(c.text), AllOf(HasSubstr("error: "), HasSubstr(c.want))) << c.text;
  }
}

TEST(ExpressionTest, Literals) {
  Check({{"5", "5"},
         {"-5", "-5"},
         {"0x1F", "31"},
         {"-0x1f", "-31"},
         {"9223372036854775807", "9223372036854775807"},
         {"-9223372036854775808", "-9223372036854775808"},
         {"0.9", "0.9"},
         {".5", "0.5"},
         {"1e-07", "0.0000001"},
         {"1e+30", "1e+30"},
         {"2E3", "2000"},
         {"true", "true"},
         {"false", "false"},
         {"null", "null"},
         {"[1, 'a', [2.5]]", "[1,\"a\",[2.5]]"},
         {"[1, 2,]", "[1,2]"},
         {"[]", "[]"},
         {"{'a': 1, \"b\": {'c': []}}", "{\"a\":1,\"b\":{\"c\":[]}}"},
         {"{}", "{}"},
         {"(((7)))", "7"},
         {"  1 // one\n + 2 // two", "3"}});
}

TEST(ExpressionTest, Texts) {
  Check({{"'a'", "\"a\""},
         {"\"a'b\"", "\"a'b\""},
         {"'a\"b'", "\"a\\\"b\""},
         {"''", "\"\""},
         {"'\\n\\t\\\\\\'\\\"\\?\\`\\a'", R"("\n\t\\'\"?`\u0007")"},
         {"'\\x41\\X42\\u00e9\\U0001F600\\103'", "\"ABé😀C\""},
         {"r'a\\n'", "\"a\\\\n\""},
         {"R\"a\\\"", "\"a\\\\\""},
         {"'''it's\n\"so\"'''", "\"it's\\n\\\"so\\\"\""},
         {"\"\"\"a\"b\"\"\"", "\"a\\\"b\""},
         {"'é😀'", "\"é😀\""}});
}

TEST(ExpressionTest, Comparisons) {
  Check({{"1 == 1", "true"},
         {"1 == 1.0", "true"},
         {"1.5 != 1", "true"},
         {"9007199254740993 == 9007199254740992.0", "false"},
         {"9007199254740993 > 9007199254740992.0", "true"},
         {"9223372036854775807 < 9223372036854775808.0", "true"},
         {"-9223372036854775808 == -9223372036854775808.0", "true"},
         {"1 < 1.5", "true"},
         {"-1 > -1.5", "true"},
         {"2 <= 2.0", "true"},
         {"2.0 >= 3", "false"},
         {"1 < inf", "true"},
         {"-inf < -9223372036854775808", "true"},
         {"nan == nan", "false"},
         {"nan != nan", "true"},
         {"nan < 1", "false"},
         {"nan >= 1", "false"},
         {"'a' == 'a'", "true"},
         {"'10' < '9'", "true"},
         {"'é' > 'z'", "true"},
         {"'b' >= 'a'", "true"},
         {"'b' <= 'a'", "false"},
         {"false < true", "true"},
         {"true <= false", "false"},
         {"'1' == 1", "false"},
         {"'true' == true", "false"},
         {"1 == true", "false"},
         {"null == null", "true"},
         {"null == 0", "false"},
         {"null != 'x'", "true"},
         {"null >= null", "false"},
         {"null < 1 || 'x' >= null", "false"},
         {"!(int(null) > 5)", "true"},
         {"[1, 'a'] == [1.0, 'a']", "true"},
         {"[1] == [1, 2]", "false"},
         {"{'a': [1]} == {'a': [1.0]}", "true"},
         {"{'a': 1} == {'b': 1}", "false"},
         {"{'a': 1} == parseJson('{\"a\": 1}')", "true"},
         {"parseJson('{\"a\": 1}') == {'a': 1}", "true"},
         {"parseJson('[1, {\"b\": null}]') == [1, {'b': null}]", "true"}});
  CheckErrors({{"1 < 'a'",
                "\"1 < 'a'\" (column 1 of the expression): < takes two numbers, two strings or two "
                "bools, not int and string"}});
}

TEST(ExpressionTest, Logic) {
  Check({{"true && true", "true"},
         {"true && false", "false"},
         {"false || false", "false"},
         {"false || true", "true"},
         {"!true", "false"},
         {"!!true", "true"},
         {"1 / 0 == 1 && false", "false"},
         {"false && 1 / 0 == 1", "false"},
         {"1 / 0 == 1 || true", "true"},
         {"true || 1 / 0 == 1", "true"},
         {"'x' && false", "false"},
         {"1 / 0 == 1 && true && false", "false"},
         {"false || 1 / 0 == 1 || true", "true"},
         {"true || false && false", "true"},
         {"(true || false) && false", "false"},
         {"!false && false", "false"},
         {"true ? 1 : 1 / 0", "1"},
         {"false ? 1 / 0 : 2", "2"},
         {"false ? 1 : false ? 2 : 3", "3"},
         {"true ? false ? 1 : 2 : 3",
          "no expression: column 14 of the expression \"true ? false ? 1 : 2 : 3\": "
          "\":\" is wanted here, not \"?\""},
         {"true ? (false ? 1 : 2) : 3", "2"}});
  CheckErrors(
      {{"1 / 0 == 1 && true", "division by zero"},
       {"1 / 0 == 1 || false", "division by zero"},
       {"true && 'x'", "\"'x'\" (column 9 of the expression): is string, where && takes true or false"},
       {"0 || false", "is int, where || takes true or false"},
       {"!1", "is int, where ! takes true or false"},
       {"null ? 1 : 2", "is null, where ?: takes true or false"}});
}

TEST(ExpressionTest, Arithmetic) {
  Check({{"1 + 2 * 3", "7"},
         {"(1 + 2) * 3", "9"},
         {"7 - 2 - 1", "4"},
         {"7 / 2", "3"},
         {"-7 / 2", "-3"},
         {"-7 % 3", "-1"},
         {"7.0 / 2.0", "3.5"},
         {"1.5 + 1.5", "3"},
         {"0.5 * 4.0 - 1.0", "1"},
         {"-(1 + 2)", "-3"},
         {"--3", "3"},
         {"2 - -3", "5"},
         {"-2.5", "-2.5"},
         {"1 + 1 == 2 && 3 > 1 + 1", "true"},
         {"'a' + 'b'", "\"ab\""},
         {"[1] + ['a']", "[1,\"a\"]"},
         {"9223372036854775806 + 1", "9223372036854775807"}});
  CheckErrors({{"9223372036854775807 + 1", "the result is beyond the 64 bits of an int"},
               {"-9223372036854775808 - 1", "beyond the 64 bits"},
               {"9223372036854775807 * 2", "beyond the 64 bits"},
               {"-9223372036854775808 / -1", "beyond the 64 bits"},
               {"-9223372036854775808 % -1", "beyond the 64 bits"},
               {"-(-9223372036854775808)", "beyond the 64 bits"},
               {"1 / 0", "\"1 / 0\" (column 1 of the expression): division by zero"},
               {"1 % 0", "division by zero"},
               {"1 + 1.0",
                "+ takes two ints, two doubles, two strings or two lists, not int and double; a parameter's "
                "number is a double, and int() and double() make one of the other"},
               {"2.0 % 2.0", "% takes two ints, not double and double"},
               {"'a' * 2", "* takes two ints or two doubles, not string and int"},
               {"-'a'", "- takes a number, not string"},
               {"1.0 / 0.0", "the result is not a finite number"}});
}

TEST(ExpressionTest, Parts) {
  Check({{"[10, 20][1]", "20"},
         {"[10, 20][1.0]", "20"},
         {"{'a': {'b': 7}}.a.b", "7"},
         {"{'a': {'b': 7}}['a']['b']", "7"},
         {"{1: 'x'}[1.0]", "\"x\""},
         {"{true: 'x'}[true]", "\"x\""},
         {"1 in [2, 1.0]", "true"},
         {"'a' in ['b']", "false"},
         {"'a' in {'a': 1}", "true"},
         {"1 in {1: 2}", "true"},
         {"'b' in parseJson('{\"b\": null}')", "true"},
         {"1 in parseJson('{\"b\": null}')", "false"},
         {"has({'a': 1}.a)", "true"},
         {"has({'a': 1}.b)", "false"},
         {"has('text'.b)", "false"},
         {"parseJson('{\"in\": 4}').in", "4"}});
  CheckErrors({{"[10][1]", "\"[10][1]\" (column 1 of the expression): the list has no element 1; it has 1"},
               {"[10][-1]", "no element -1"},
               {"[10][0.5]", "the index of a list is an int, not 0.5"},
               {"[10]['a']", "the index of a list is an int, not string"},
               {"{'a': 1}.b", "the map has no such key"},
               {"parseJson('{\"heads\": 1}').head", "the map has no key 'head'; did you mean 'heads'?"},
               {"parseJson('{\"a\": 1}')[1]", "the key of a map is a string, not int"},
               {"'abc'[0]", "[] is for lists and maps, not for string"},
               {"'abc'.a", "a part is taken of a map, not of string"},
               {"1 in 'abc'", "not what is in string"},
               {"{1: 2}", "the keys of a result are strings, not int"},
               {"{'a': 1, 'a': 2}", "the map has a key twice"},
               {"{1.5: 2}", "a key of a map is a string, an int or a bool, not double"}});
}

TEST(ExpressionTest, Functions) {
  Check({{"int(2.9)", "2"},
         {"int(-2.9)", "-2"},
         {"int('-12')", "-12"},
         {"int(3)", "3"},
         {"double(5) / 2.0", "2.5"},
         {"double('1e3')", "1000"},
         {"string(5)", "\"5\""},
         {"string(5.0)", "\"5\""},
         {"string(2.5)", "\"2.5\""},
         {"string(1000000.0)", "\"1000000\""},
         {"string(true)", "\"true\""},
         {"string('x')", "\"x\""},
         {"string(inf) + string(-inf) + string(nan)", "\"+Inf-InfNaN\""},
         {"bool('true') && bool('1') && !bool('False') && bool(true)", "true"},
         {"dyn(5)", "5"},
         {"size('é😀')", "2"},
         {"size([1, 2])", "2"},
         {"size({'a': 1})", "1"},
         {"'abc'.size()", "3"},
         {"'abc'.contains('bc')", "true"},
         {"'abc'.contains('')", "true"},
         {"''.contains('a')", "false"},
         {"'abc'.startsWith('ab')", "true"},
         {"'abc'.endsWith('ab')", "false"},
         {"parseJson('[1, {\"a\": null}]')[1]", "{\"a\":null}"},
         {"parseJson('9223372036854775807')", "9223372036854775807"},
         {"int(parseJson('9223372036854775807'))", "9223372036854775807"},
         {"parseJson('18446744073709551615')", "18446744073709551615"}});
  CheckErrors({{"int('1.5')", "'1.5' is not an int of 64 bits"},
               {"int(' 1')", "is not an int"},
               {"int('')", "'' is not an int"},
               {"int(1e19)", "the number is beyond the 64 bits of an int"},
               {"int(nan)", "beyond the 64 bits"},
               {"int(true)", "int() takes a number or a string, not bool"},
               {"double('x')", "'x' is not a number"},
               {"double(' 1')", "is not a number"},
               {"double([])", "double() takes a number or a string, not list"},
               {"string([])", "string() takes a string, a number or a bool, not list"},
               {"bool(1)", "bool() takes a bool or a string, not int"},
               {"bool('yes')", "'yes' is neither 'true' nor 'false'"},
               {"size(1)", "size() takes a string, a list or a map, not int"},
               {"parseJson('{')", "not valid JSON"},
               {"parseJson(1)", "parseJson() takes a string, not int"},
               {"'a'.contains(1)", "two strings are wanted, not string and int"}});
}

TEST(ExpressionTest, SelectorsSeeTheValueByItsKind) {
  const struct {
    const char* text;
    const char* value;
    const char* want;
  } kCases[] = {
      {"string_value", "\"Hello\"", "\"Hello\""},
      {"string_value", "2.5", "\"2.5\""},
      {"string_value", "true", "\"true\""},
      {"string_value", "null", "\"\""},
      {"string_value", "{\"b\": 1, \"a\": [2]}", R"("{\"a\":[2],\"b\":1}")"},
      {"number_value + 1.0", "2", "3"},
      {"number_value", "9007199254740993", "9007199254740993"},
      {"!bool_value", "true", "false"},
      {"list_value[1]", "[1, 2]", "2"},
      {"struct_value.a", "{\"a\": \"A\"}", "\"A\""},
      {"null_value", "null", "null"},
      {"parseJson(string_value)[0]", "\"[1.1, 1.2]\"", "1.1"},
      {"parseJson(string_value)[\"a\"]", "{\"a\": {\"b\": [true, null]}}", "{\"b\":[true,null]}"},
      {"parseJson(string_value)[\"a\"]", "\"{\\\"a\\\": 5}\"", "5"},
      {"parseJson(string_value)", "7", "7"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(Give(c.text, *ParseJson(c.value)), c.want) << c.text << " of " << c.value;
  }
  EXPECT_EQ(Give("struct_value", Json("Hello")),
            "error: \"struct_value\" (column 1 of the expression): there is none: the value is a text");
  EXPECT_THAT(Give("struct_value.c", Json{{"a", 1}}), HasSubstr("the map has no key 'c'; known: 'a'"));
  EXPECT_THAT(Give("parseJson(string_value)", Json("invalidjson")), HasSubstr("not valid JSON"));
  EXPECT_THAT(Give("parseJson(string_value)", Json(nullptr)), HasSubstr("not valid JSON"));
  EXPECT_THAT(Give("inputs.parameter_values['a']"), HasSubstr("a selector has no such variable"));
}

TEST(ExpressionTest, ConditionsSeeParameters) {
  const std::map<std::string, Json> parameters = {
      {"n", 5},         {"x", 2.5},    {"s", "heads"},           {"b", true},
      {"none", Json()}, {"l", {1, 2}}, {"big", 9007199254740993}};
  const Case kCases[] = {
      {"inputs.parameter_values['n'] == 5", "true"},
      {"inputs.parameter_values[\"n\"] == 5.0", "true"},
      {"inputs.parameters['n'] == 5", "true"},
      {"inputs.parameter_values.n > inputs.parameter_values.x", "true"},
      {"inputs.parameter_values['n'] / 2.0 == 2.5", "true"},
      {"int(inputs.parameter_values['big']) == 9007199254740993", "true"},
      {"inputs.parameter_values['big'] == 9007199254740992", "false"},
      {"inputs.parameter_values['none'] == 'x'", "false"},
      {"inputs.parameter_values['none'] == null", "true"},
      {"has(inputs.parameter_values.n) && !has(inputs.parameter_values.m)", "true"},
      {"'n' in inputs.parameter_values", "true"},
      {"'m' in inputs.parameter_values", "false"},
      {"size(inputs.parameter_values) == 7", "true"},
      {"2 in inputs.parameter_values['l']", "true"},
      {"has(inputs.parameters) && has(inputs.artifacts) && !has(inputs.others)", "true"},
      {"has(inputs.artifacts.m)", "false"},
      {"inputs.parameter_values['missing'] == 1 || inputs.parameter_values['b']", "true"},
  };
  for (const Case& c : kCases) {
    EXPECT_EQ(Decide(c.text, parameters), c.want) << c.text;
  }
  const Case kErrors[] = {
      {"inputs.parameter_values['head'] == 1",
       "\"inputs.parameter_values['head']\" (column 1 of the expression): "
       "there is no parameter 'head'"},
      {"true && inputs.parameter_values['n'] + 1 == 6", "\"inputs.parameter_values['n'] + 1\" (column 9"},
      {"inputs.parameter_values['s'] < 5", "not string and int"},
      {"inputs.parameter_values['s']", "a condition is true or false, and this is string"},
      {"inputs.parameter_values", "and this is all parameters"},
      {"inputs.parameter_values == inputs.parameter_values", "not all parameters and all parameters"},
      {"inputs.artifacts['m'] == 1", "the map has no key 'm'"},
      {"inputs.others['m'] == 1", "a condition sees inputs.parameter_values['name'] and inputs.artifacts"},
      {"string_value == 'x'", "parameters are inputs.parameter_values['name']"},
  };
  for (const Case& c : kErrors) {
    EXPECT_THAT(Decide(c.text, parameters), AllOf(HasSubstr("error: "), HasSubstr(c.want))) << c.text;
  }
}

TEST(ExpressionTest, ConditionsSeeArtifacts) {
  const Json artifacts = {{"m", {{"artifacts", {{{"name", "a"}, {"metadata", {{"k", 0.95}}}}}}}}};
  const Case kCases[] = {
      {"inputs.artifacts['m'].artifacts[0].metadata['k'] * 100.0 > 90.0", "true"},
      {"inputs.artifacts.m.artifacts[0].name == 'b'", "false"},
      {"size(inputs.artifacts['m'].artifacts) == 1 && has(inputs.artifacts.m)", "true"},
      {"inputs.artifacts['m'].artifacts[1].name == 'a'", "error: the list has no element 1"},
  };
  for (const Case& c : kCases) {
    const absl::StatusOr<bool> got = EvaluateCondition(*Expression::Parse(c.text), {}, artifacts);
    const std::string text =
        got.ok() ? (*got ? "true" : "false") : absl::StrCat("error: ", got.status().message());
    EXPECT_THAT(text, HasSubstr(got.ok() ? c.want : c.want + 7)) << c.text;
  }
}

// --- Bounds ---

// `count` texts of `bytes` in one expression that looks at each of them.
std::string Measure(int count) {
  std::vector<std::string> parts(count, "size(string_value) >= 0");
  return absl::StrJoin(parts, " && ");
}

TEST(ExpressionTest, CostIsBounded) {
  // An && and its three comparisons, calls, variables and literals are 13 steps; size() reads every byte.
  const int64_t spare = limits::kExpressionCost - 13;
  const Json fits(std::string(spare / 3, 'a'));
  EXPECT_EQ(Give(Measure(3), fits), "true");
  const Json larger(std::string(spare / 3 + 1, 'a'));
  EXPECT_THAT(Give(Measure(3), larger), HasSubstr("(the bound kExpressionCost)"));
  // What is absorbed counts as well.
  EXPECT_THAT(Give(absl::StrCat("true && (", Measure(3), " || true)"), larger), HasSubstr("kExpressionCost"));
}

TEST(ExpressionTest, ResultsAreBounded) {
  const int64_t bound = limits::kExpressionResultBytes;
  const Json fits(std::string(bound - 1, 'a'));
  EXPECT_EQ(Give("(string_value + 'b').endsWith('ab')", fits), "true");
  EXPECT_THAT(Give("string_value + 'bc'", fits),
              HasSubstr("more than 4194304 bytes (the bound kExpressionResultBytes)"));
  EXPECT_EQ(Give("size([string_value, string_value])", fits), "2");
  EXPECT_THAT(Give("[string_value, string_value]", fits), HasSubstr("kExpressionResultBytes"));
  // Doubling stops at the bound and not when memory ends.
  std::string doubled = "'aaaaaaaaaaaaaaaa'";
  for (int i = 0; i < 8; ++i) doubled = absl::StrCat("(", doubled, " + ", doubled, ")");
  EXPECT_EQ(Give(absl::StrCat("size", doubled)), absl::StrCat(16 << 8));
}

// A text of the largest parameter can be parsed once, which is what a selector does.
TEST(ExpressionTest, ParsingIsBounded) {
  const Json largest("[\"" + std::string(limits::kOutputParameterBytes - 4, 'a') + "\"]");
  EXPECT_EQ(
      Give("size(parseJson(string_value)[0])", Json(absl::StrCat("[\"", std::string(1000, 'a'), "\"]"))),
      "1000");
  EXPECT_EQ(Give("size(parseJson(string_value))", largest), "1");
  EXPECT_THAT(Give("size(parseJson(string_value)) + size(parseJson(string_value))", largest),
              HasSubstr("kExpressionCost"));
}

TEST(ExpressionTest, LargeListsAreCompared) {
  const Json list(std::vector<int>(100'000, 7));
  EXPECT_EQ(Give("list_value == list_value", list), "true");
  const Json larger(std::vector<int>(300'000, 7));
  EXPECT_THAT(Give("list_value == list_value", larger), HasSubstr("kExpressionCost"));
  EXPECT_THAT(Give("list_value + list_value == []", larger), HasSubstr("kExpressionCost"));
}

// Every branch before an Else is one operand more; none of them nests.
TEST(ExpressionTest, LongChainsOfBranchesAreFlat) {
  std::vector<std::string> branches;
  for (int i = 0; i < 500; ++i) {
    branches.push_back(
        absl::StrCat("!(inputs.parameter_values['pipelinechannel--flip-coin-Output'] == '", i, "')"));
  }
  const std::string text = absl::StrJoin(branches, " && ");
  EXPECT_EQ(Decide(text, {{"pipelinechannel--flip-coin-Output", "x"}}), "true");
  EXPECT_EQ(Decide(text, {{"pipelinechannel--flip-coin-Output", "499"}}), "false");
  EXPECT_THAT(Decide(text, {}), HasSubstr("there is no parameter 'pipelinechannel--flip-coin-Output'"));
}

}  // namespace
}  // namespace penstock
