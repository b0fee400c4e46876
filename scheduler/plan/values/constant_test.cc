#include "scheduler/plan/values/constant.h"

#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Json> Resolve(absl::string_view constant, bool native) {
  static const std::map<std::string, Json> values = {{"name", "O'Neil \"x\"\n\\"},
                                                     {"n", 9312},
                                                     {"list", {1, 2}},
                                                     {"none", nullptr},
                                                     {"tpl", "{{$.inputs.parameters['n']}}"},
                                                     {"big", std::string(1000000, 'b')}};
  return ResolveConstant(*ParseJson(constant), native, TestFacts(),
                         [](const std::string& name) -> absl::StatusOr<Json> {
                           const auto it = values.find(name);
                           if (it == values.end()) return absl::InvalidArgumentError("no input " + name);
                           return it->second;
                         });
}

TEST(ResolveConstantTest, ReplacesInTheSpaceOfValues) {
  struct Case {
    std::string constant;
    std::string as_text;    // native = false
    std::string as_native;  // native = true
  };
  const Case cases[] = {
      {R"("plain")", R"("plain")", R"("plain")"},
      {"5", "5", "5"},
      {"null", "null", "null"},
      {R"("{{$.inputs.parameters['n']}}")", R"("9312")", "9312"},
      {R"("{{$.inputs.parameters['list']}}")", R"("[1,2]")", "[1,2]"},
      {R"("{{$.inputs.parameters['none']}}")", R"("")", "null"},
      {R"("{{$.json_escape[1].inputs.parameters['n']}}")", R"("9312")", R"("9312")"},
      {R"("n={{$.inputs.parameters['n']}}.")", R"("n=9312.")", R"("n=9312.")"},
      {R"("{{$.inputs.parameters['name']}}")", R"("O'Neil \"x\"\n\\")", R"("O'Neil \"x\"\n\\")"},
      {R"({"a": "{{$.inputs.parameters['n']}}", "b": ["{{$.inputs.parameters['name']}}", 1]})",
       R"({"a":"9312","b":["O'Neil \"x\"\n\\",1]})", R"({"a":"9312","b":["O'Neil \"x\"\n\\",1]})"},
      {R"({"{{$.inputs.parameters['n']}}": true})", R"({"9312":true})", R"({"9312":true})"},
      {R"("{{$.inputs.parameters['tpl']}}")", R"("{{$.inputs.parameters['n']}}")",
       R"("{{$.inputs.parameters['n']}}")"},
      {R"("{{$.pipeline_job_name}}")", R"("My run")", R"("My run")"},
      {R"("at {{$.pipeline_root}}/tmp")", R"("at /data/artifacts/pipe/run-1/tmp")",
       R"("at /data/artifacts/pipe/run-1/tmp")"},
      {R"(["{{$.pipeline_task_name}}"])", R"(["train"])", R"(["train"])"},
      // Other braces are data.
      {R"("{{$}} {{$.outputs.output_file}} {{$.foo}} {{$.Values.x}} {{x}}")",
       R"("{{$}} {{$.outputs.output_file}} {{$.foo}} {{$.Values.x}} {{x}}")",
       R"("{{$}} {{$.outputs.output_file}} {{$.foo}} {{$.Values.x}} {{x}}")"},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<Json> text = Resolve(c.constant, false);
    ASSERT_TRUE(text.ok()) << c.constant << ": " << text.status();
    EXPECT_EQ(DumpJson(*text), c.as_text) << c.constant;
    const absl::StatusOr<Json> native = Resolve(c.constant, true);
    ASSERT_TRUE(native.ok()) << c.constant << ": " << native.status();
    EXPECT_EQ(DumpJson(*native), c.as_native) << c.constant;
  }
}

TEST(ResolveConstantTest, Errors) {
  const std::pair<std::string, std::string> cases[] = {
      {R"("{{$.inputs.parameters['x']}}")", "no input x"},
      {R"("a{{$.inputs.parameters['x']}}")", "no input x"},
      {R"("{{$.inputs.artifacts['x'].uri}}")", "only {{$.inputs.parameters['name']}}"},
      {R"("{{$.workspace_path}}/a")", "no workspace"},
      {R"({"9312": 1, "{{$.inputs.parameters['n']}}": 2})", "'9312' is there twice"},
      {R"(["{{$.inputs.parameters['big']}}", "{{$.inputs.parameters['big']}}", "{{$.inputs.parameters['big']}}",
           "{{$.inputs.parameters['big']}}", "{{$.inputs.parameters['big']}}"])",
       "bytes"},
  };
  for (const auto& [constant, want] : cases) {
    const absl::StatusOr<Json> got = Resolve(constant, true);
    ASSERT_FALSE(got.ok()) << constant;
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(want));
  }
}

TEST(ConstantTest, TellsPlaceholdersApart) {
  EXPECT_TRUE(HasPlaceholder("{{$.x}}"));
  EXPECT_TRUE(HasPlaceholder(Json::parse(R"([{"a": ["{{$.x}}"]}])")));
  EXPECT_TRUE(HasPlaceholder(Json::parse(R"({"{{$.x}}": 1})")));
  EXPECT_FALSE(HasPlaceholder("{{$}}"));
  EXPECT_FALSE(HasPlaceholder(5));
  EXPECT_TRUE(IsLaunchPlaceholder("{{$}}"));
  EXPECT_TRUE(IsLaunchPlaceholder("{{$.json_escape[1]}}"));
  EXPECT_TRUE(IsLaunchPlaceholder("{{$.outputs.output_file}}"));
  EXPECT_TRUE(IsLaunchPlaceholder("{{$.outputMetadataUri}}"));
  EXPECT_FALSE(IsLaunchPlaceholder("x{{$}}"));
  EXPECT_FALSE(IsLaunchPlaceholder("{{$.inputs.parameters['x']}}"));
  EXPECT_FALSE(IsLaunchPlaceholder(Json::array({"{{$}}"})));
}

}  // namespace
}  // namespace penstock
