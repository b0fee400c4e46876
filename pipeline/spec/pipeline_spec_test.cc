#include "pipeline/spec/pipeline_spec.h"

#include <random>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/limits.h"
#include "common/text.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/spec/test_documents.h"
#include "pipeline/spec/workspace.h"
#include "pipeline/spec/yaml.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using DocumentPtr = std::shared_ptr<const PipelineDocument>;

DocumentPtr Parse(absl::string_view text) {
  auto document = ParsePipelineText(text);
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *document : nullptr;
}

std::string ErrorOf(absl::string_view text) {
  const auto document = ParsePipelineText(text);
  if (document.ok()) return "no error";
  EXPECT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(document.status().message());
}

std::vector<Json> Documents(absl::string_view yaml) { return *ParseYaml(yaml); }

TEST(ParsePipelineTextTest, TypedAndCanonical) {
  const DocumentPtr document = Parse(kTrainPipeline);
  ASSERT_NE(document, nullptr);
  EXPECT_EQ(document->spec.pipeline_info().name(), "train-model");
  EXPECT_EQ(document->spec.root().dag().tasks().at("train").dependent_tasks(0), "prepare");
  EXPECT_FALSE(document->spec.has_deployment_spec());
  EXPECT_EQ(document->deployment.executors().at("exec-prepare").container().image(), "python:3.11");
  EXPECT_FALSE(document->platform.has_value());
  // Nothing is lost or added, also where we know no such field.
  EXPECT_EQ(document->canonical_json, DumpJson(Documents(kTrainPipeline)[0]));
  EXPECT_THAT(document->canonical_json, HasSubstr("somethingNew"));
  EXPECT_EQ(document->sha256_hex.size(), 64u);
}

TEST(ParsePipelineTextTest, PlatformDocument) {
  const DocumentPtr document = Parse(kFullPipeline);
  ASSERT_NE(document, nullptr);
  ASSERT_TRUE(document->platform.has_value());
  EXPECT_EQ(document->platform->platforms().at("kubernetes").pipelineconfig().resource_ttl_on_completion(),
            60);
  const std::vector<Json> documents = Documents(kFullPipeline);
  EXPECT_EQ(document->canonical_json,
            DumpJson(Json{{"pipeline_spec", documents[0]}, {"platform_spec", documents[1]}}));
}

TEST(ParsePipelineTextTest, EveryWayInGivesTheSame) {
  for (const absl::string_view yaml : {kTrainPipeline, kFullPipeline}) {
    const DocumentPtr document = Parse(yaml);
    ASSERT_NE(document, nullptr);
    const DocumentPtr again = Parse(document->canonical_json);
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(again->sha256_hex, document->sha256_hex);
    const auto from_json = ParsePipelineJson(*ParseJson(document->canonical_json));
    ASSERT_TRUE(from_json.ok()) << from_json.status();
    EXPECT_EQ((*from_json)->canonical_json, document->canonical_json);
    const auto stored = LoadStoredPipeline(document->canonical_json);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ((*stored)->canonical_json, document->canonical_json);
    EXPECT_EQ((*stored)->sha256_hex, document->sha256_hex);
    EXPECT_EQ((*stored)->spec.ShortDebugString(), document->spec.ShortDebugString());
    EXPECT_EQ((*stored)->deployment.ShortDebugString(), document->deployment.ShortDebugString());
    EXPECT_EQ((*stored)->platform.has_value(), document->platform.has_value());
  }
}

TEST(ParsePipelineTextTest, ProtoNamesAndNullsMakeNoDifference) {
  const std::string other =
      absl::StrReplaceAll(kTrainPipeline, {{"pipelineInfo:\n", "default_pipeline_root:\npipeline_info:\n"},
                                           {"deploymentSpec", "deployment_spec"},
                                           {"componentRef", "component_ref"},
                                           {"schemaVersion: 2", "schema_version: 2"},
                                           {"parameterType", "parameter_type"}});
  EXPECT_EQ(Parse(other)->canonical_json, Parse(kTrainPipeline)->canonical_json);
}

TEST(ParsePipelineTextTest, EmptyDocumentsArePassedOver) {
  EXPECT_NE(Parse(absl::StrCat("---\n---\n", kTrainPipeline, "---\n")), nullptr);
}

TEST(ParsePipelineTextTest, KubernetesManifest) {
  const std::vector<Json> documents = Documents(kFullPipeline);
  Json version = {
      {"apiVersion", "pipelines.kubeflow.org/v2beta1"},
      {"kind", "PipelineVersion"},
      {"metadata", {{"name", "full-v1"}}},
      {"spec", {{"pipelineName", "full"}, {"pipelineSpec", documents[0]}, {"platformSpec", documents[1]}}}};
  const std::string pipeline =
      R"({"apiVersion": "pipelines.kubeflow.org/v2beta1", "kind": "Pipeline", "metadata": {"name": "full"}})";
  const DocumentPtr document = Parse(absl::StrCat("--- ", pipeline, "\n--- ", DumpJson(version), "\n"));
  ASSERT_NE(document, nullptr);
  EXPECT_EQ(document->canonical_json, Parse(kFullPipeline)->canonical_json);
  EXPECT_THAT(ErrorOf(absl::StrCat("--- ", pipeline)), HasSubstr("no pipeline spec"));
  version["spec"]["pipelineSpec"]["root"]["dag"]["tasks"]["loop"]["componentRef"]["name"] = "comp-lop";
  EXPECT_THAT(
      ErrorOf(DumpJson(version)),
      HasSubstr("spec.pipelineSpec.root.dag.tasks.loop.componentRef.name: there is no component 'comp-lop'"));
  version["spec"].erase("pipelineSpec");
  EXPECT_THAT(ErrorOf(DumpJson(version)), HasSubstr("the PipelineVersion has no spec.pipelineSpec"));
  version["kind"] = "Run";
  EXPECT_THAT(ErrorOf(DumpJson(version)), HasSubstr("found kind 'Run'"));
}

TEST(ParsePipelineTextTest, WhatIsNoPipeline) {
  EXPECT_THAT(ErrorOf(""), HasSubstr("holds no pipeline spec; it is empty"));
  EXPECT_THAT(ErrorOf("# nothing\n"), HasSubstr("it is empty"));
  EXPECT_THAT(ErrorOf("hello"), HasSubstr("expected a pipeline spec, found a text (\"hello\")"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("found a list"));
  EXPECT_THAT(ErrorOf("a: 1"), HasSubstr("neither a pipeline spec"));
  EXPECT_THAT(ErrorOf("platforms: {kubernetes: {}}"), HasSubstr("a platform spec but no pipeline spec"));
  EXPECT_THAT(ErrorOf("apiVersion: argoproj.io/v1alpha1\nkind: Workflow\n"), HasSubstr("Argo workflow"));
  EXPECT_THAT(ErrorOf("pipelineSpec: {}\nruntimeConfig: {}\n"), HasSubstr("PipelineJob"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kTrainPipeline, "---", kTrainPipeline)), HasSubstr("two pipeline specs"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kFullPipeline, "---\nplatforms: {kubernetes: {}}\n")),
              HasSubstr("two platform specs"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kTrainPipeline, "---\nplatforms: {vertex: {}}\n")),
              HasSubstr("platforms: expected the platform 'kubernetes'"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kTrainPipeline, "---\nplatforms: {kubernetes: {deploySpec: {}}}\n")),
              HasSubstr("platforms.kubernetes: unknown field 'deploySpec'; did you mean 'deploymentSpec'?"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kTrainPipeline, "---\nother: 1\n")),
              HasSubstr("document 2: this is neither"));
  EXPECT_THAT(ErrorOf(absl::StrCat(kTrainPipeline, "extra: 1\n")), HasSubstr("unknown field 'extra'"));
  EXPECT_THAT(ErrorOf(R"({"pipeline_spec": {}, "other": 1})"), HasSubstr("unknown field 'other' beside"));
  EXPECT_THAT(ErrorOf(R"({"pipeline_spec": "x"})"), HasSubstr("pipeline_spec: expected a pipeline spec"));
}

TEST(ParsePipelineTextTest, SettingsOfNewerPlatformsAreKept) {
  const std::string text = absl::StrCat(kTrainPipeline, R"yaml(---
platforms:
  kubernetes:
    deploymentSpec:
      executors:
        exec-train:
          initContainers: [{name: first, image: busybox, restartPolicy: Always, command: [sh]}]
          ofTomorrow: {deep: [1, {a: b}]}
)yaml");
  const auto document = ParsePipelineText(text);
  ASSERT_TRUE(document.ok()) << document.status();
  ASSERT_TRUE(CheckSupported(**document).ok());
  const auto json = ParseJson((*document)->canonical_json);
  ASSERT_TRUE(json.ok());
  const Json& executor =
      json->at("platform_spec")["platforms"]["kubernetes"]["deploymentSpec"]["executors"]["exec-train"];
  EXPECT_EQ(executor["initContainers"][0]["restartPolicy"], "Always");
  EXPECT_EQ(executor["ofTomorrow"], Json::parse(R"({"deep": [1, {"a": "b"}]})"));
  EXPECT_TRUE((*document)
                  ->platform->platforms()
                  .at("kubernetes")
                  .deployment_spec()
                  .executors()
                  .at("exec-train")
                  .fields()
                  .contains("ofTomorrow"));
}

TEST(ParsePipelineJsonTest, BareAndWrapped) {
  EXPECT_FALSE(ParsePipelineJson(Json()).ok());
  EXPECT_FALSE(ParsePipelineJson(Json::object()).ok());
  EXPECT_FALSE(ParsePipelineJson(Json{{"pipeline_spec", nullptr}}).ok());
  const Json spec = Documents(kTrainPipeline)[0];
  for (const Json& platform : {Json(nullptr), Json::object()}) {
    const auto wrapped = ParsePipelineJson(Json{{"pipeline_spec", spec}, {"platform_spec", platform}});
    ASSERT_TRUE(wrapped.ok()) << wrapped.status();
    EXPECT_EQ((*wrapped)->canonical_json, DumpJson(spec));
  }
}

TEST(LoadStoredPipelineTest, DamageIsDataLoss) {
  EXPECT_EQ(LoadStoredPipeline("").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(LoadStoredPipeline("[]").status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(LoadStoredPipeline("{\"root\":1}").status().code(), absl::StatusCode::kDataLoss);
}

TEST(CheckPipelineNameTest, Names) {
  EXPECT_TRUE(CheckPipelineName("a").ok());
  EXPECT_TRUE(CheckPipelineName("0-train-").ok());
  EXPECT_TRUE(CheckPipelineName(std::string(128, 'a')).ok());
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("A"), std::string("a b"), std::string("a\n"),
        std::string("a_b"), std::string(129, 'a'), std::string("\xC3\xA9"), std::string("a\0b", 3)}) {
    EXPECT_EQ(CheckPipelineName(name).code(), absl::StatusCode::kInvalidArgument) << name;
  }
}

TEST(CheckRunParametersTest, Rows) {
  // One root input of each kind.
  Json spec = Documents(kTrainPipeline)[0];
  Json& inputs = spec["root"]["inputDefinitions"]["parameters"];
  for (const char* type : {"NUMBER_INTEGER", "NUMBER_DOUBLE", "STRING", "BOOLEAN", "LIST", "STRUCT"}) {
    inputs[absl::StrCat("p-", type)] = {{"parameterType", type}, {"isOptional", true}};
  }
  inputs["status"] = {{"parameterType", "TASK_FINAL_STATUS"}, {"isOptional", true}};
  inputs["needed"] = {{"parameterType", "STRING"}, {"literals", {"x", "y"}}};
  inputs["choice"] = {{"parameterType", "NUMBER_INTEGER"}, {"literals", {1, 2}}, {"defaultValue", 1}};
  const auto document = ParsePipelineJson(spec);
  ASSERT_TRUE(document.ok()) << document.status();
  const auto check = [&](const Json& parameters) {
    return std::string(CheckRunParameters(**document, parameters).message());
  };
  EXPECT_EQ(check({{"needed", "x"}}), "");
  EXPECT_EQ(check({{"needed", "y"},
                   {"rows", 5},
                   {"choice", 2},
                   {"p-NUMBER_INTEGER", 1.5},
                   {"p-NUMBER_DOUBLE", 1},
                   {"p-STRING", ""},
                   {"p-BOOLEAN", false},
                   {"p-LIST", Json::array()},
                   {"p-STRUCT", Json::object()}}),
            "");
  EXPECT_EQ(check({{"needed", "x"}, {"rows", nullptr}, {"p-LIST", nullptr}, {"status", nullptr}}), "");
  EXPECT_EQ(check(Json()), "the parameter 'needed' (STRING) is required and missing");
  EXPECT_EQ(check(Json::array()), "expected the run's parameters as an object, found a list");
  const struct {
    Json parameters;
    absl::string_view error;
  } kCases[] = {
      {{{"needed", nullptr}}, "the parameter 'needed' is a STRING: expected a text, found null"},
      {{{"needed", "z"}}, "the parameter 'needed' has to be one of \"x\", \"y\", found \"z\""},
      {{{"needed", "x"}, {"choice", 3}}, "has to be one of 1, 2, found 3"},
      {{{"needed", "x"}, {"rows", "5"}},
       "'rows' is a NUMBER_INTEGER: expected a number, found a text (\"5\")"},
      {{{"needed", "x"}, {"p-STRING", 5}}, "'p-STRING' is a STRING: expected a text, found a number (5)"},
      {{{"needed", "x"}, {"p-BOOLEAN", 1}}, "expected true or false"},
      {{{"needed", "x"}, {"p-LIST", "[]"}}, "expected a list"},
      {{{"needed", "x"}, {"p-STRUCT", Json::array()}}, "expected an object"},
      {{{"needed", "x"}, {"status", Json::object()}}, "only the engine gives"},
      {{{"needed", "x"}, {"row", 5}}, "the pipeline has no parameter 'row'; did you mean 'rows'?"},
      {{{"neded", "x"}},
       "the parameter 'needed' (STRING) is required and missing; the pipeline has no parameter 'neded'; did "
       "you mean "
       "'needed'?"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(check(c.parameters), HasSubstr(std::string(c.error))) << c.parameters;
    EXPECT_EQ(CheckRunParameters(**document, c.parameters).code(), absl::StatusCode::kInvalidArgument);
  }
  Json many;
  for (int i = 0; i < 1000; ++i) many[absl::StrCat("unknown-", i)] = i;
  EXPECT_THAT(check(many), HasSubstr("and 991 more problems"));
}

TEST(CheckSupportedTest, PlainPipelines) { EXPECT_TRUE(CheckSupported(*Parse(kTrainPipeline)).ok()); }

TEST(CheckSupportedTest, PipelinesWithEverything) { EXPECT_TRUE(CheckSupported(*Parse(kFullPipeline)).ok()); }

// Each change to the plain pipeline brings in one feature.
TEST(CheckSupportedTest, OneFeatureAtATime) {
  const struct {
    const char* pointer;
    Json value;
    const char* feature;
  } kCases[] = {
      {"/root/dag/tasks/train/retryPolicy", {{"maxRetryCount", 1}}, nullptr},
      {"/root/dag/tasks/train/retryPolicy", {{"maxRetryCount", 0}}, nullptr},
      {"/root/dag/tasks/train/triggerPolicy", {{"condition", "true"}}, nullptr},
      {"/root/dag/tasks/train/triggerPolicy", {{"strategy", "ALL_UPSTREAM_TASKS_SUCCEEDED"}}, nullptr},
      {"/root/dag/tasks/train/triggerPolicy", {{"strategy", "ALL_UPSTREAM_TASKS_COMPLETED"}}, nullptr},
      {"/root/dag/tasks/train/cachingOptions", {{"enableCache", true}, {"cacheKey", "k"}}, nullptr},
      {"/root/dag/tasks/train/iteratorPolicy", {{"parallelismLimit", 1}}, nullptr},
      {"/root/dag/tasks/train/parameterIterator",
       {{"itemInput", "mode"}, {"items", {{"raw", "[]"}}}},
       nullptr},
      {"/deploymentSpec/executors/exec-prepare", {{"resolver", Json::object()}}, "resolvers"},
      {"/deploymentSpec/executors/exec-prepare", {{"customJob", Json::object()}}, "custom jobs"},
      {"/deploymentSpec/executors/exec-prepare/container/args/0", "{\"Concat\": [\"a\", \"b\"]}", nullptr},
      {"/deploymentSpec/executors/exec-prepare/container/args/0", "{{$.workspace_path}}/x", nullptr},
      {"/components/comp-train/inputDefinitions/artifacts/data/isArtifactList", true, nullptr},
      {"/components/comp-prepare/outputDefinitions/artifacts/dataset/isArtifactList", true, nullptr},
      {"/components/comp-train/taskConfigPassthroughs", Json::array({{{"field", "ENV"}}}), nullptr},
      {"/components/comp-train/inputDefinitions/parameters/config",
       {{"parameterType", "TASK_CONFIG"}},
       nullptr},
      {"/root/dag/tasks/train/inputs/parameters/rate/parameterExpressionSelector", "number_value", nullptr},
      {"/root/inputDefinitions/artifacts", {{"a", Json::object()}}, nullptr},
      {"/root/inputDefinitions/artifacts", {{"a", {{"isOptional", true}}}}, nullptr},
      {"/root/dag/outputs/parameters/Output",
       {{"valueFromOneof",
         {{"parameterSelectors",
           Json::array({{{"producerSubtask", "train"}, {"outputParameterKey", "Output"}}})}}}},
       nullptr},
      // A component that nothing uses.
      {"/components/comp-unused",
       {{"dag",
         {{"tasks",
           {{"t",
             {{"componentRef", {{"name", "comp-prepare"}}},
              {"inputs",
               {{"parameters",
                 {{"rows", {{"runtimeValue", {{"constant", "{{$.workspace_path}}"}}}}}}}}}}}}}}}},
       nullptr},
  };
  for (const auto& c : kCases) {
    Json spec = Documents(kTrainPipeline)[0];
    spec[Json::json_pointer(c.pointer)] = c.value;
    const auto document = ParsePipelineJson(spec);
    const absl::Status status = document.ok() ? CheckSupported(**document) : document.status();
    if (c.feature == nullptr) {
      EXPECT_TRUE(status.ok()) << c.pointer << ": " << status;
    } else {
      EXPECT_THAT(std::string(status.message()), HasSubstr(c.feature)) << c.pointer;
    }
  }
}

TEST(CheckSupportedTest, Workspace) {
  const DocumentPtr document = Parse(absl::StrCat(
      kTrainPipeline, "---\nplatforms: {kubernetes: {pipelineConfig: {workspace: {size: 1Gi}}}}\n"));
  ASSERT_NE(document, nullptr);
  EXPECT_TRUE(CheckSupported(*document).ok());
  EXPECT_TRUE(DeclaresWorkspace(*document));
  EXPECT_FALSE(DeclaresWorkspace(*Parse(kTrainPipeline)));
}

// Any change to a pipeline gives a document that holds together, or an error: whatever validation lets
// through, the other functions can rely on.
TEST(PipelineMutationTest, NothingBreaks) {
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  std::mt19937 random(seed);
  const Json full = Documents(kFullPipeline)[0];
  const Json flat = full.flatten();
  std::vector<std::string> pointers;
  for (const auto& [pointer, value] : flat.items()) pointers.push_back(pointer);
  const std::vector<Json> values = {nullptr,
                                    1,
                                    -1,
                                    "x",
                                    "",
                                    true,
                                    Json::array(),
                                    Json::object(),
                                    "comp-say",
                                    "say",
                                    "comp-loop",
                                    "loop",
                                    std::string("a\0b", 3),
                                    "../x",
                                    1e300,
                                    {{"name", "x"}}};
  int valid = 0;
  for (int round = 0; round < 4000; ++round) {
    Json spec = full;
    for (int edits = 1 + static_cast<int>(random() % 3); edits > 0; --edits) {
      std::string pointer = pointers[random() % pointers.size()];
      for (int up = static_cast<int>(random() % 4); up > 0 && pointer.rfind('/') > 0; --up) {
        pointer.resize(pointer.rfind('/'));
      }
      const Json::json_pointer at(pointer);
      if (!spec.contains(at)) continue;
      if (random() % 3 == 0 && spec.at(at.parent_pointer()).is_object()) {
        spec[at.parent_pointer()].erase(at.back());
      } else if (random() % 3 == 0) {
        const Json::json_pointer other(pointers[random() % pointers.size()]);
        spec[at] = spec.contains(other) ? spec[other] : Json();
      } else {
        spec[at] = values[random() % values.size()];
      }
    }
    const auto document = ParsePipelineJson(spec);
    if (!document.ok()) {
      ASSERT_EQ(document.status().code(), absl::StatusCode::kInvalidArgument);
      ASSERT_TRUE(IsUtf8(document.status().message()));
      continue;
    }
    ++valid;
    (void)CheckSupported(**document);
    (void)CheckRunParameters(**document, Json{{"items", Json::array()}});
    const auto stored = LoadStoredPipeline((*document)->canonical_json);
    ASSERT_TRUE(stored.ok()) << stored.status();
    const auto again = ParsePipelineText((*document)->canonical_json);
    ASSERT_TRUE(again.ok()) << again.status();
    ASSERT_EQ((*again)->canonical_json, (*document)->canonical_json);
  }
  EXPECT_GT(valid, 0);
}

}  // namespace
}  // namespace penstock
