#include "scheduler/plan/values/parameter_type.h"

#include <optional>
#include <string>

#include "gtest/gtest.h"

namespace penstock {
namespace {

using ml_pipelines::ParameterType;

Json J(absl::string_view text) {
  absl::StatusOr<Json> json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << text << ": " << json.status();
  return json.ok() ? *json : Json();
}

struct Case {
  std::string value;
  ParameterTypeEnum type;
  std::optional<std::string> want;  // nothing: an error
};

TEST(ConvertParameterTest, FollowsTheTable) {
  const Case cases[] = {
      {R"("a")", ParameterType::STRING, R"("a")"},
      {R"("")", ParameterType::STRING, R"("")"},
      {"5", ParameterType::STRING, R"("5")"},
      {"5.0", ParameterType::STRING, R"("5")"},
      {"0.1", ParameterType::STRING, R"("0.1")"},
      {"1e8", ParameterType::STRING, R"("100000000")"},
      {"0.00001", ParameterType::STRING, R"("0.00001")"},
      {"1e20", ParameterType::STRING, R"("100000000000000000000")"},
      {"true", ParameterType::STRING, R"("true")"},
      {"null", ParameterType::STRING, R"("")"},
      {R"([1, "a<b"])", ParameterType::STRING, R"("[1,\"a<b\"]")"},
      {R"({"b": 1.0, "a": [null]})", ParameterType::STRING, R"("{\"a\":[null],\"b\":1}")"},
      {"5", ParameterType::NUMBER_INTEGER, "5"},
      {"5.5", ParameterType::NUMBER_INTEGER, "5.5"},  // KFP does not check that it is whole
      {"5.5", ParameterType::NUMBER_DOUBLE, "5.5"},
      {R"("5")", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"true", ParameterType::NUMBER_DOUBLE, std::nullopt},
      {"true", ParameterType::BOOLEAN, "true"},
      {R"("true")", ParameterType::BOOLEAN, std::nullopt},
      {"1", ParameterType::BOOLEAN, std::nullopt},
      {"[1]", ParameterType::LIST, "[1]"},
      {R"("[1]")", ParameterType::LIST, std::nullopt},
      {"{}", ParameterType::LIST, std::nullopt},
      {R"({"a":1})", ParameterType::STRUCT, R"({"a":1})"},
      {"[]", ParameterType::STRUCT, std::nullopt},
      {R"({"state":"FAILED"})", ParameterType::TASK_FINAL_STATUS, R"({"state":"FAILED"})"},
      {"{}", ParameterType::TASK_CONFIG, "{}"},
      {"null", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"null", ParameterType::LIST, std::nullopt},
      {"1", ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED, std::nullopt},
      {R"("a")", ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED, std::nullopt},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<Json> got = ConvertParameter(J(c.value), c.type);
    ASSERT_EQ(got.ok(), c.want.has_value()) << c.value << " as " << ParameterTypeName(c.type);
    if (got.ok()) {
      EXPECT_EQ(DumpJson(*got), *c.want);
    }
  }
}

TEST(ConvertParameterTest, SaysWhatWasWantedAndFound) {
  const absl::StatusOr<Json> got =
      ConvertParameter(Json(std::string(500, 'x')), ParameterType::NUMBER_INTEGER);
  EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(got.status().message().find("its type is NUMBER_INTEGER, and the value is a text: \"xxx"),
            absl::string_view::npos)
      << got.status();
  EXPECT_LT(got.status().message().size(), 150u);
}

TEST(ParameterTypeNameTest, NamesUnknownTypes) {
  EXPECT_EQ(ParameterTypeName(ParameterType::LIST), "LIST");
  EXPECT_EQ(ParameterTypeName(ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED), "unspecified");
  EXPECT_EQ(ParameterTypeName(static_cast<ParameterTypeEnum>(77)), "unknown type 77");
}

TEST(ParseParameterFileTest, FollowsTheTable) {
  const Case cases[] = {
      {"text\n", ParameterType::STRING, R"("text\n")"},
      {"", ParameterType::STRING, R"("")"},
      {"\xff", ParameterType::STRING, std::nullopt},
      {" 42\n", ParameterType::NUMBER_INTEGER, "42"},
      {"-7", ParameterType::NUMBER_INTEGER, "-7"},
      {"9223372036854775807", ParameterType::NUMBER_INTEGER, "9223372036854775807"},
      {"9223372036854775808", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"4.0", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"0x10", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"", ParameterType::NUMBER_INTEGER, std::nullopt},
      {"1 2", ParameterType::NUMBER_INTEGER, std::nullopt},
      {" 0.25\n", ParameterType::NUMBER_DOUBLE, "0.25"},
      {"1e3", ParameterType::NUMBER_DOUBLE, "1000"},
      {"10", ParameterType::NUMBER_DOUBLE, "10"},
      {"nan", ParameterType::NUMBER_DOUBLE, std::nullopt},
      {"inf", ParameterType::NUMBER_DOUBLE, std::nullopt},
      {"1e999", ParameterType::NUMBER_DOUBLE, std::nullopt},
      {"abc", ParameterType::NUMBER_DOUBLE, std::nullopt},
      {"1", ParameterType::BOOLEAN, "true"},
      {"t", ParameterType::BOOLEAN, "true"},
      {"T", ParameterType::BOOLEAN, "true"},
      {"TRUE", ParameterType::BOOLEAN, "true"},
      {"true", ParameterType::BOOLEAN, "true"},
      {"True\n", ParameterType::BOOLEAN, "true"},
      {"0", ParameterType::BOOLEAN, "false"},
      {"f", ParameterType::BOOLEAN, "false"},
      {"F", ParameterType::BOOLEAN, "false"},
      {"FALSE", ParameterType::BOOLEAN, "false"},
      {"false", ParameterType::BOOLEAN, "false"},
      {"False", ParameterType::BOOLEAN, "false"},
      {"yes", ParameterType::BOOLEAN, std::nullopt},
      {"tRUE", ParameterType::BOOLEAN, std::nullopt},
      {"[1, 2]\n", ParameterType::LIST, "[1,2]"},
      {"{}", ParameterType::LIST, std::nullopt},
      {R"({"a": 1})", ParameterType::STRUCT, R"({"a":1})"},
      {"[]", ParameterType::STRUCT, std::nullopt},
      {"not json", ParameterType::STRUCT, std::nullopt},
      {"{}", ParameterType::TASK_FINAL_STATUS, std::nullopt},
      {"x", ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED, std::nullopt},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<Json> got = ParseParameterFile(c.value, c.type);
    ASSERT_EQ(got.ok(), c.want.has_value()) << c.value << " as " << ParameterTypeName(c.type);
    if (got.ok()) {
      EXPECT_EQ(DumpJson(*got), *c.want) << c.value;
    } else {
      EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace penstock
