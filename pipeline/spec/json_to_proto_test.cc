#include "pipeline/spec/json_to_proto.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "google/protobuf/duration.pb.h"
#include "gtest/gtest.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {
namespace {

using ml_pipelines::PipelineDeploymentConfig;
using ml_pipelines::PipelineSpec;
using ml_pipelines::PipelineTaskSpec;
using ::testing::HasSubstr;

Json Parse(absl::string_view text) {
  auto json = ParseJson(text);
  EXPECT_TRUE(json.ok()) << json.status() << "\n" << text;
  return json.ok() ? *json : Json();
}

template <typename Message>
std::string ErrorOf(absl::string_view text) {
  Message message;
  const absl::Status status = JsonToProto(Parse(text), DocPath("doc"), {}, &message);
  return std::string(status.message());
}

TEST(JsonToProtoTest, NamesInBothForms) {
  PipelineTaskSpec task;
  ASSERT_TRUE(JsonToProto(Parse(R"({"taskInfo": {"name": "a"}, "dependent_tasks": ["b", "c"],
                                     "caching_options": {"enableCache": true}})"),
                          DocPath(), {}, &task)
                  .ok());
  EXPECT_EQ(task.task_info().name(), "a");
  EXPECT_EQ(task.dependent_tasks_size(), 2);
  EXPECT_TRUE(task.caching_options().enable_cache());
}

TEST(JsonToProtoTest, MapsOneofsAndDynamicValues) {
  PipelineSpec spec;
  ASSERT_TRUE(JsonToProto(Parse(R"({"components": {"c": {"dag": {"tasks": {"t": {"inputs": {"parameters": {
      "n": {"runtimeValue": {"constant": null}},
      "l": {"runtimeValue": {"constant": [1, {"a": "b"}]}}}}}}}}},
      "deploymentSpec": {"executors": {"e": {"x": 1}}}})"),
                          DocPath(), {}, &spec)
                  .ok());
  const auto& parameters = spec.components().at("c").dag().tasks().at("t").inputs().parameters();
  EXPECT_TRUE(parameters.at("n").runtime_value().has_constant());
  EXPECT_TRUE(parameters.at("n").runtime_value().constant().has_null_value());
  EXPECT_EQ(parameters.at("l").runtime_value().constant().list_value().values(0).number_value(), 1);
  EXPECT_EQ(spec.deployment_spec().fields().count("executors"), 1u);
}

TEST(JsonToProtoTest, NumbersEnumsAndDurations) {
  PipelineTaskSpec task;
  ASSERT_TRUE(
      JsonToProto(
          Parse(R"({"retryPolicy": {"maxRetryCount": "3", "backoffDuration": "1.5s", "backoffFactor": 2,
                             "backoffMaxDuration": "-3600s"}, "triggerPolicy": {"strategy": 2}})"),
          DocPath(), {}, &task)
          .ok());
  EXPECT_EQ(task.retry_policy().max_retry_count(), 3);
  EXPECT_EQ(task.retry_policy().backoff_duration().seconds(), 1);
  EXPECT_EQ(task.retry_policy().backoff_duration().nanos(), 500'000'000);
  EXPECT_EQ(task.retry_policy().backoff_max_duration().seconds(), -3600);
  EXPECT_EQ(task.retry_policy().backoff_factor(), 2.0);
  EXPECT_EQ(task.trigger_policy().strategy(), PipelineTaskSpec::TriggerPolicy::ALL_UPSTREAM_TASKS_COMPLETED);
  PipelineDeploymentConfig::PipelineContainerSpec::ResourceSpec::AcceleratorConfig accelerator;
  ASSERT_TRUE(JsonToProto(Parse(R"({"count": "9007199254740993"})"), DocPath(), {}, &accelerator).ok());
  EXPECT_EQ(accelerator.count(), 9007199254740993);
}

TEST(JsonToProtoTest, NullIsAbsent) {
  PipelineSpec spec;
  ASSERT_TRUE(
      JsonToProto(Parse(R"({"root": null, "sdkVersion": null, "components": null})"), DocPath(), {}, &spec)
          .ok());
  EXPECT_FALSE(spec.has_root());
}

TEST(JsonToProtoTest, ErrorsNameThePathAndWhatWouldBeRight) {
  const struct {
    absl::string_view json;
    absl::string_view error;
  } kCases[] = {
      {"[]", "doc: expected an object, found a list ([])"},
      {R"({"pipelineInfo": {"nam": "x"}})", "doc.pipelineInfo: unknown field 'nam'; did you mean 'name'?"},
      {R"({"zzzzzz": 1})", "doc: unknown field 'zzzzzz'; known: 'pipelineInfo'"},
      {R"({"pipelineInfo": {"name": 5}})", "doc.pipelineInfo.name: expected a text, found a number (5)"},
      {R"({"pipelineInfo": "x"})", "doc.pipelineInfo: expected an object, found a text (\"x\")"},
      {R"({"components": []})", "doc.components: expected an object, found a list"},
      {R"({"components": {"a b": null}})", "doc.components[\"a b\"]: expected a value, found null"},
      {R"({"root": {"dag": {}, "executorLabel": "e"}})",
       "doc.root: both 'dag' and 'executorLabel' are set; only one of them may be"},
      {R"({"root": {"dag": {"tasks": {"t": {"dependentTasks": [1]}}}}})",
       "doc.root.dag.tasks.t.dependentTasks[0]: expected a text, found a number (1)"},
      {R"({"root": {"dag": {"tasks": {"t": {"dependentTasks": [null]}}}}})",
       "doc.root.dag.tasks.t.dependentTasks[0]: expected a text, found null"},
      {R"({"root": {"dag": {"tasks": {"t": {"triggerPolicy": {"strategy": "ALL"}}}}}})",
       "doc.root.dag.tasks.t.triggerPolicy.strategy: expected one of 'TRIGGER_STRATEGY_UNSPECIFIED', "
       "'ALL_UPSTREAM_TASKS_SUCCEEDED', 'ALL_UPSTREAM_TASKS_COMPLETED', found \"ALL\""},
      {R"({"root": {"dag": {"tasks": {"t": {"triggerPolicy": {"strategy": 9}}}}}})", "expected one of"},
      {R"({"root": {"dag": {"tasks": {"t": {"cachingOptions": {"enableCache": "yes"}}}}}})",
       "enableCache: expected true or false, found a text (\"yes\")"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"maxRetryCount": 3000000000}}}}}})",
       "maxRetryCount: expected an integer from -2147483648 to 2147483647, found 3000000000"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"maxRetryCount": 1.5}}}}}})",
       "expected an integer"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"maxRetryCount": "x"}}}}}})",
       "expected an integer"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"backoffFactor": "x"}}}}}})",
       "expected a number"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"backoffFactor": "nan"}}}}}})",
       "a finite number"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"backoffDuration": "1h"}}}}}})",
       "expected a duration in seconds such as \"3600s\", found \"1h\""},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"backoffDuration": 5}}}}}})",
       "found a number (5)"},
      {R"({"root": {"dag": {"tasks": {"t": {"retryPolicy": {"backoffDuration": "99999999999999s"}}}}}})",
       "duration"},
      {R"({"deploymentSpec": 5})", "doc.deploymentSpec: expected an object, found a number (5)"},
      {R"({"sdkVersion": "a", "sdk_version": "b"})",
       "doc: the field 'sdkVersion' is given twice, also as 'sdk_version'"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(ErrorOf<PipelineSpec>(c.json), HasSubstr(std::string(c.error))) << c.json;
  }
}

TEST(JsonToProtoTest, UnknownFieldsCanBeIgnored) {
  PipelineDeploymentConfig config;
  const Json json =
      Parse(R"({"new": 1, "executors": {"e": {"container": {"image": "i", "other": {"x": []}}}}})");
  EXPECT_FALSE(JsonToProto(json, DocPath(), {}, &config).ok());
  ASSERT_TRUE(JsonToProto(json, DocPath(), {.ignore_unknown_fields = true}, &config).ok());
  EXPECT_EQ(config.executors().at("e").container().image(), "i");
}

TEST(JsonToProtoTest, FailureLeavesTheMessageAlone) {
  PipelineSpec spec;
  spec.set_sdk_version("old");
  EXPECT_FALSE(JsonToProto(Parse(R"({"sdkVersion": "new", "x": 1})"), DocPath(), {}, &spec).ok());
  EXPECT_EQ(spec.sdk_version(), "old");
}

TEST(JsonToProtoTest, LongNamesAreCutInErrors) {
  const std::string name(10'000, 'x');
  EXPECT_LT(
      ErrorOf<PipelineSpec>(absl::StrCat("{\"components\":{\"", name, "\":{\"", name, "\":1}}}")).size(),
      500u);
  EXPECT_LT(ErrorOf<PipelineSpec>(absl::StrCat("{\"root\":\"", name, "\"}")).size(), 500u);
}

TEST(NormalizeFieldNamesTest, CamelCaseAndNoNulls) {
  Json json =
      Parse(R"({"pipeline_info": {"display_name": "d", "name": null}, "deployment_spec": {"a_b": null},
      "components": {"a_b": {"input_definitions": {"parameters": {"p_q": {"default_value": null,
      "parameter_type": "STRING", "literals": [{"x_y": 1}]}}}}},
    "root": {"dag": {"tasks": {"t": {"inputs": {"parameters": {"p": {"runtime_value": {"constant": null}}}}}}},
    "single_platform_specs":
    [{"config": {"k_v": 1}, "pipelineConfig": {"resource_ttl_on_completion": 1}}]}})");
  NormalizeFieldNames(*PipelineSpec::descriptor(), &json);
  EXPECT_EQ(DumpJson(json), DumpJson(Parse(
                                R"({"pipelineInfo": {"displayName": "d"}, "deploymentSpec": {"a_b": null},
      "components": {"a_b": {"inputDefinitions": {"parameters": {"p_q": {"defaultValue": null,
      "parameterType": "STRING", "literals": [{"x_y": 1}]}}}}},
    "root": {"dag": {"tasks": {"t": {"inputs": {"parameters": {"p": {"runtimeValue": {"constant": null}}}}}}},
    "singlePlatformSpecs": [{"config": {"k_v": 1}, "pipelineConfig": {"resourceTtlOnCompletion": 1}}]}})")));
}

}  // namespace
}  // namespace penstock
