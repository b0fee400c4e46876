// Random texts, random damage to expressions, and random expressions against a model of their logic. The seed
// is printed; PENSTOCK_SEED repeats a run.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/text.h"
#include "gtest/gtest.h"
#include "pipeline/expression/expression.h"
#include "tests/support/random_damage.h"

namespace penstock {
namespace {

uint64_t SeedOf(const char* text) {
  return text == nullptr ? std::random_device{}() : std::strtoull(text, nullptr, 10);
}

enum class Truth { kFalse, kTrue, kError };

class ExpressionFuzzTest : public ::testing::Test {
 protected:
  ExpressionFuzzTest() : seed_(SeedOf(std::getenv("PENSTOCK_SEED"))), random_(seed_) {
    std::cout << "PENSTOCK_SEED=" << seed_ << "\n";
  }

  size_t Below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(random_); }

  std::string Noise() {
    static const std::vector<std::string> kPieces = {"inputs",
                                                     ".parameter_values",
                                                     "['n']",
                                                     "['s']",
                                                     "inputs.parameter_values['l']",
                                                     "string_value",
                                                     "'",
                                                     "\"",
                                                     "'a'",
                                                     "\\",
                                                     "'''",
                                                     "r'",
                                                     "(",
                                                     ")",
                                                     "[",
                                                     "]",
                                                     "{",
                                                     "}",
                                                     ",",
                                                     ":",
                                                     "?",
                                                     ".",
                                                     "!",
                                                     "-",
                                                     "+",
                                                     "*",
                                                     "/",
                                                     "%",
                                                     "&&",
                                                     "||",
                                                     "==",
                                                     "!=",
                                                     "<",
                                                     "<=",
                                                     "in",
                                                     " ",
                                                     "\n",
                                                     "//",
                                                     "1",
                                                     "0",
                                                     "0x",
                                                     "9223372036854775807",
                                                     "1e308",
                                                     "2.5",
                                                     "true",
                                                     "null",
                                                     "int(",
                                                     "double(",
                                                     "string(",
                                                     "size(",
                                                     "parseJson(",
                                                     "has(",
                                                     ".contains(",
                                                     "'int(inputs.parameter_values['pipelinechannel--x'])'",
                                                     "é",
                                                     "\xff",
                                                     "\\u00e9",
                                                     "inf",
                                                     "nan",
                                                     "u",
                                                     "_"};
    std::string out;
    for (size_t i = Below(20); i > 0; --i) out += kPieces[Below(kPieces.size())];
    return out;
  }

  // An expression of && || ! ?: over true, false and errors, and what it gives.
  std::pair<std::string, Truth> Logic(int depth) {
    if (depth == 0 || Below(5) == 0) {
      static const std::vector<std::pair<std::string, Truth>> kLeaves = {
          {"true", Truth::kTrue}, {"(2 < 1)", Truth::kFalse}, {"(1 / 0 == 1)", Truth::kError}};
      return kLeaves[Below(kLeaves.size())];
    }
    if (Below(4) == 0) {
      const auto [text, value] = Logic(depth - 1);
      return {absl::StrCat("!", text), value == Truth::kError  ? Truth::kError
                                       : value == Truth::kTrue ? Truth::kFalse
                                                               : Truth::kTrue};
    }
    if (Below(4) == 0) {
      const auto [condition, choice] = Logic(depth - 1);
      const auto [then, yes] = Logic(depth - 1);
      const auto [otherwise, no] = Logic(depth - 1);
      return {absl::StrCat("(", condition, " ? ", then, " : ", otherwise, ")"),
              choice == Truth::kError  ? choice
              : choice == Truth::kTrue ? yes
                                       : no};
    }
    const bool is_or = Below(2) == 0;
    const Truth deciding = is_or ? Truth::kTrue : Truth::kFalse;
    Truth result = is_or ? Truth::kFalse : Truth::kTrue;
    std::vector<std::string> texts;
    for (size_t i = 2 + Below(3); i > 0; --i) {
      const auto [text, value] = Logic(depth - 1);
      texts.push_back(text);
      if (result != deciding && (value == deciding || value == Truth::kError)) result = value;
    }
    return {absl::StrCat("(", absl::StrJoin(texts, is_or ? " || " : " && "), ")"), result};
  }

  // Parses and evaluates; errors are of the right kind and readable.
  void Try(const std::string& text) {
    const absl::StatusOr<Expression> expression = Expression::Parse(text);
    if (!expression.ok()) {
      ASSERT_EQ(expression.status().code(), absl::StatusCode::kInvalidArgument) << text;
      ASSERT_TRUE(IsUtf8(expression.status().message())) << text;
      return;
    }
    ++parsed_;
    const absl::StatusOr<bool> condition = EvaluateCondition(*expression, parameters_);
    const absl::StatusOr<Json> selected = EvaluateSelector(*expression, value_);
    for (const absl::Status& status : {condition.status(), selected.status()}) {
      if (!status.ok()) {
        ASSERT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << text;
        ASSERT_TRUE(IsUtf8(status.message())) << text;
      }
    }
    if (selected.ok()) {
      ASSERT_TRUE(ParseJson(DumpJson(*selected)).ok()) << text;
    }
  }

  const uint64_t seed_;
  std::mt19937_64 random_;
  int parsed_ = 0;
  const std::map<std::string, Json> parameters_ = {
      {"n", 5}, {"s", "heads"}, {"l", {1, "a", nullptr}}, {"pipelinechannel--x", 7}};
  const Json value_ = {{"a", {1, 2}}, {"b", "text"}};
};

TEST_F(ExpressionFuzzTest, AnyTextIsSafe) {
  const std::string seeds[] = {
      "!(int(inputs.parameter_values['n']) == 3) && inputs.parameter_values['s'] == 'it's'",
      "parseJson(string_value)[\"a\"][1] + 2.0 * -3.0",
      "'int(inputs.parameter_values['pipelinechannel--x'])' == '7' ? [1, {'a': 2}] : \"\\u00e9\" in ['x']",
      "has(struct_value.a) && size(struct_value.b) > 3 || inputs.parameter_values['l'][0] == 1",
  };
  for (int round = 0; round < 30'000; ++round) {
    std::string text = Below(3) == 0 ? Noise() : seeds[Below(std::size(seeds))];
    Damage(
        Below(4), [this](size_t bound) { return Below(bound); }, [this] { return Noise(); }, &text);
    ASSERT_NO_FATAL_FAILURE(Try(text));
  }
  EXPECT_GT(parsed_, 1000);
}

TEST_F(ExpressionFuzzTest, LogicIsThatOfTheModel) {
  for (int round = 0; round < 10'000; ++round) {
    const auto [text, want] = Logic(4);
    const absl::StatusOr<Expression> expression = Expression::Parse(text);
    ASSERT_TRUE(expression.ok()) << expression.status();
    const absl::StatusOr<bool> got = EvaluateCondition(*expression, {});
    ASSERT_EQ(!got.ok() ? Truth::kError : *got ? Truth::kTrue : Truth::kFalse, want) << text;
  }
}

}  // namespace
}  // namespace penstock
