#include "scheduler/plan/values/collect_outputs.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

constexpr absl::string_view kModelUri = "penstock://artifacts/pipe/run-1/train/a1/model";

absl::StatusOr<TaskOutputs> Collect(absl::string_view output_definitions,
                                    std::optional<std::string> executor_output,
                                    const std::map<std::string, std::string>& files = {}) {
  return CollectOutputs(Component("{\"outputDefinitions\": " + std::string(output_definitions) + "}"),
                        "train", TestPaths(), TestMap(), executor_output, files);
}

// One output parameter 'p'. Gives its value as JSON, or the error.
std::string Parameter(absl::string_view type, std::optional<std::string> executor_output,
                      const std::map<std::string, std::string>& files = {}) {
  const auto got = Collect("{\"parameters\": {\"p\": {\"parameterType\": \"" + std::string(type) + "\"}}}",
                           std::move(executor_output), files);
  return got.ok() ? DumpJson(got->parameters.at("p")) : std::string(got.status().message());
}

// One output artifact 'model'. Gives it, or fails the test.
ArtifactRecord Artifact(absl::string_view executor_output) {
  const auto got = Collect(R"({"artifacts": {"model": {
      "artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}, "metadata": {"declared": 1, "both": 1}}}})",
                           std::string(executor_output));
  EXPECT_TRUE(got.ok()) << got.status();
  return got.ok() && got->artifacts.at("model").size() == 1 ? got->artifacts.at("model")[0]
                                                            : ArtifactRecord();
}

TEST(CollectArtifactsTest, APathThatIsUploadedBecomesItsPlaceInTheStore) {
  const auto component = Component(R"({"outputDefinitions": {"artifacts": {"model": {}}}})");
  const auto uri_of = [&](std::optional<std::string> reported) {
    const auto got = CollectOutputs(component, "train", RemotePaths(), TestMap(), reported, {});
    EXPECT_TRUE(got.ok()) << got.status();
    const ArtifactRecord& model = got->artifacts.at("model").at(0);
    EXPECT_EQ(model.content_path, "");
    return model.uri;
  };
  EXPECT_EQ(uri_of(std::nullopt), "s3://team/root/pipe/run-1/train/a1/model");
  EXPECT_EQ(uri_of(R"({"artifacts": {"model": {"artifacts": [
      {"uri": "/data/work/a1/artifacts/pipe/run-1/train/a1/model/best"}]}}})"),
            "s3://team/root/pipe/run-1/train/a1/model/best");
  EXPECT_EQ(uri_of(R"({"artifacts": {"model": {"artifacts": [
      {"custom_path": "/data/work/a1/artifacts/pipe/run-1/train/a1/moved"}]}}})"),
            "s3://team/root/pipe/run-1/train/a1/moved");
  // What others put to the data directory is there as ever.
  EXPECT_EQ(uri_of(R"({"artifacts": {"model": {"artifacts": [{"uri": "/data/artifacts/p/x"}]}}})"),
            "penstock://artifacts/p/x");
  EXPECT_EQ(uri_of(R"({"artifacts": {"model": {"artifacts": [{"uri": "s3://mine/x"}]}}})"), "s3://mine/x");
}

TEST(CollectParametersTest, Precedence) {
  EXPECT_EQ(Parameter("STRING", R"({"parameterValues": {"p": "eo"}})"), "\"eo\"");
  EXPECT_EQ(Parameter("STRING", R"({"parameterValues": {"p": "eo"}})", {{"p", "file"}}), "\"eo\"");
  EXPECT_EQ(Parameter("STRING", "{}", {{"p", "file\n"}}), "\"file\\n\"");
  EXPECT_EQ(Parameter("STRING", std::nullopt, {{"p", "file"}}), "\"file\"");
  EXPECT_EQ(Parameter("STRING", R"({"parameterValues": {"p": null}})", {{"p", "file"}}), "\"file\"");
  EXPECT_EQ(Parameter("STRING", R"({"parameter_values": {"p": "snake"}})"), "\"snake\"");
  EXPECT_EQ(Parameter("STRING", R"({"parameterValues": null})", {{"p", "file"}}), "\"file\"");
  const std::string missing =
      "task 'train', output parameter 'p': the task succeeded without writing it: it is neither in the "
      "executor output "
      "/data/work/a1/.executor_output.json nor in the file /data/work/a1/outputs/p";
  EXPECT_EQ(Parameter("STRING", std::nullopt), missing);
  EXPECT_EQ(Parameter("STRING", "{}", {{"other", "x"}}), missing);
  EXPECT_EQ(Parameter("STRING", R"({"parameterValues": {"p": null}})"), missing);
}

TEST(CollectParametersTest, TheFirstMissingOneIsNamed) {
  const auto got =
      Collect(R"({"parameters": {"c": {"parameterType": "STRING"}, "a": {"parameterType": "STRING"},
                                              "b": {"parameterType": "STRING"}}})",
              "{}");
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("output parameter 'a'"));
}

TEST(CollectParametersTest, ReportedValuesAreChecked) {
  struct Case {
    std::string type;
    std::string value;
    std::string want;
  };
  const Case cases[] = {
      {"STRING", "\"x\"", "\"x\""},
      {"NUMBER_INTEGER", "10", "10"},
      {"NUMBER_INTEGER", "9007199254740993", "9007199254740993"},
      {"NUMBER_DOUBLE", "10.0", "10"},
      {"NUMBER_DOUBLE", "0.1", "0.1"},
      {"BOOLEAN", "true", "true"},
      {"LIST", "[1, {\"a\": 2}]", "[1,{\"a\":2}]"},
      {"STRUCT", "{\"a\": 1.0}", "{\"a\":1}"},
      {"STRING", "5", "its type is STRING, and the value is a number: 5"},
      {"NUMBER_INTEGER", "\"5\"", "its type is NUMBER_INTEGER, and the value is a text"},
      {"NUMBER_DOUBLE", "true", "its type is NUMBER_DOUBLE, and the value is true or false"},
      {"BOOLEAN", "1", "its type is BOOLEAN"},
      {"LIST", "{}", "its type is LIST"},
      {"STRUCT", "[]", "its type is STRUCT"},
      {"PARAMETER_TYPE_ENUM_UNSPECIFIED", "1", "its type is unspecified"},
      {"NUMBER_DOUBLE", "NaN", "NaN and infinity cannot be passed on"},
      {"LIST", "[1, -Infinity]", "NaN and infinity cannot be passed on"},
  };
  for (const Case& c : cases) {
    EXPECT_THAT(Parameter(c.type, "{\"parameterValues\": {\"p\": " + c.value + "}}"), HasSubstr(c.want))
        << c.value;
  }
}

TEST(CollectParametersTest, FilesAreParsed) {
  EXPECT_EQ(Parameter("NUMBER_INTEGER", std::nullopt, {{"p", " 7\n"}}), "7");
  EXPECT_EQ(Parameter("LIST", std::nullopt, {{"p", "[1]"}}), "[1]");
  EXPECT_THAT(
      Parameter("NUMBER_INTEGER", std::nullopt, {{"p", "seven"}}),
      HasSubstr("task 'train', output parameter 'p': \"seven\" was written, its type is NUMBER_INTEGER: "));
}

TEST(CollectOutputsTest, UndeclaredOutputsAreIgnored) {
  const auto got =
      Collect("{}", R"({"parameterValues": {"x": NaN}, "artifacts": {"y": 5}, "more": 1})", {{"z", "1"}});
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_TRUE(got->parameters.empty());
  EXPECT_TRUE(got->artifacts.empty());
}

TEST(CollectOutputsTest, MalformedExecutorOutputs) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "not valid JSON"},
      {"{", "not valid JSON"},
      {"[]", "it is a list, not an object"},
      {R"({"parameterValues": []})", "its parameterValues is a list, not an object"},
      {R"({"artifacts": "x"})", "its artifacts is a text, not an object"},
      {R"({"artifacts": {"model": 5}})", "reported as a number"},
      {R"({"artifacts": {"model": {"artifacts": 5}}})", "are a number, not a list"},
      {R"({"artifacts": {"model": {"artifacts": [5]}}})", "an artifact is reported as a number"},
      {R"({"artifacts": {"model": {"artifacts": [{"uri": 5}]}}})", "its uri is a number, not a text"},
      {R"({"artifacts": {"model": {"artifacts": [{"metadata": []}]}}})", "its metadata are a list"},
  };
  for (const auto& [text, want] : cases) {
    const auto got = Collect(R"({"artifacts": {"model": {}}})", text);
    ASSERT_FALSE(got.ok()) << text;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(want));
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("task 'train', "));
  }
}

TEST(CollectArtifactsTest, UnreportedOnesAreAsDeclared) {
  for (const absl::string_view text :
       {"{}", R"({"artifacts": {"model": {"artifacts": []}}})", R"({"artifacts": {"model": null}})",
        R"({"artifacts": {"model": {}}})"}) {
    const ArtifactRecord got = Artifact(text);
    EXPECT_EQ(got.name, "model");
    EXPECT_EQ(got.uri, kModelUri);
    EXPECT_EQ(got.schema_title, "system.Model");
    EXPECT_EQ(got.schema_version, "0.0.1");
    EXPECT_EQ(got.metadata, (Json{{"declared", 1}, {"both", 1}}));
    EXPECT_FALSE(got.custom_path.has_value());
  }
}

TEST(CollectArtifactsTest, ReportsAreMerged) {
  const ArtifactRecord got = Artifact(R"({"artifacts": {"model": {"artifacts": [
      {"name": "mine", "uri": "/data/artifacts/pipe/run-1/train/a1/model",
       "metadata": {"both": {"x": [true, null]}, "new": "n"}, "custom_path": "/data/artifacts/shared/m"}]}}})");
  EXPECT_EQ(got.name, "mine");
  EXPECT_EQ(got.uri, kModelUri);
  EXPECT_EQ(DumpJson(got.metadata), R"({"both":{"x":[true,null]},"declared":1,"new":"n"})");
  EXPECT_EQ(got.custom_path, "penstock://artifacts/shared/m");
}

TEST(CollectArtifactsTest, Uris) {
  const std::pair<std::string, std::string> cases[] = {
      {"", std::string(kModelUri)},
      {"/data/artifacts/pipe/x", "penstock://artifacts/pipe/x"},
      {"gs://b/k", "gs://b/k"},
      {"/tmp/elsewhere", "/tmp/elsewhere"},
      {"penstock://artifacts/a", "penstock://artifacts/a"},
  };
  for (const auto& [uri, want] : cases) {
    EXPECT_EQ(Artifact("{\"artifacts\": {\"model\": {\"artifacts\": [{\"uri\": \"" + uri + "\"}]}}}").uri,
              want);
  }
  EXPECT_EQ(Artifact(R"({"artifacts": {"model": {"artifacts": [{"customPath": "/mnt/m"}]}}})").custom_path,
            "/mnt/m");
  EXPECT_EQ(Artifact(R"({"artifacts": {"model": {"artifacts": [{"custom_path": "out/m"}]}}})").custom_path,
            "/data/work/a1/out/m");
}

TEST(CollectArtifactsTest, RocCurveWithInfiniteThreshold) {
  const ArtifactRecord got =
      Artifact(R"({"artifacts": {"model": {"artifacts": [{"metadata": {"confidenceMetrics": [
      {"confidenceThreshold": Infinity, "recall": 0.0, "falsePositiveRate": NaN},
      {"confidenceThreshold": -Infinity, "recall": 1.0, "falsePositiveRate": 1.0}]}}]}}})");
  EXPECT_EQ(DumpJson(got.metadata["confidenceMetrics"]),
            R"([{"confidenceThreshold":1.7976931348623157e+308,"falsePositiveRate":null,"recall":0},)"
            R"({"confidenceThreshold":-1.7976931348623157e+308,"falsePositiveRate":1,"recall":1}])");
}

TEST(CollectArtifactsTest, ListsAndSingles) {
  const std::string text = R"({"artifacts": {"x": {"artifacts": [{"uri": "gs://a"}, {"uri": "gs://b"}]}}})";
  auto got = Collect(R"({"artifacts": {"x": {"isArtifactList": true}}})", text);
  ASSERT_TRUE(got.ok()) << got.status();
  ASSERT_EQ(got->artifacts.at("x").size(), 2u);
  EXPECT_EQ(got->artifacts.at("x")[1].uri, "gs://b");
  got = Collect(R"({"artifacts": {"x": {}}})", text);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->artifacts.at("x").size(), 1u);
}

}  // namespace
}  // namespace penstock
