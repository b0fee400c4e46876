#include "scheduler/plan/values/task_config.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/launch.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ContainerSpec = ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec;

// What a task with these passthroughs is started with.
absl::StatusOr<TaskLaunch> Launch(absl::string_view passthroughs) {
  const auto component = Component(absl::StrCat(
      R"({"inputDefinitions": {"parameters": {"config": {"parameterType": "TASK_CONFIG"}}},
          "taskConfigPassthroughs": )",
      passthroughs, "}"));
  const auto container = FromJson<ContainerSpec>(
      R"({"image": "i", "command": ["c"], "args": ["{{$}}", "{{$.inputs.parameters['config']}}"],
          "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)2"}],
          "resources": {"resourceCpuLimit": "2", "resourceMemoryRequest": "{{$.inputs.parameters['memory']}}",
                        "accelerator": {"resourceType": "nvidia.com/gpu", "resourceCount": "1"}}})");
  TaskInputs inputs;
  inputs.parameters["memory"] = "1Gi";
  inputs.parameters["config"] = Json::object();
  inputs.defaulted.insert("config");
  return BuildLaunch(container, component, inputs, TestPaths(), TestMap(), {}, TestFacts());
}

Json ConfigOf(const TaskLaunch& launch) {
  const auto input = ParseJson(launch.argv[1]);
  EXPECT_TRUE(input.ok());
  const Json config = (*input)["inputs"]["parameterValues"]["config"];
  EXPECT_EQ(launch.argv[2], DumpJson(config));
  return config;
}

TEST(TaskConfigTest, PassesOnWhatTheComponentNames) {
  const auto launch = Launch(R"([{"field": "RESOURCES"}, {"field": "ENV", "applyToTask": true},
                                 {"field": "KUBERNETES_TOLERATIONS"}])");
  ASSERT_TRUE(launch.ok()) << launch.status();
  EXPECT_EQ(
      ConfigOf(*launch),
      Json({{"env", {{{"name", "A"}, {"value", "1"}}, {{"name", "B"}, {"value", "12"}}}},
            {"resources",
             {{"limits", {{"cpu", "2"}, {"nvidia.com/gpu", "1"}}}, {"requests", {{"memory", "1Gi"}}}}}}));
  // Resources go to what the task starts; the variables are also its own.
  EXPECT_EQ(launch->resources.cpu_request_millicores, 0);
  EXPECT_EQ(launch->resources.memory_request_bytes, 0);
  EXPECT_EQ(launch->env.size(), 2u);
}

TEST(TaskConfigTest, WhatIsOnlyPassedOnIsNotTheTasks) {
  const auto launch = Launch(R"([{"field": "ENV"}])");
  ASSERT_TRUE(launch.ok()) << launch.status();
  EXPECT_TRUE(launch->env.empty());
  EXPECT_EQ(ConfigOf(*launch).size(), 1u);
  EXPECT_EQ(launch->resources.cpu_limit_millicores, 2000);
}

TEST(TaskConfigTest, WithoutPassthroughsItIsEmpty) {
  const auto launch = Launch("[]");
  ASSERT_TRUE(launch.ok()) << launch.status();
  EXPECT_EQ(ConfigOf(*launch), Json::object());
  EXPECT_EQ(launch->env.size(), 2u);
  EXPECT_EQ(launch->resources.memory_request_bytes, int64_t{1} << 30);
}

}  // namespace
}  // namespace penstock
