#include "scheduler/plan/cache_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace penstock {
namespace {

using ::testing::Contains;
using ::testing::Pair;

// One task with everything that a key may be made of.
struct Work {
  std::string pipeline = "training";
  ml_pipelines::PipelineTaskSpec task;
  ml_pipelines::ComponentSpec component;
  ml_pipelines::PipelineDeploymentConfig::ExecutorSpec executor;
  std::string name = "train";
  TaskInputs inputs;
  ArtifactContents contents;
  RunFacts facts;
  std::vector<std::string> pins;

  Work() {
    auto& container = *executor.mutable_container();
    container.set_image("python:3.11");
    for (const char* word : {"sh", "-c", "run"}) container.add_command(word);
    container.add_args("--x={{$.inputs.parameters['x']}}");
    auto* variable = container.add_env();
    variable->set_name("MODE");
    variable->set_value("fast");
    task.mutable_component_ref()->set_name("comp-train");
    auto& outputs = *component.mutable_output_definitions();
    (*outputs.mutable_parameters())["loss"].set_parameter_type(ml_pipelines::ParameterType::NUMBER_DOUBLE);
    (*outputs.mutable_parameters())["steps"].set_parameter_type(ml_pipelines::ParameterType::NUMBER_INTEGER);
    (*outputs.mutable_artifacts())["model"].mutable_artifact_type()->set_schema_title("system.Model");
    inputs.parameters = {{"x", 1}, {"text", "a"}, {"options", {{"deep", true}, {"wide", false}}}};
    ArtifactRecord data;
    data.artifact_id = "7";
    data.name = "data";
    data.uri = "penstock://artifacts/p/r/t/a/data";
    data.schema_title = "system.Dataset";
    data.metadata = {{"rows", 3}};
    inputs.artifacts["data"] = {data};
    contents["data"] = {"sha-of-data"};
    facts.run_id = "run-1";
    facts.task_id = "task-1";
  }

  CacheKey Key() const {
    PlannedTask planned;
    planned.name = name;
    planned.spec = &task;
    planned.component = &component;
    planned.executor = &executor;
    return CacheKeyMaker(pipeline).Make(planned, inputs, contents, facts, pins);
  }
};

struct Change {
  const char* name;
  std::function<void(Work&)> make;
  const char* field;  // in which the key differs then
};

class WhatMatters : public ::testing::TestWithParam<Change> {};

TEST_P(WhatMatters, GivesAnotherKeyAndIsNamed) {
  const CacheKey before = Work().Key();
  Work changed;
  GetParam().make(changed);
  const CacheKey after = changed.Key();
  EXPECT_NE(after.fingerprint, before.fingerprint);
  int differing = 0;
  EXPECT_EQ(FirstDifference(after, FieldsOf(before), &differing), GetParam().field);
  EXPECT_GE(differing, 1);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, WhatMatters,
    ::testing::Values(
        Change{"Image", [](Work& w) { w.executor.mutable_container()->set_image("python:3.12"); }, "image"},
        Change{"Command", [](Work& w) { w.executor.mutable_container()->set_command(2, "walk"); }, "command"},
        Change{"CommandCut",
               [](Work& w) {
                 w.executor.mutable_container()->set_command(0, "s");
                 w.executor.mutable_container()->set_command(1, "h-c");
               },
               "command"},
        Change{"FromCommandToArguments",
               [](Work& w) {
                 auto& container = *w.executor.mutable_container();
                 container.mutable_command()->RemoveLast();
                 container.set_args(0, "run");
               },
               "command"},
        Change{"Arguments", [](Work& w) { w.executor.mutable_container()->add_args("-v"); }, "args"},
        Change{"VariableValue",
               [](Work& w) { w.executor.mutable_container()->mutable_env(0)->set_value("slow"); },
               "env.MODE"},
        Change{"VariableAdded", [](Work& w) { w.executor.mutable_container()->add_env()->set_name("EXTRA"); },
               "env.EXTRA"},
        Change{"VariableGone", [](Work& w) { w.executor.mutable_container()->clear_env(); }, "env.MODE"},
        Change{"OutputType",
               [](Work& w) {
                 (*w.component.mutable_output_definitions()->mutable_parameters())["loss"].set_parameter_type(
                     ml_pipelines::ParameterType::STRING);
               },
               "outputs"},
        Change{"OutputArtifactType",
               [](Work& w) {
                 (*w.component.mutable_output_definitions()->mutable_artifacts())["model"]
                     .mutable_artifact_type()
                     ->set_schema_title("system.Artifact");
               },
               "outputs"},
        Change{"OutputAdded",
               [](Work& w) { (*w.component.mutable_output_definitions()->mutable_artifacts())["more"]; },
               "outputs"},
        Change{"Value", [](Work& w) { w.inputs.parameters["x"] = 2; }, "inputs.parameters.x"},
        Change{"KindOfValue", [](Work& w) { w.inputs.parameters["x"] = "1"; }, "inputs.parameters.x"},
        Change{"DeepValue", [](Work& w) { w.inputs.parameters["options"]["deep"] = false; },
               "inputs.parameters.options"},
        Change{"ParameterAdded", [](Work& w) { w.inputs.parameters["y"] = 1; }, "inputs.parameters.y"},
        Change{"ParameterGone", [](Work& w) { w.inputs.parameters.erase("text"); }, "inputs.parameters.text"},
        Change{"Filled", [](Work& w) { w.inputs.launch_placeholders.insert("text"); },
               "inputs.parameters.text"},
        Change{"Pins", [](Work& w) { w.pins = {"numpy==1.26.4"}; }, "packages"},
        Change{"Content", [](Work& w) { w.contents["data"][0] = "sha-of-other"; }, "inputs.artifacts.data"},
        Change{"Metadata", [](Work& w) { w.inputs.artifacts["data"][0].metadata["rows"] = 4; },
               "inputs.artifacts.data"},
        Change{"ArtifactType", [](Work& w) { w.inputs.artifacts["data"][0].schema_title = "system.Model"; },
               "inputs.artifacts.data"},
        Change{"OneMoreArtifact",
               [](Work& w) {
                 w.inputs.artifacts["data"].push_back(w.inputs.artifacts["data"][0]);
                 w.contents["data"].push_back(w.contents["data"][0]);
               },
               "inputs.artifacts.data"}),
    [](const auto& info) { return info.param.name; });

class WhatDoesNotMatter : public ::testing::TestWithParam<Change> {};

TEST_P(WhatDoesNotMatter, GivesTheSameKey) {
  Work changed;
  GetParam().make(changed);
  const CacheKey before = Work().Key();
  EXPECT_EQ(changed.Key().fingerprint, before.fingerprint);
  int differing = 0;
  EXPECT_EQ(FirstDifference(changed.Key(), FieldsOf(before), &differing), "");
  EXPECT_EQ(differing, 0);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, WhatDoesNotMatter,
    ::testing::Values(
        Change{"Pipeline", [](Work& w) { w.pipeline = "other"; }, ""},
        Change{"Task", [](Work& w) { w.name = "train-2"; }, ""},
        Change{"DisplayName", [](Work& w) { w.task.mutable_task_info()->set_name("Training"); }, ""},
        Change{"Component", [](Work& w) { w.task.mutable_component_ref()->set_name("comp-train-2"); }, ""},
        Change{"ExecutorLabel", [](Work& w) { w.component.set_executor_label("exec-train-2"); }, ""},
        Change{"Retries", [](Work& w) { w.task.mutable_retry_policy()->set_max_retry_count(3); }, ""},
        Change{
            "Resources",
            [](Work& w) { w.executor.mutable_container()->mutable_resources()->set_resource_cpu_limit("2"); },
            ""},
        Change{"Description",
               [](Work& w) {
                 (*w.component.mutable_output_definitions()->mutable_artifacts())["model"].set_description(
                     "!");
               },
               ""},
        Change{"Run", [](Work& w) { w.facts.run_id = w.facts.task_id = "another"; }, ""},
        Change{"Default", [](Work& w) { w.inputs.defaulted.insert("x"); }, ""},
        Change{"PlaceOfAnArtifact",
               [](Work& w) {
                 w.inputs.artifacts["data"][0].uri = "penstock://artifacts/elsewhere";
                 w.inputs.artifacts["data"][0].artifact_id = "8";
               },
               ""},
        Change{"OrderOfMaps",
               [](Work& w) {
                 auto& parameters = *w.component.mutable_output_definitions()->mutable_parameters();
                 const auto old = parameters;
                 parameters.clear();
                 for (const char* name : {"steps", "loss"}) parameters[name] = old.at(name);
                 w.inputs.parameters["options"] = {{"wide", false}, {"deep", true}};
               },
               ""}),
    [](const auto& info) { return info.param.name; });

TEST(CacheKeyTest, FactsOfTheRunMatterWhereTheCommandNamesThem) {
  Work first;
  first.executor.mutable_container()->set_args(0, "{{$.pipeline_job_uuid}}");
  Work second = first;
  second.facts.run_id = "run-2";
  int differing = 0;
  EXPECT_EQ(FirstDifference(second.Key(), FieldsOf(first.Key()), &differing), "run");
}

TEST(CacheKeyTest, ADefaultMattersWhereTheCommandTellsItFromAValue) {
  Work first;
  first.executor.mutable_container()->set_args(0, R"({"IfPresent": {"InputName": "x", "Then": "a"}})");
  Work second = first;
  second.inputs.defaulted.insert("x");
  int differing = 0;
  EXPECT_EQ(FirstDifference(second.Key(), FieldsOf(first.Key()), &differing), "inputs.parameters.x");
}

TEST(CacheKeyTest, AKeyOfItsOwnStandsForAllButTheOutputs) {
  Work first;
  first.task.mutable_caching_options()->set_cache_key("v1");
  Work second = first;
  second.inputs.parameters["x"] = 2;
  second.executor.mutable_container()->set_image("other");
  EXPECT_EQ(second.Key().fingerprint, first.Key().fingerprint);
  EXPECT_NE(Work().Key().fingerprint, first.Key().fingerprint);

  const auto difference = [&first](const std::function<void(Work&)>& change) {
    Work changed = first;
    change(changed);
    int differing = 0;
    return FirstDifference(changed.Key(), FieldsOf(first.Key()), &differing);
  };
  EXPECT_EQ(difference([](Work& w) { w.task.mutable_caching_options()->set_cache_key("v2"); }), "cache_key");
  EXPECT_EQ(difference([](Work& w) { w.task.mutable_component_ref()->set_name("comp-other"); }), "component");
  EXPECT_EQ(difference([](Work& w) { w.pipeline = "other"; }), "pipeline");
  EXPECT_EQ(difference([](Work& w) { w.component.mutable_output_definitions()->clear_artifacts(); }),
            "outputs");
}

TEST(CacheKeyTest, EntriesOfOneComponentOfAPipelineAreAGroup) {
  EXPECT_EQ(Work().Key().group, "training/comp-train");
  EXPECT_THAT(Work().Key().fields, Contains(Pair("image", ::testing::SizeIs(16))));
}

TEST(CacheKeyTest, OneMakerGivesTheSameAsAnother) {
  const Work work;
  PlannedTask planned;
  planned.spec = &work.task;
  planned.component = &work.component;
  planned.executor = &work.executor;
  CacheKeyMaker maker("training");
  (void)maker.Make(planned, work.inputs, work.contents, work.facts);
  EXPECT_EQ(maker.Make(planned, work.inputs, work.contents, work.facts).fingerprint, work.Key().fingerprint);
}

}  // namespace
}  // namespace penstock
