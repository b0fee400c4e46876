#include "pipeline/spec/executor_choice.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using ExecutorSpec = ml_pipelines::PipelineDeploymentConfig::ExecutorSpec;

TEST(ExecutorChoiceTest, ARunSaysItByAPlugin) {
  EXPECT_EQ(*ExecutorOfPlugins(""), "");
  EXPECT_EQ(*ExecutorOfPlugins(R"({"penstock_cache":{"enabled":false}})"), "");
  EXPECT_EQ(*ExecutorOfPlugins(R"({"penstock_executor":{"name":"kubernetes"}})"), "kubernetes");
  for (const char* wrong :
       {R"({})", R"({"name":1})", R"({"name":""})", R"({"name":"a","more":1})", R"([])"}) {
    const auto read = ReadExecutorPlugin("run.plugins_input.penstock_executor", ParseJson(wrong).value());
    EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument) << wrong;
    EXPECT_THAT(std::string(read.status().message()), testing::HasSubstr(R"({"name": "kubernetes"})"));
  }
}

TEST(ExecutorChoiceTest, ATaskSaysItByAVariableOrALabel) {
  ExecutorSpec executor;
  EXPECT_EQ(ExecutorOfTask(executor, nullptr), "");
  google::protobuf::Struct settings;
  auto& metadata = *(*settings.mutable_fields())["podMetadata"].mutable_struct_value();
  auto& labels = *(*metadata.mutable_fields())["labels"].mutable_struct_value();
  (*labels.mutable_fields())["penstock.dev/executor"].set_string_value("kubernetes");
  EXPECT_EQ(ExecutorOfTask(executor, &settings), "kubernetes");
  auto* variable = executor.mutable_container()->add_env();
  variable->set_name("PENSTOCK_EXECUTOR");
  variable->set_value("local");
  EXPECT_EQ(ExecutorOfTask(executor, &settings), "local");
}

}  // namespace
}  // namespace penstock
