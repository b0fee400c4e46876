#include "scheduler/plan/values/launch.h"

#include <string>
#include <utility>
#include <vector>

#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ContainerSpec = ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec;

class LaunchTest : public ::testing::Test {
 protected:
  absl::StatusOr<TaskLaunch> Build(const ContainerSpec& container) {
    return BuildLaunch(container, component_, inputs_, TestPaths(), TestMap(), {}, facts_);
  }
  absl::StatusOr<TaskLaunch> Build(absl::string_view container) {
    return Build(FromJson<ContainerSpec>(container));
  }
  // What went wrong.
  std::string BuildError(absl::string_view container) {
    const absl::StatusOr<TaskLaunch> got = Build(container);
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument) << container;
    return std::string(got.status().message());
  }

  const ml_pipelines::ComponentSpec component_ = Component(R"({
      "inputDefinitions": {"parameters": {"x": {"parameterType": "STRING"}, "y": {"isOptional": true}}},
      "outputDefinitions": {
        "parameters": {"b": {"parameterType": "STRING"}, "a": {"parameterType": "STRING"}},
        "artifacts": {"model": {"artifactType": {"schemaTitle": "system.Model", "schemaVersion": "0.0.1"}}}}})");
  TaskInputs inputs_ = [] {
    TaskInputs inputs;
    inputs.parameters = {{"x", "X"}, {"base_image", "python:3.11"}, {"cpu_limit", "4000m"}, {"count", 2}};
    return inputs;
  }();
  RunFacts facts_ = TestFacts();
};

TEST_F(LaunchTest, ContainerComponent) {
  const absl::StatusOr<TaskLaunch> got = Build(R"json({
      "image": "{{$.inputs.parameters['base_image']}}",
      "command": ["{{$.inputs.parameters['x']}}", "-c",
                  "{\"IfPresent\": {\"InputName\": \"y\", \"Then\": [\"--y\"]}}"],
      "args": ["--x", "{{$.inputs.parameters['x']}}",
               "{\"IfPresent\": {\"InputName\": \"x\", \"Then\": [\"--a\", \"{{$.outputs.parameters['a'].output_file}}\"]}}"],
      "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)$(C)$$(A)"}, {"name": "A", "value": "{{$}}"}]
})json");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->image, "python:3.11");
  EXPECT_THAT(got->argv, ElementsAre("X", "-c", "--x", "X", "--a", "/data/work/a1/outputs/a"));
  EXPECT_EQ(got->command_size, 2u);
  EXPECT_THAT(got->env, ElementsAre(Pair("A", "{{$}}"), Pair("B", "1$(C)$(A)")));
  EXPECT_THAT(got->directories,
              ElementsAre("/data/work/a1", "/data/work/a1/outputs", "/data/artifacts/pipe/run-1/train/a1"));
  EXPECT_EQ(got->executor_output_path, "/data/artifacts/pipe/run-1/train/a1/.executor_output.json");
  EXPECT_THAT(got->parameter_files,
              ElementsAre(Pair("a", "/data/work/a1/outputs/a"), Pair("b", "/data/work/a1/outputs/b")));
  ASSERT_EQ(got->output_artifacts.count("model"), 1u);
  EXPECT_EQ(got->output_artifacts.at("model")[0].uri, "penstock://artifacts/pipe/run-1/train/a1/model");
  EXPECT_TRUE(ParseJson(got->executor_input).ok());
}

TEST_F(LaunchTest, PythonSourceIsLeftAlone) {
  ContainerSpec container;
  const std::string script =
      "printf \"%s\" \"$0\" > \"$program_path/ephemeral_component.py\"\n"
      "_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "
      "\"$program_path/ephemeral_component.py\" \"$@\"\n";
  const std::string source = "def f():\n  print('{{$}} {{$.inputs.parameters[\\'q\\']}} {{$.foo}}')\n";
  for (const std::string& text : {std::string("sh"), std::string("-ec"), script, source}) {
    container.add_command(text);
  }
  container.add_args("--executor_input");
  container.add_args("{{$}}");
  const absl::StatusOr<TaskLaunch> got = Build(container);
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_THAT(got->argv, ElementsAre("sh", "-ec", script, source, "--executor_input", got->executor_input));
}

TEST_F(LaunchTest, NoCommandMeansTheImagesOwn) {
  const absl::StatusOr<TaskLaunch> got = Build(R"({"image": "i", "args": ["a"]})");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->command_size, 0u);
  EXPECT_THAT(got->argv, ElementsAre("a"));
  EXPECT_THAT(got->env, IsEmpty());
}

TEST_F(LaunchTest, ConstantsThatOnlyTheLaunchCanFill) {
  inputs_.parameters["ei"] = "{{$}}";
  inputs_.parameters["where"] = "{{$.outputs.output_file}}";
  inputs_.parameters["data"] = "{{$}}";  // comes from a task: not a template
  inputs_.launch_placeholders = {"ei", "where"};
  const absl::StatusOr<TaskLaunch> got =
      Build(R"({"args": ["{{$.inputs.parameters['ei']}}", "{{$.inputs.parameters['where']}}",
                         "{{$.inputs.parameters['data']}}"]})");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->argv[1], "/data/artifacts/pipe/run-1/train/a1/.executor_output.json");
  EXPECT_EQ(got->argv[2], "{{$}}");
  const absl::StatusOr<Json> inner = ParseJson(got->argv[0]);
  ASSERT_TRUE(inner.ok());
  EXPECT_EQ((*inner)["inputs"]["parameterValues"]["ei"], "{{$}}");
  EXPECT_EQ((*inner)["inputs"]["parameterValues"]["where"],
            "/data/artifacts/pipe/run-1/train/a1/.executor_output.json");
  EXPECT_EQ((*ParseJson(got->executor_input))["inputs"]["parameterValues"]["ei"], got->argv[0]);

  inputs_.parameters["where"] = "{{$.outputs.artifacts['nope'].uri}}";
  EXPECT_THAT(BuildError("{}"), HasSubstr("task 'train': input 'where': placeholder"));
}

TEST_F(LaunchTest, Resources) {
  struct Case {
    std::string resources;
    int64_t cpu_request;
    int64_t cpu_limit;
    int64_t memory_request;
    int64_t memory_limit;
    std::string accelerator = "";
    int64_t count = 0;
  };
  const Case cases[] = {
      {"{}", 0, 0, 0, 0},
      {R"({"resourceCpuRequest": "500m", "resourceCpuLimit": "1", "resourceMemoryRequest": "1Gi",
           "resourceMemoryLimit": "2G"})",
       500, 1000, 1 << 30, 2000000000},
      {R"({"resourceCpuLimit": "{{$.inputs.parameters['cpu_limit']}}"})", 4000, 4000, 0, 0},
      {R"({"cpuLimit": 0.5, "memoryLimit": 15, "cpuRequest": 0.25, "memoryRequest": 0.5})", 250, 500,
       500000000, 15000000000},
      {R"({"cpuLimit": 4, "resourceCpuLimit": "500m"})", 500, 500, 0, 0},
      {R"({"accelerator": {"type": "NVIDIA", "count": "1"}})", 0, 0, 0, 0, "NVIDIA", 1},
      {R"({"accelerator": {"type": "old", "count": "1", "resourceType": "nvidia.com/gpu",
                           "resourceCount": "{{$.inputs.parameters['count']}}"}})",
       0, 0, 0, 0, "nvidia.com/gpu", 2},
      {R"({"resourceCpuLimit": "{{$.inputs.parameters['y']}}"})", 0, 0, 0, 0},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<TaskLaunch> got = Build("{\"resources\": " + c.resources + "}");
    ASSERT_TRUE(got.ok()) << c.resources << ": " << got.status();
    EXPECT_EQ(got->resources.cpu_request_millicores, c.cpu_request) << c.resources;
    EXPECT_EQ(got->resources.cpu_limit_millicores, c.cpu_limit) << c.resources;
    EXPECT_EQ(got->resources.memory_request_bytes, c.memory_request) << c.resources;
    EXPECT_EQ(got->resources.memory_limit_bytes, c.memory_limit) << c.resources;
    EXPECT_EQ(got->resources.accelerator_type, c.accelerator) << c.resources;
    EXPECT_EQ(got->resources.accelerator_count, c.count) << c.resources;
  }
}

TEST_F(LaunchTest, ErrorsNameThePlace) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"image": "{{$.inputs.parameters['img']}}"})", "task 'train': image: placeholder"},
      {R"({"command": ["a", "{{$.inputs.parameters['q']}}"]})", "task 'train': command[1]: placeholder"},
      {R"({"args": ["{{$.inputs.parameters['q']}}"]})", "task 'train': args[0]: placeholder"},
      {R"({"resources": {"resourceMemoryLimit": "1GB"}})",
       "task 'train': resources.resourceMemoryLimit: \"1GB\" is not a quantity"},
      {R"({"resources": {"resourceCpuRequest": "{{$.inputs.parameters['x']}}"}})",
       "resources.resourceCpuRequest: \"X\" is not a quantity"},
      {R"({"resources": {"resourceCpuRequest": "{{$.inputs.parameters['q']}}"}})",
       "resources.resourceCpuRequest: placeholder"},
      {R"({"resources": {"cpuLimit": -1}})", "resources.resourceCpuLimit: \"-1\" is negative"},
      {R"({"resources": {"accelerator": {"resourceType": "g", "resourceCount": "many"}}})",
       "resources.accelerator.resourceCount: \"many\""},
      {R"({"env": [{"value": "1"}]})", "environment variable ''"},
      {R"({"env": [{"name": "A=B", "value": "1"}]})", "environment variable 'A=B': not a possible name"},
      {R"({"args": ["a\u0000b"]})", "args[0]: it holds a zero byte"},
      {R"({"env": [{"name": "A", "value": "\u0000"}]})", "it holds a zero byte"},
  };
  for (const auto& [container, want] : cases) {
    EXPECT_THAT(BuildError(container), HasSubstr(want));
  }
}

TEST_F(LaunchTest, Bounds) {
  const int64_t most = limits::kArgumentBytes - 1;
  inputs_.parameters["x"] = std::string(most, 'x');
  EXPECT_TRUE(Build(R"({"args": ["{{$.inputs.parameters['x']}}"]})").ok());
  inputs_.parameters["x"] = std::string(most + 1, 'x');
  EXPECT_THAT(BuildError(R"({"args": ["a", "{{$.inputs.parameters['x']}}"]})"),
              HasSubstr("args[1]: it has 131072 bytes; the bound is 131071 (kArgumentBytes)"));
  EXPECT_THAT(BuildError(R"({"args": ["a", "{{$.inputs.parameters['x']}}"]})"),
              HasSubstr("Its input 'x' has 131072 bytes: pass it as an artifact"));
  inputs_.parameters["x"] = std::string(size_t{4} << 20, 'x');
  EXPECT_THAT(BuildError(R"({"args": ["a", "{{$.inputs.parameters['x']}}"]})"),
              HasSubstr("Its input 'x' has 4194304 bytes: pass it as an artifact"));
  EXPECT_FALSE(Build(R"({"args": ["{{$}}"]})").ok());
  const absl::StatusOr<TaskLaunch> python = Build(R"({"args": ["--executor_input", "{{$}}"]})");
  ASSERT_TRUE(python.ok()) << python.status();
  EXPECT_EQ(python->argv.back(), python->executor_input);
  inputs_.parameters["x"] = std::string(most, 'x');
  ContainerSpec container;
  for (int i = 0; i < 100; ++i) container.add_args("{{$.inputs.parameters['x']}}");
  absl::StatusOr<TaskLaunch> got = Build(container);
  ASSERT_FALSE(got.ok());
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("args[12]: up to here"));

  // Variables that double each other stop at the bound, not at the end of memory.
  container = ContainerSpec();
  for (int i = 0; i < 64; ++i) {
    auto* variable = container.add_env();
    variable->set_name("V" + std::to_string(i));
    variable->set_value(i == 0 ? "12345678"
                               : "$(V" + std::to_string(i - 1) + ")$(V" + std::to_string(i - 1) + ")");
  }
  got = Build(container);
  ASSERT_FALSE(got.ok());
  EXPECT_THAT(std::string(got.status().message()), HasSubstr("environment variable 'V14': it has"));
}

TEST(ExpandEnvTest, AsKubernetes) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"plain", "plain"},
      {"$(A)", "1"},
      {"x$(A)y$(B)z", "x1y$(A)z"},
      {"$(NOPE)", "$(NOPE)"},
      {"$$(A)", "$(A)"},
      {"$$$(A)", "$1"},
      {"$$$$", "$$"},
      {"$", "$"},
      {"$A", "$A"},
      {"$(A", "$(A"},
      {"$()", "$()"},
      {"$($(A))", "$($(A))"},
      {"a$(A)$(", "a1$("},
      {"$(A)$(A)$x)", "11$x)"},
  };
  for (const auto& [text, want] : cases) {
    EXPECT_EQ(ExpandEnv(text, {{"A", "1"}, {"B", "$(A)"}}, 1000), want) << text;
  }
  // Far from quadratic.
  std::string openings;
  for (int i = 0; i < 500000; ++i) openings += "$(";
  EXPECT_EQ(ExpandEnv(openings, {}, 10000000), openings);
}

}  // namespace
}  // namespace penstock
