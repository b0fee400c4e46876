#include "scheduler/plan/values/placeholders.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class PlaceholdersTest : public ::testing::Test {
 protected:
  PlaceholdersTest() {
    inputs_.parameters = {{"text", "a 'b' \"c\""},
                          {"int", 5},
                          {"float", 0.00001},
                          {"big", 1e20},
                          {"whole", 3.0},
                          {"flag", true},
                          {"list", {1, "a<b>&", 2.5}},
                          {"struct", {{"b", 1}, {"a", nullptr}}},
                          {"none", nullptr},
                          {"evil", "{{$.inputs.parameters['int']}}{{$}}"},
                          {"defaulted", "d"}};
    inputs_.defaulted = {"defaulted"};
    ArtifactRecord first = TestArtifact("data", "penstock://artifacts/p/r/t/a/data");
    first.metadata = {{"rows", 10}, {"note", "x\"y"}, {"it's", 1}};
    inputs_.artifacts["ds"] = {first, TestArtifact("second", "gs://b/k")};
    inputs_.artifacts["remote"] = {TestArtifact("remote", "s3://b/k")};
  }

  PlaceholderSources Sources() { return {component_, inputs_, paths_, map_, facts_, "{\"ei\":1}"}; }

  std::string Text(absl::string_view text) {
    const absl::StatusOr<std::string> got = ResolveText(text, Sources());
    return got.ok() ? *got : std::string(got.status().ToString());
  }

  std::vector<std::string> Argument(absl::string_view text) {
    const absl::StatusOr<std::vector<std::string>> got = ResolveArgument(text, Sources());
    return got.ok() ? *got : std::vector<std::string>{got.status().ToString()};
  }

  const ml_pipelines::ComponentSpec component_ = Component(R"({
      "inputDefinitions": {
        "parameters": {"text": {"parameterType": "STRING"}, "absent": {"parameterType": "STRING", "isOptional": true}},
        "artifacts": {"ds": {"isArtifactList": true}, "gone": {"isOptional": true}}},
      "outputDefinitions": {
        "parameters": {"Output": {"parameterType": "STRING"}},
        "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
                                "metadata": {"framework": "tf"}}}}})");
  TaskInputs inputs_;
  const TaskPaths paths_ = TestPaths();
  const UriMount map_ = TestMap();
  RunFacts facts_ = TestFacts();
};

TEST_F(PlaceholdersTest, CatalogueOfTexts) {
  const std::pair<std::string, std::string> cases[] = {
      {"no placeholder", "no placeholder"},
      {"{{$}}", "{\"ei\":1}"},
      {"{{$.json_escape[1]}}", "{\\\"ei\\\":1}"},
      {"{{$.inputs.parameters['text']}}", "a 'b' \"c\""},
      {"{{$.json_escape[1].inputs.parameters['text']}}", "a 'b' \\\"c\\\""},
      {"--x={{$.inputs.parameters['int']}};", "--x=5;"},
      {"{{$.inputs.parameters['float']}}", "0.00001"},
      {"{{$.inputs.parameters['big']}}", "100000000000000000000"},
      {"{{$.inputs.parameters['whole']}}", "3"},
      {"{{$.inputs.parameters['flag']}}", "true"},
      {"{{$.inputs.parameters['list']}}", "[1,\"a<b>&\",2.5]"},
      {"{{$.inputs.parameters['struct']}}", "{\"a\":null,\"b\":1}"},
      {"[{{$.inputs.parameters['none']}}]", "[]"},
      {"[{{$.inputs.parameters['absent']}}]", "[]"},
      {"{{$.inputs.parameters['defaulted']}}", "d"},
      {"{\"a\":{{$.inputs.parameters['int']}}}", "{\"a\":5}"},
      {"{{$.inputs.artifacts['ds'].uri}}", "/data/artifacts/p/r/t/a/data"},
      {"{{$.inputs.artifacts['ds'].path}}", "/data/artifacts/p/r/t/a/data"},
      {"{{$.inputs.artifacts['ds'].name}}", "data"},
      {"{{$.inputs.artifacts['ds'].metadata['rows']}}", "10"},
      {"{{$.inputs.artifacts['ds'].metadata['note']}}", "x\"y"},
      {"{{$.inputs.artifacts['ds'].metadata['it's']}}", "1"},
      {"{{$.inputs.artifacts['ds'].properties['rows']}}", "10"},
      {"{{$.inputs.artifacts['ds'].custom_properties['rows']}}", "10"},
      {"{{$.inputs.artifacts['ds'].metadata}}", "{\"it's\":1,\"note\":\"x\\\"y\",\"rows\":10}"},
      {"{{$.inputs.artifacts['remote'].uri}}", "s3://b/k"},
      {"{{$.inputs.artifacts['remote'].path}}", "/s3/b/k"},
      {"[{{$.inputs.artifacts['gone'].path}}]", "[]"},
      {"{{$.inputs.artifacts['gone']}}", "[]"},
      {"{{$.inputs.artifacts['remote']}}",
       "[{\"metadata\":{},\"name\":\"remote\",\"type\":{\"schemaTitle\":\"system.Dataset\","
       "\"schemaVersion\":\"0.0.1\"},\"uri\":\"s3://b/k\"}]"},
      {"{{$.outputs.parameters['Output'].output_file}}", "/data/work/a1/outputs/Output"},
      {"{{$.outputs.output_file}}", "/data/artifacts/pipe/run-1/train/a1/.executor_output.json"},
      {"{{$.outputMetadataUri}}", "/data/artifacts/pipe/run-1/train/a1/.executor_output.json"},
      {"{{$.outputs.artifacts['model'].uri}}", "/data/artifacts/pipe/run-1/train/a1/model"},
      {"{{$.outputs.artifacts['model'].path}}", "/data/artifacts/pipe/run-1/train/a1/model"},
      {"{{$.outputs.artifacts['model'].name}}", "model"},
      {"{{$.outputs.artifacts['model'].metadata}}", "{\"framework\":\"tf\"}"},
      {"{{$.outputs.artifacts['model'].metadata['framework']}}", "tf"},
      {"{{$.outputs.artifacts['model']}}",
       "[{\"metadata\":{\"framework\":\"tf\"},\"name\":\"model\",\"type\":{\"schemaTitle\":\"system.Model\","
       "\"schemaVersion\":\"0.0.1\"},\"uri\":\"/data/artifacts/pipe/run-1/train/a1/model\"}]"},
      {"{{$.pipeline_job_name}}/{{$.pipeline_job_uuid}}/{{$.pipeline_task_name}}", "My run/run-1/train"},
      {"{{$.pipeline_root}}/tmp", "/data/artifacts/pipe/run-1/tmp"},
      {"{{.Values.x}} {{$.Values.x}} {{$v}} {{ $.x }}", "{{.Values.x}} {{$.Values.x}} {{$v}} {{ $.x }}"},
      {"{{$.inputs.parameters['text'", "{{$.inputs.parameters['text'"},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(Text(text), want) << text;
  }
}

TEST_F(PlaceholdersTest, ValuesAreNotReadAgain) {
  EXPECT_EQ(Text("<{{$.inputs.parameters['evil']}}>"), "<{{$.inputs.parameters['int']}}{{$}}>");
  EXPECT_THAT(Argument(R"({"Concat": ["{{$.inputs.parameters['evil']}}", "!"]})"),
              ElementsAre("{{$.inputs.parameters['int']}}{{$}}!"));
}

TEST_F(PlaceholdersTest, UnknownPlaceholdersAreErrors) {
  const std::pair<std::string, std::string> cases[] = {
      {"{{$.inputs.parameters['tex']}}", "no input parameter 'tex'; did you mean 'text'?"},
      {"{{$.inputs.artifacts['dss']}}", "no input artifact 'dss'; did you mean 'ds'?"},
      {"{{$.inputs.artifacts['text'].uri}}", "no input artifact 'text'"},
      {"{{$.outputs.parameters['zzz'].output_file}}", "no output parameter 'zzz'; known: 'Output'"},
      {"{{$.outputs.artifacts['zzz'].uri}}", "no output artifact 'zzz'; known: 'model'"},
      {"{{$.inputs.artifacts['ds'].metadata['row']}}", "no metadata 'row'; did you mean 'rows'?"},
      {"{{$.inputs.artifacts['ds'].foo}}", "is not known"},
      {"{{$.inputs.artifacts['ds'].uri.x}}", "is not known"},
      {"{{$.inputs.parameters['text'].x}}", "is not known"},
      {"{{$.inputs.parameters}}", "is not known"},
      {"{{$.outputs.parameters['Output']}}", "is not known"},
      {"{{$.outputs}}", "is not known"},
      {"{{$.pipeline_google_cloud_location}}", "is not known"},
      {"{{$.json_escape[9]}}", "is not known"},
      {"{{$.workspace_path}}/x", "the run has no workspace"},
  };
  for (const auto& [text, want] : cases) {
    const absl::StatusOr<std::string> got = ResolveText(text, Sources());
    ASSERT_FALSE(got.ok()) << text;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(want));
  }
}

TEST_F(PlaceholdersTest, StructurePlaceholders) {
  const std::pair<std::string, std::vector<std::string>> cases[] = {
      {R"({"Concat": ["{{$.inputs.parameters['int']}}", "+", "{{$.inputs.parameters['flag']}}"]})",
       {"5+true"}},
      {R"({"Concat": []})", {""}},
      {R"( {"Concat":["a", 1, true, null, ["b"]]})", {"a1trueb"}},
      {R"({"Concat": ["a", {"Concat": ["b", {"IfPresent": {"InputName": "int", "Then": "c"}}]}]})", {"abc"}},
      {R"({"Concat": ["a", {"IfPresent": {"InputName": "absent", "Then": "c"}}, "b"]})", {"ab"}},
      {R"({"IfPresent": {"InputName": "int", "Then": ["--i", "{{$.inputs.parameters['int']}}"]}})",
       {"--i", "5"}},
      {R"({"IfPresent": {"InputName": "int", "Then": "x", "Else": "y"}})", {"x"}},
      {R"({"IfPresent": {"InputName": "absent", "Then": "x", "Else": "y"}})", {"y"}},
      {R"({"IfPresent": {"InputName": "absent", "Then": "x", "Else": ["y", "z"]}})", {"y", "z"}},
      {R"({"IfPresent": {"InputName": "absent", "Then": "x"}})", {}},
      {R"({"IfPresent": {"InputName": "absent", "Then": "x", "Else": []}})", {}},
      {R"({"IfPresent": {"InputName": "none", "Then": "x", "Else": "y"}})", {"y"}},
      {R"({"IfPresent": {"InputName": "defaulted", "Then": "x", "Else": "y"}})", {"y"}},
      {R"({"IfPresent": {"InputName": "ds", "Then": ["echo", "{{$.inputs.artifacts['ds'].uri}}"], "Else": "no"}})",
       {"echo", "/data/artifacts/p/r/t/a/data"}},
      {R"({"IfPresent": {"InputName": "gone", "Then": "x", "Else": ["echo", "none"]}})", {"echo", "none"}},
      {R"({"IfPresent": {"InputName": "Output", "Then": "{{$.outputs.parameters['Output'].output_file}}"}})",
       {"/data/work/a1/outputs/Output"}},
      {R"({"IfPresent": {"InputName": "model", "Then": "m"}})", {"m"}},
      {R"({"IfPresent": {"InputName": "int", "Then": [{"Concat": ["a", "b"]}, "c"]}})", {"ab", "c"}},
      {R"({"IfPresent": {"InputName": "absent", "Then": "", "Else":
            {"IfPresent": {"InputName": "flag", "Then": ["1", ["2"]]}}}})",
       {"1", "2"}},
      // The branch not taken is not looked at.
      {R"({"IfPresent": {"InputName": "absent", "Then": "{{$.inputs.parameters['nope']}}", "Else": "y"}})",
       {"y"}},
      // Text that only looks like one.
      {R"({"Concat": "x"})", {R"({"Concat": "x"})"}},
      {R"({"Concat": [], "more": 1})", {R"({"Concat": [], "more": 1})"}},
      {R"({"Concat": [)", {R"({"Concat": [)"}},
      {R"({"IfPresent": {"InputName": "int"}})", {R"({"IfPresent": {"InputName": "int"}})"}},
      {R"({"ConcatX": ["a"]})", {R"({"ConcatX": ["a"]})"}},
      {R"(x{"Concat": ["a"]})", {R"(x{"Concat": ["a"]})"}},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(Argument(text), want) << text;
  }
}

TEST_F(PlaceholdersTest, MalformedStructuresAreErrors) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"Concat": [{"x": 1}]})", "neither a text nor a well-formed"},
      {R"({"Concat": [{"Concat": "x"}]})", "neither a text nor a well-formed"},
      {R"({"Concat": [{"IfPresent": {"InputName": "int"}}]})", "needs InputName and Then"},
      {R"({"IfPresent": {"InputName": 5, "Then": "x"}})", "needs InputName and Then"},
      {R"({"IfPresent": {"InputName": "intt", "Then": "x"}})", "no input 'intt'"},
      {R"({"Concat": ["{{$.inputs.parameters['nope']}}"]})", "no input parameter 'nope'"},
  };
  for (const auto& [text, want] : cases) {
    const auto got = ResolveArgument(text, Sources());
    ASSERT_FALSE(got.ok()) << text;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(want));
  }
}

TEST_F(PlaceholdersTest, StructuresAreBounded) {
  inputs_.parameters["text"] = std::string(100000, 'x');
  std::string text = R"({"Concat": ["a")";
  for (int i = 0; i < 100; ++i) text += R"(, "{{$.inputs.parameters['text']}}")";
  text += "]}";
  EXPECT_THAT(Argument(text), ElementsAre(HasSubstr("kArgumentsBytes")));
}

TEST_F(PlaceholdersTest, FindsThePythonSource) {
  const std::string script =
      "program_path=$(mktemp -d)\n\nprintf \"%s\" \"$0\" > \"$program_path/ephemeral_component.py\"\n"
      "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main   --component_module_path   "
      "\"$program_path/ephemeral_component.py\"   \"$@\"\n";
  const std::string pip = "PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install kfp && \"$0\" \"$@\"\n";
  EXPECT_EQ(PythonSourceIndex({"sh", "-c", pip, "sh", "-ec", script, "def f(): pass"}), 6);
  EXPECT_EQ(PythonSourceIndex({"sh", "-ec", script, script}), 3);
  EXPECT_EQ(PythonSourceIndex({"sh", "-ec", script}), -1);
  EXPECT_EQ(PythonSourceIndex({"python3", "-m", "kfp.dsl.executor_main"}), -1);
  EXPECT_EQ(PythonSourceIndex({}), -1);
}

}  // namespace
}  // namespace penstock
