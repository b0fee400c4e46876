#include "scheduler/plan/values/executor_input.h"

#include <string>

#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

TEST(ExecutorInputTest, HasTheShapeThatTheSdkReads) {
  const auto component = Component(R"({"outputDefinitions": {
      "parameters": {"Output": {"parameterType": "NUMBER_INTEGER"}},
      "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
                              "metadata": {"framework": "tf", "v": 2}},
                    "raw": {"artifactType": {"instanceSchema": "title: x"}}}}})");
  TaskInputs inputs;
  inputs.parameters = {{"a", 5.0}, {"s", "x"}, {"l", {1}}, {"d", {{"k", 0.5}}}, {"none", nullptr}};
  inputs.artifacts["ds"] = {TestArtifact("123", "penstock://artifacts/p/ds"), TestArtifact("", "gs://b/k")};
  inputs.artifacts["ds"][0].metadata = {{"k", "v"}};
  inputs.artifacts["ds"][0].custom_path = "/mnt/x";
  inputs.artifacts["none"] = {};
  const Json want = Json::parse(R"({
    "inputs": {
      "parameterValues": {"a": 5, "s": "x", "l": [1], "d": {"k": 0.5}},
      "artifacts": {
        "ds": {"artifacts": [
          {"name": "123", "type": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}, "uri": "/mnt/x",
           "metadata": {"k": "v"}, "customPath": "/mnt/x"},
          {"name": "id-1", "type": {"schemaTitle": "system.Dataset", "schemaVersion": "0.0.1"}, "uri": "gs://b/k",
           "metadata": {}}]},
        "none": {"artifacts": []}}},
    "outputs": {
      "parameters": {"Output": {"outputFile": "/data/work/a1/outputs/Output"}},
      "artifacts": {
        "model": {"artifacts": [
          {"name": "model", "type": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"},
           "uri": "/data/artifacts/pipe/run-1/train/a1/model", "metadata": {"framework": "tf", "v": 2}}]},
        "raw": {"artifacts": [
          {"name": "raw", "type": {"instanceSchema": ""}, "uri": "/data/artifacts/pipe/run-1/train/a1/raw",
           "metadata": {}}]}},
      "outputFile": "/data/artifacts/pipe/run-1/train/a1/.executor_output.json"}})");
  const Json got = BuildExecutorInput(component, inputs, TestPaths(), TestMap());
  EXPECT_EQ(DumpJson(got), DumpJson(want));
  EXPECT_EQ(DumpJson(got).find("5.0"), std::string::npos);
}

// It is uploaded from there afterwards.
TEST(ExecutorInputTest, AnOutputForAnObjectStoreIsLeftInTheWorkDirectory) {
  const auto component = Component(R"({"outputDefinitions": {"artifacts": {"my model": {}}}})");
  const Json input = BuildExecutorInput(component, {}, RemotePaths(), TestMap());
  EXPECT_EQ(input["outputs"]["artifacts"]["my model"]["artifacts"][0]["uri"],
            "/data/work/a1/artifacts/pipe/run-1/train/a1/my%20model");
  // Beside it the SDK puts what a function makes a URI for (dsl.get_uri).
  EXPECT_EQ(input["outputs"]["outputFile"],
            "/data/work/a1/artifacts/pipe/run-1/train/a1/.executor_output.json");
  const ArtifactRecord declared = DeclaredOutputArtifacts(component, RemotePaths()).at("my model")[0];
  EXPECT_EQ(TaskUri(TestMap(), declared), "s3://team/root/pipe/run-1/train/a1/my%20model");
  EXPECT_EQ(TaskPath(TestMap(), declared), "/data/work/a1/artifacts/pipe/run-1/train/a1/my%20model");
}

TEST(ExecutorInputTest, NothingAtAll) {
  EXPECT_EQ(DumpJson(BuildExecutorInput(Component("{}"), {}, TestPaths(), TestMap())),
            R"({"inputs":{"artifacts":{},"parameterValues":{}},"outputs":{"artifacts":{},)"
            R"("outputFile":"/data/work/a1/.executor_output.json","parameters":{}}})");
}

TEST(ExecutorInputTest, TheExecutorOutputLiesAmongTheArtifacts) {
  const auto with_artifact =
      Component(R"({"outputDefinitions": {"artifacts": {".executor_output.json": {}}}})");
  const std::string path = ExecutorOutputPath(with_artifact, TestPaths());
  EXPECT_EQ(path, "/data/artifacts/pipe/run-1/train/a1/.executor_output.json");
  const ArtifactMap artifacts = DeclaredOutputArtifacts(with_artifact, TestPaths());
  EXPECT_NE(LocalUri(TestMap(), artifacts.at(".executor_output.json")[0].uri), path);
}

TEST(ExecutorInputTest, OutputNamesCannotLeaveTheirDirectory) {
  const auto component = Component(R"({"outputDefinitions": {
      "parameters": {"../../p": {"parameterType": "STRING"}}, "artifacts": {"../../../a": {}}}})");
  const Json got = BuildExecutorInput(component, {}, TestPaths(), TestMap());
  EXPECT_EQ(got["outputs"]["parameters"]["../../p"]["outputFile"], "/data/work/a1/outputs/%2e.%2f..%2fp");
  EXPECT_EQ(got["outputs"]["artifacts"]["../../../a"]["artifacts"][0]["uri"],
            "/data/artifacts/pipe/run-1/train/a1/%2e.%2f..%2f..%2fa");
}

}  // namespace
}  // namespace penstock
