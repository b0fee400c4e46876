#include "scheduler/plan/values/input_content.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/launch.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ContainerSpec = ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec;
using Need = TaskInputContent::Need;
using testing::HasSubstr;

constexpr char kAll[] = R"({"command": ["python"], "args": ["--executor_input", "{{$}}"]})";
constexpr char kList[] = R"({"args": ["{{$.inputs.artifacts['data']}}"]})";
constexpr char kPath[] = R"({"args": ["{\"Concat\": [\"x=\", \"{{$.inputs.artifacts['data'].path}}\"]}"]})";
constexpr char kUri[] =
    R"({"args": ["{{$.inputs.artifacts['data'].uri}}", "{{$.inputs.artifacts['other'].path}}"]})";

TaskInputs Imported(const std::string& uri) {
  TaskInputs inputs;
  inputs.artifacts["data"] = {TestArtifact("data", uri)};
  inputs.artifacts["data"].front().imported = true;
  return inputs;
}

std::vector<TaskInputContent> Plan(const char* container, TaskInputs& inputs) {
  return PlanInputContent(FromJson<ContainerSpec>(container), TestPaths(), TestMap(), {"s3://known/"},
                          &inputs);
}

TEST(PlanInputContentTest, HttpIsFetchedForWhoReadsIt) {
  for (const char* container : {kAll, kList, kPath}) {
    TaskInputs inputs = Imported("https://host/dir/my%20data.csv?signature=x");
    const auto contents = Plan(container, inputs);
    ASSERT_EQ(contents.size(), 1u) << container;
    EXPECT_EQ(contents[0].input, "data");
    EXPECT_EQ(contents[0].need, Need::kFetched);
    EXPECT_EQ(contents[0].uri, "https://host/dir/my%20data.csv?signature=x");
    EXPECT_EQ(contents[0].path, "/data/work/a1/inputs/data/0/my%2520data.csv");
    EXPECT_EQ(inputs.artifacts["data"][0].content_path, contents[0].path);
    EXPECT_EQ(TaskPath(TestMap(), inputs.artifacts["data"][0]), contents[0].path);
  }
  TaskInputs inputs = Imported("https://host/data.csv");
  EXPECT_TRUE(Plan(kUri, inputs).empty());
  EXPECT_EQ(inputs, Imported("https://host/data.csv"));
}

TEST(PlanInputContentTest, NamesOfFetchedFiles) {
  for (const auto& [url, name] : {std::pair<std::string, std::string>{"http://h", "content"},
                                  {"http://h/", "content"},
                                  {"http://h/a/", "a"},
                                  {"http://h/a/..", "%2e."},
                                  {"http://h/a.csv#x/y", "a.csv"},
                                  {"HTTP://h/a.csv?x=/y", "a.csv"}}) {
    TaskInputs inputs = Imported(url);
    const auto contents = Plan(kAll, inputs);
    ASSERT_EQ(contents.size(), 1u) << url;
    EXPECT_EQ(contents[0].path, "/data/work/a1/inputs/data/0/" + name);
  }
}

TEST(PlanInputContentTest, OtherContentHasToBeThereAlready) {
  const struct {
    std::string uri;
    std::string path;
  } kCases[] = {
      {"/data/x.csv", "/data/x.csv"},
      {"file:///data/a%20b.csv", "/data/a b.csv"},
      {"file://localhost/d/x", "/d/x"},
      {"gs://b/k", "/gcs/b/k"},
      {"hdfs://h/k", "hdfs://h/k"},
      {"x.csv", "x.csv"},
      {"file://elsewhere/d/x", "file://elsewhere/d/x"},
  };
  for (const auto& c : kCases) {
    TaskInputs inputs = Imported(c.uri);
    auto contents = Plan(kPath, inputs);
    ASSERT_EQ(contents.size(), 1u) << c.uri;
    EXPECT_EQ(contents[0].need, Need::kPresent);
    EXPECT_EQ(contents[0].path, c.path);
    contents = Plan(kAll, inputs);
    ASSERT_EQ(contents.size(), 1u) << c.uri;
    EXPECT_EQ(contents[0].need, Need::kPresumed);
    EXPECT_TRUE(Plan(kUri, inputs).empty());
    EXPECT_EQ(inputs, Imported(c.uri));
  }
}

TEST(PlanInputContentTest, WhatTasksMadeIsTheirOwnAffair) {
  TaskInputs inputs;
  inputs.artifacts["data"] = {TestArtifact("data", "https://host/data.csv")};
  EXPECT_TRUE(Plan(kAll, inputs).empty());
}

TEST(PlanInputContentTest, ObjectsOfStoresThatAreKnownAreFetched) {
  for (const char* container : {kAll, kList, kPath}) {
    TaskInputs inputs = Imported("s3://known/a b/c.csv");
    const auto contents = Plan(container, inputs);
    ASSERT_EQ(contents.size(), 1u) << container;
    EXPECT_EQ(contents[0].need, Need::kFetched);
    EXPECT_EQ(contents[0].uri, "s3://known/a b/c.csv");
    EXPECT_EQ(contents[0].path, "/data/work/a1/inputs/data/0/c.csv");
    EXPECT_EQ(contents[0].sha256, "");
  }
  TaskInputs inputs = Imported("s3://known/c.csv");
  EXPECT_TRUE(Plan(kUri, inputs).empty());
  inputs = Imported("s3://known-too/c.csv");
  EXPECT_EQ(Plan(kPath, inputs).at(0).need, Need::kPresent);
}

TEST(PlanInputContentTest, ObjectsThatTasksMadeAreFetchedAndTheirHashChecked) {
  TaskInputs inputs;
  inputs.artifacts["data"] = {TestArtifact("data", "gs://b/pipe/run/train/a1/model")};
  EXPECT_TRUE(Plan(kAll, inputs).empty());  // its task named a store that nobody knows here
  inputs.artifacts["data"] = {TestArtifact("data", "s3://known/pipe/run/train/a1/model")};
  EXPECT_EQ(Plan(kAll, inputs).at(0).need, Need::kWanted);
  inputs.artifacts["data"].front().content_sha256 = "abc";
  const auto contents = Plan(kAll, inputs);
  ASSERT_EQ(contents.size(), 1u);
  EXPECT_EQ(contents[0].need, Need::kFetched);
  EXPECT_EQ(contents[0].sha256, "abc");
  inputs.artifacts["data"].front().custom_path = "/mnt/x";
  EXPECT_TRUE(Plan(kAll, inputs).empty());
}

TEST(PlanInputContentTest, WhatIsInTheWorkspaceIsThere) {
  TaskInputs inputs = Imported("https://host/data.csv");
  inputs.artifacts["data"].front().custom_path = "/ws/.artifacts/t/data.csv";
  EXPECT_TRUE(Plan(kAll, inputs).empty());
  EXPECT_EQ(inputs.artifacts["data"].front().content_path, "/ws/.artifacts/t/data.csv");
}

TEST(PlanInputContentTest, EveryArtifactOfAList) {
  TaskInputs inputs = Imported("http://h/a");
  inputs.artifacts["data"].push_back(inputs.artifacts["data"].front());
  EXPECT_EQ(Plan(kAll, inputs).size(), 2u);
  const auto first = Plan(kPath, inputs);  // the placeholder stands for the first
  ASSERT_EQ(first.size(), 1u);
  EXPECT_THAT(first[0].path, HasSubstr("/0/"));
}

// The SDK takes the path from the URI; a placeholder tells them apart.
TEST(PlanInputContentTest, WhatTheTaskIsTold) {
  const auto component = Component(R"({"inputDefinitions": {"artifacts": {"data": {}}}})");
  const auto container = FromJson<ContainerSpec>(
      R"({"image": "i", "command": ["c"],
          "args": ["{{$.inputs.artifacts['data'].uri}}", "{{$.inputs.artifacts['data'].path}}", "{{$}}"]})");
  const auto launch =
      BuildLaunch(container, component, Imported("http://h/a.csv"), TestPaths(), TestMap(), {}, TestFacts());
  ASSERT_TRUE(launch.ok()) << launch.status();
  const std::string path = "/data/work/a1/inputs/data/0/a.csv";
  EXPECT_EQ(launch->argv[1], "http://h/a.csv");
  EXPECT_EQ(launch->argv[2], path);
  const auto input = ParseJson(launch->argv[3]);
  ASSERT_TRUE(input.ok());
  EXPECT_EQ((*input)["inputs"]["artifacts"]["data"]["artifacts"][0]["uri"], path);
  ASSERT_EQ(launch->contents.size(), 1u);
}

}  // namespace
}  // namespace penstock
