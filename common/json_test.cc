#include "common/json.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(absl::string_view text) {
  const auto json = ParseJson(text);
  return json.ok() ? "no error" : std::string(json.status().message());
}

TEST(ParseJsonTest, CanonicalForm) {
  const struct {
    absl::string_view text;
    absl::string_view canonical;
  } kCases[] = {
      {"{\"b\": 1, \"a\": [true, null, \"x\"]}", "{\"a\":[true,null,\"x\"],\"b\":1}"},
      {"1.0", "1"},
      {"-1e3", "-1000"},
      {"-0.0", "0"},
      {"9007199254740993", "9007199254740993"},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"1e15", "1000000000000000"},
      {"9007199254740992.0", "9007199254740992"},
      {"0.1", "0.1"},
      {"1e21", "1e+21"},
      {"\"\\u00e9\\n\\u0001\\\"<&>\\/\"", "\"\xC3\xA9\\n\\u0001\\\"<&>/\""},
      {"\xEF\xBB\xBF[]", "[]"},
      {" {} ", "{}"},
  };
  for (const auto& c : kCases) {
    const auto json = ParseJson(c.text);
    ASSERT_TRUE(json.ok()) << c.text << ": " << json.status();
    EXPECT_EQ(DumpJson(*json), c.canonical);
    const auto again = ParseJson(DumpJson(*json));
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(DumpJson(*again), c.canonical);
  }
}

TEST(ParseJsonTest, IntegersStayIntegers) {
  EXPECT_TRUE(ParseJson("1.0")->is_number_integer());
  EXPECT_TRUE(ParseJson("5")->is_number_integer());
  EXPECT_TRUE(ParseJson("0.5")->is_number_float());
}

TEST(ParseJsonTest, Errors) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("{\"a\":\n 1,}"), HasSubstr("line 2, column"));
  EXPECT_THAT(ErrorOf("[1] 2"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("nul"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("NaN"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("1e999"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("\"\xFF\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("\"\\ud800\""), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("{\"a\":{\"b\":1,\"b\":2}}"),
              HasSubstr("the key 'b' is given twice in one object, at 'a.b'"));
  EXPECT_TRUE(IsUtf8(ErrorOf("\xC3\xA9\xFF")));
}

TEST(ParseJsonTest, DepthIsBounded) {
  const auto nested = [](int depth) {
    return absl::StrCat(std::string(depth, '['), std::string(depth, ']'));
  };
  EXPECT_TRUE(ParseJson(nested(limits::kSpecDepth)).ok());
  EXPECT_THAT(ErrorOf(nested(limits::kSpecDepth + 1)), HasSubstr("kSpecDepth"));
  EXPECT_THAT(ErrorOf(std::string(5'000'000, '[')), HasSubstr("kSpecDepth"));
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_THAT(ErrorOf(objects), HasSubstr("kSpecDepth"));
}

TEST(ParseJsonTest, NodesAreBounded) {
  std::string text = "[0";
  for (int64_t i = 0; i < limits::kSpecNodes; ++i) text += ",0";
  EXPECT_THAT(ErrorOf(text + "]"), HasSubstr("kSpecNodes"));
}

TEST(DumpJsonTest, NeverFails) {
  Json json;
  json["\xFF"] = "a\xC3";
  json["n"] = std::nan("");
  json["i"] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(DumpJson(json), "{\"i\":null,\"n\":null,\"\xEF\xBF\xBD\":\"a\xEF\xBF\xBD\"}");
}

TEST(DumpJsonTest, DeepValuesNeedNoStack) {
  Json json = Json::array();
  for (int i = 0; i < 1'000'000; ++i) {
    Json outer = Json::array();
    outer.push_back(std::move(json));
    json = std::move(outer);
  }
  EXPECT_EQ(DumpJson(json).size(), 2'000'002u);
  google::protobuf::Value value;
  Json shallow = Json::array({1});
  JsonToValue(shallow, &value);
  EXPECT_EQ(value.list_value().values(0).number_value(), 1);
}

TEST(NumberTextTest, ShortestWithoutExponentInTheMiddle) {
  const struct {
    double number;
    absl::string_view text;
  } kCases[] = {
      {0, "0"},
      {-0.0, "0"},
      {5, "5"},
      {-17, "-17"},
      {0.1, "0.1"},
      {-2.5, "-2.5"},
      {123456.789, "123456.789"},
      {1e-7, "0.0000001"},
      {1.5e-7, "0.00000015"},
      {9.9e-8, "9.9e-8"},
      {1e-8, "1e-8"},
      {1e20, "100000000000000000000"},
      {1.2345678901234567e20, "123456789012345670000"},
      {1e21, "1e+21"},
      {1.5e300, "1.5e+300"},
      {5e-324, "5e-324"},
      {9007199254740993.0, "9007199254740992"},
      {0.30000000000000004, "0.30000000000000004"},
      {std::nan(""), "null"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(NumberText(c.number), c.text);
  }
}

TEST(NumberTextTest, ReadsBackTheSame) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t bits = random();
    double number;
    static_assert(sizeof(number) == sizeof(bits));
    std::memcpy(&number, &bits, sizeof(number));
    if (std::isfinite(number)) {
      ASSERT_EQ(std::strtod(NumberText(number).c_str(), nullptr), number) << NumberText(number);
    }
  }
}

TEST(JsonTextTest, OfEveryKind) {
  EXPECT_EQ(JsonText(Json("a \"b\"\n")), "a \"b\"\n");
  EXPECT_EQ(JsonText(Json(5)), "5");
  EXPECT_EQ(JsonText(Json(5.0)), "5");
  EXPECT_EQ(JsonText(Json(0.00001)), "0.00001");
  EXPECT_EQ(JsonText(Json(true)), "true");
  EXPECT_EQ(JsonText(Json(nullptr)), "");
  EXPECT_EQ(JsonText(Json({{"b", "<&>"}, {"a", {1, 2.5, nullptr}}})), "{\"a\":[1,2.5,null],\"b\":\"<&>\"}");
}

TEST(JsonValueTest, RoundTrip) {
  const Json json = *ParseJson("{\"a\":[1,2.5,\"x\",true,null,{},[]],\"b\":{\"c\":{\"d\":-3}},\"\":\"\"}");
  google::protobuf::Struct value;
  JsonToStruct(json, &value);
  EXPECT_EQ(DumpJson(*JsonFromStruct(value)), DumpJson(json));
  google::protobuf::Value wrapped;
  JsonToValue(json, &wrapped);
  EXPECT_EQ(DumpJson(*JsonFromValue(wrapped)), DumpJson(json));
  EXPECT_TRUE(JsonFromValue(wrapped)->at("a")[0].is_number_integer());
}

TEST(JsonValueTest, OverwritesAndDefaults) {
  google::protobuf::Value value;
  EXPECT_TRUE(JsonFromValue(value)->is_null());
  value.set_string_value("old");
  JsonToValue(Json(1), &value);
  EXPECT_EQ(value.number_value(), 1);
  google::protobuf::Struct object;
  (*object.mutable_fields())["old"] = value;
  JsonToStruct(Json::array(), &object);
  EXPECT_EQ(object.fields_size(), 0);
}

TEST(JsonValueTest, RefusesWhatJsonCannotHold) {
  google::protobuf::Value value;
  value.set_number_value(std::nan(""));
  EXPECT_EQ(JsonFromValue(value).status().code(), absl::StatusCode::kInvalidArgument);
  google::protobuf::Value deep;
  google::protobuf::Value* at = &deep;
  for (int i = 0; i <= limits::kSpecDepth; ++i) at = at->mutable_list_value()->add_values();
  EXPECT_THAT(std::string(JsonFromValue(deep).status().message()), HasSubstr("kSpecDepth"));
  google::protobuf::Struct wide;
  auto* list = (*wide.mutable_fields())["a"].mutable_list_value();
  for (int64_t i = 0; i <= limits::kSpecNodes; ++i) list->add_values();
  EXPECT_THAT(std::string(JsonFromStruct(wide).status().message()), HasSubstr("kSpecNodes"));
}

// Any bytes give a value or an error, and a value survives being written and read.
TEST(ParseJsonTest, MutatedTexts) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const std::string base =
      "{\"a\":[1,-2.5e3,\"x\\u00e9\",true,null],\"b\":{\"c\":\"\xE2\x82\xAC\"},\"d\":12345678901234567890}";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = base;
    for (int edits = 1 + static_cast<int>(random() % 4); edits > 0; --edits) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.insert(at, 1, "{}[],:\"\\0e.-"[random() % 12]);
          break;
        default:
          text.erase(at, 1 + random() % 3);
      }
      if (text.empty()) text = "x";
    }
    const auto json = ParseJson(text);
    if (json.ok()) {
      const std::string canonical = DumpJson(*json);
      const auto again = ParseJson(canonical);
      ASSERT_TRUE(again.ok()) << canonical;
      ASSERT_EQ(DumpJson(*again), canonical);
    } else {
      ASSERT_EQ(json.status().code(), absl::StatusCode::kInvalidArgument);
      ASSERT_TRUE(IsUtf8(json.status().message()));
    }
  }
}

}  // namespace
}  // namespace penstock
