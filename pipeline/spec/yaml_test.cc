#include "pipeline/spec/yaml.h"

#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/spec/test_documents.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

std::string Read(absl::string_view text) {
  const auto documents = ParseYaml(text);
  if (!documents.ok()) return std::string(documents.status().message());
  std::string all;
  for (const Json& document : *documents) absl::StrAppend(&all, all.empty() ? "" : " | ", DumpJson(document));
  return all;
}

TEST(ParseYamlTest, Documents) {
  EXPECT_EQ(Read(""), "");
  EXPECT_EQ(Read("# only a comment\n"), "");
  EXPECT_EQ(Read("---\n---\na: 1\n...\n"), "null | {\"a\":1}");
  EXPECT_EQ(Read("\xEF\xBB\xBF"
                 "a: [1, {b: c}]\n---\n- x\n"),
            "{\"a\":[1,{\"b\":\"c\"}]} | [\"x\"]");
  EXPECT_EQ(Read("text"), "\"text\"");
}

// The expected values are what PyYAML 6's safe_load gives, except for timestamps.
TEST(ParseYamlTest, PlainScalarsAsPyYaml) {
  const struct {
    absl::string_view scalar;
    absl::string_view json;
  } kCases[] = {
      {"", "null"},
      {"~", "null"},
      {"null", "null"},
      {"Null", "null"},
      {"nULL", "\"nULL\""},
      {"true", "true"},
      {"Yes", "true"},
      {"on", "true"},
      {"OFF", "false"},
      {"n", "\"n\""},
      {"y", "\"y\""},
      {"tRue", "\"tRue\""},
      {"0", "0"},
      {"-0", "0"},
      {"+12", "12"},
      {"1_000", "1000"},
      {"010", "8"},
      {"0o10", "\"0o10\""},
      {"08", "\"08\""},
      {"0x1F", "31"},
      {"-0x1f", "-31"},
      {"0b101", "5"},
      {"190:20:30", "685230"},
      {"-1:30", "-90"},
      {"1:60", "\"1:60\""},
      {"9223372036854775807", "9223372036854775807"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"18446744073709551615", "18446744073709551615"},
      {"1.5", "1.5"},
      {"-1.5", "-1.5"},
      {"1.", "1"},
      {".5", "0.5"},
      {"-.5", "\"-.5\""},
      {"1e5", "\"1e5\""},
      {"1.0e5", "\"1.0e5\""},
      {"1.0e+5", "100000"},
      {"1.5e-3", "0.0015"},
      {"1_0.5", "10.5"},
      {"1:30.5", "90.5"},
      {"2.1.0", "\"2.1.0\""},
      {"2024-01-02", "\"2024-01-02\""},
      {"2024-01-02T03:04:05Z", "\"2024-01-02T03:04:05Z\""},
      {"-", "\"-\""},
      {"+", "\"+\""},
      {".", "\".\""},
      {"=", "\"=\""},
      {"12a", "\"12a\""},
      {"0x", "\"0x\""},
      {"'5'", "\"5\""},
      {"\"true\"", "\"true\""},
      {"!!str 5", "\"5\""},
      {"! 5", "\"5\""},
      {"!!int '5'", "5"},
      {"!!float 5", "5"},
      {"!!null ''", "null"},
      {"!!bool 'yes'", "true"},
      {"!!seq []", "[]"},
      {"!!map {}", "{}"},
  };
  for (const auto& c : kCases) {
    const std::string text = c.scalar == "-" ? "[\"-\"]" : absl::StrCat("- ", c.scalar, "\n");
    EXPECT_EQ(Read(text), absl::StrCat("[", c.json, "]")) << c.scalar;
  }
}

TEST(ParseYamlTest, Blocks) {
  EXPECT_EQ(Read("a: |\n  x\n  y\nb: >-\n  x\n  y\nc: \"\\u00e9\\t\"\n"),
            "{\"a\":\"x\\ny\\n\",\"b\":\"x y\",\"c\":\"\xC3\xA9\\t\"}");
}

TEST(ParseYamlTest, KeysAreTexts) {
  EXPECT_EQ(Read("1: a\nyes: b\n~: c\n1.50: d\n"), "{\"1\":\"a\",\"1.50\":\"d\",\"yes\":\"b\",\"~\":\"c\"}");
  EXPECT_EQ(Read("'<<': 1\n"), "{\"<<\":1}");
}

TEST(ParseYamlTest, Aliases) {
  EXPECT_EQ(Read("a: &x {k: [1, 2]}\nb: *x\nc: [*x, &y t, *y]\n"),
            "{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":[{\"k\":[1,2]},\"t\",\"t\"]}");
  EXPECT_EQ(Read("a: &x 1\nb: *x\nc: &x 2\nd: *x\n"), "{\"a\":1,\"b\":1,\"c\":2,\"d\":2}");
  EXPECT_THAT(Read("a: *x\n"), HasSubstr("line 1, column 4: the alias 'x' refers to nothing"));
  EXPECT_THAT(Read("a: &x [*x]\n"), HasSubstr("line 1, column 8: the alias 'x' refers to nothing"));
  EXPECT_THAT(Read("a: &x 1\n---\nb: *x\n"), HasSubstr("refers to nothing"));
}

TEST(ParseYamlTest, Errors) {
  const struct {
    absl::string_view text;
    absl::string_view error;
  } kCases[] = {
      {"a: 1\nb: 2\na: 3\n", "line 3, column 1: the key 'a' is given twice"},
      {"a:\n  <<: {b: 1}\n", "line 2, column 3: merge keys (<<) are not supported"},
      {"? [a]\n: 1\n", "a key has to be a text, not a list or an object"},
      {"? {a: 1}\n: 1\n", "a key has to be a text"},
      {"?\n: 1\n", "a key is missing before the colon"},
      {"a: &k b\n*k : 1\n", "an alias as a key is not supported"},
      {"&k a: 1\n", "an anchor on a key is not supported"},
      {"a: .inf\n", "line 1, column 4: '.inf' is read as a number"},
      {"a: -.INF\n", "is read as a number"},
      {"a: .nan\n", "is read as a number"},
      {"a: 1.0e+999\n", "is read as a number"},
      {"a: 0xFFFFFFFFFFFFFFFFFF\n", "is read as a number"},
      {"a: !!python/object:os.system x\n",
       "line 1, column 4: the tag '!!python/object:os.system' is not supported"},
      {"a: !!binary aGk=\n", "the tag '!!binary' is not supported"},
      {"a: !mine x\n", "the tag '!mine' is not supported"},
      {"a: !!set {x}\n", "the tag '!!set' is not supported"},
      {"a: !!int x\n", "'x' is not of the type of its tag !!int"},
      {"a: !!seq {}\n", "is not supported here"},
      {"a: [1\n", "line 2, column 1: not valid YAML"},
      {"a: b: c\n", "line 1, column 5: not valid YAML"},
      {"a:\n\t- b\n", "not valid YAML"},
      {"a: 1\nb: \xFF\n", "line 2, column 4: not UTF-8 text"},
      {"a: \x01\n", "not UTF-8 text: control characters"},
      {"%YAML 9.9\n---\na\n", "not valid YAML"},
      {"{\"a\": 1, \"a\": 2}", "is given twice"},
      {"{\"a\": [1}", "not valid JSON"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(Read(c.text), HasSubstr(std::string(c.error))) << c.text;
  }
}

TEST(ParseYamlTest, JsonIsRead) {
  EXPECT_EQ(Read(" {\"a\": 1e5, \"b\": [\"\\u00e9\"]}"), "{\"a\":100000,\"b\":[\"\xC3\xA9\"]}");
  EXPECT_EQ(Read("[1, 2]"), "[1,2]");
  EXPECT_EQ(Read("{a: b, c: [d,]}"), "{\"a\":\"b\",\"c\":[\"d\"]}");
  EXPECT_EQ(Read("{\"a\": 1}\n---\n{\"b\": 2}\n"), "{\"a\":1} | {\"b\":2}");
}

TEST(ParseYamlTest, DepthIsBounded) {
  const auto flow = [](int depth) {
    return absl::StrCat("a: ", std::string(depth, '['), std::string(depth, ']'));
  };
  EXPECT_EQ(Read(flow(limits::kSpecDepth - 1)).substr(0, 5), "{\"a\":");
  EXPECT_THAT(Read(flow(limits::kSpecDepth)), HasSubstr("kSpecDepth"));
  EXPECT_THAT(Read(absl::StrCat("a: ", std::string(2'000'000, '['))), HasSubstr("kSpecDepth"));
  std::string maps = "a: ";
  for (int i = 0; i < 200'000; ++i) maps += "{a: ";
  EXPECT_THAT(Read(maps), HasSubstr("kSpecDepth"));
  std::string block;
  for (int i = 0; i < 2000; ++i) absl::StrAppend(&block, std::string(i, ' '), "a:\n");
  EXPECT_THAT(Read(block), HasSubstr("kSpecDepth"));
  EXPECT_THAT(Read(std::string(100'000, '-')), ::testing::Not(HasSubstr("kSpecDepth")));
  std::string dashes;
  for (int i = 0; i < 100'000; ++i) dashes += "- ";
  EXPECT_THAT(Read(dashes), HasSubstr("kSpecDepth"));
}

TEST(ParseYamlTest, DepthThroughAliasesIsBounded) {
  // Each level holds the one before: 3 levels of text become more than the bound.
  std::string text = absl::StrCat("- &a ", std::string(40, '['), std::string(40, ']'), "\n");
  absl::StrAppend(&text, "- &b ", std::string(40, '['), "*a", std::string(40, ']'), "\n");
  EXPECT_THAT(Read(absl::StrCat(text, "- ", std::string(19, '['), "*b", std::string(19, ']'), "\n")),
              HasSubstr("[[["));
  EXPECT_THAT(Read(absl::StrCat(text, "- ", std::string(20, '['), "*b", std::string(20, ']'), "\n")),
              HasSubstr("kSpecDepth"));
}

TEST(ParseYamlTest, AliasBombsAreRefused) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    absl::StrAppend(&text, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) absl::StrAppend(&text, j > 0 ? ", " : "", "*a", i - 1);
    text += "]\n";
  }
  EXPECT_THAT(Read(text), HasSubstr("kSpecNodes"));
  std::string bytes = absl::StrCat("a: &a ", std::string(1 << 20, 'x'), "\nb: [");
  for (int i = 0; i < 100; ++i) bytes += "*a, ";
  EXPECT_THAT(Read(bytes + "]\n"), HasSubstr("kSpecExpandedBytes"));
}

TEST(ParseYamlTest, NodesAndDocumentsAreBounded) {
  std::string directives;
  for (int i = 0; i < 300'000; ++i) absl::StrAppend(&directives, "%TAG !", i, "! x\n");
  EXPECT_THAT(Read(directives + "--- a\n"), HasSubstr("kSpecDirectives"));
  std::string nodes;
  for (int64_t i = 0; i <= limits::kSpecNodes; ++i) nodes += "-\n";
  EXPECT_THAT(Read(nodes), HasSubstr("kSpecNodes"));
  std::string documents;
  for (int i = 0; i < limits::kSpecDocuments; ++i) documents += "--- a\n";
  EXPECT_THAT(Read(documents), HasSubstr("\"a\""));
  EXPECT_THAT(Read(documents + "--- a\n"), HasSubstr("kSpecDocuments"));
}

// Any bytes give documents or an error; documents survive being written as JSON and read again.
TEST(ParseYamlTest, MutatedTexts) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::string base(kFullPipeline.substr(0, 1500));
  constexpr absl::string_view kPieces[] = {"&a ", "*a",   "- ",    ": ",     "[",  "]",  "{",   "}",
                                           "\n",  "\n  ", "---\n", "!!int ", "'",  "\"", "|\n", "#",
                                           "%",   "? ",   "<<: ",  ",",      "\t", "~",  "0x1"};
  for (int round = 0; round < 3000; ++round) {
    std::string text = base;
    for (int edits = 1 + static_cast<int>(random() % 5); edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        default: {
          const absl::string_view piece = kPieces[random() % std::size(kPieces)];
          text.insert(at, piece.data(), piece.size());
        }
      }
    }
    const auto documents = ParseYaml(text);
    if (!documents.ok()) {
      ASSERT_EQ(documents.status().code(), absl::StatusCode::kInvalidArgument) << text;
      ASSERT_TRUE(IsUtf8(documents.status().message())) << text;
      continue;
    }
    for (const Json& document : *documents) {
      const auto again = ParseJson(DumpJson(document));
      ASSERT_TRUE(again.ok()) << again.status() << text;
      ASSERT_EQ(*again, document);
    }
  }
}

}  // namespace
}  // namespace penstock
