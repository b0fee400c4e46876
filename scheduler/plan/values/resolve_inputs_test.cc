#include "scheduler/plan/values/resolve_inputs.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/values/test_util.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

class ResolveInputsTest : public ::testing::Test {
 protected:
  ResolveInputsTest() {
    scope_.parameters = {{"lr", 0.5}, {"epochs", 3}, {"none", nullptr}, {"items", {1, 2}}, {"name", "bob"}};
    scope_.artifacts["data"] = {TestArtifact("data", "penstock://artifacts/d")};
    TaskOutputs& prep = outputs_["prep"];
    prep.parameters = {{"Output", "out"}, {"n", 7}, {"nothing", nullptr}, {"d", {{"k", "v"}}}};
    prep.artifacts["model"] = {TestArtifact("model", "penstock://artifacts/m")};
    prep.artifacts["many"] = {TestArtifact("a", "gs://a"), TestArtifact("b", "gs://b")};
    prep.artifacts["empty"] = {};
  }

  absl::StatusOr<TaskInputs> Resolve(absl::string_view inputs, absl::string_view input_definitions,
                                     absl::string_view more_task = "",
                                     absl::string_view kind = "executorLabel") {
    const auto task = Task("{\"inputs\": " + std::string(inputs) + std::string(more_task) + "}");
    const auto component = Component("{\"inputDefinitions\": " + std::string(input_definitions) +
                                     (kind == "dag" ? R"(, "dag": {}})" : R"(, "executorLabel": "e"})"));
    return ResolveInputs(
        task, component, scope_,
        [this](absl::string_view producer) -> const TaskOutputs* {
          const auto it = outputs_.find(std::string(producer));
          return it == outputs_.end() ? nullptr : &it->second;
        },
        TestFacts(), *ParseSelectors(task), final_statuses_);
  }

  // One parameter 'x'. `source` is its InputParameterSpec, `declared` its ParameterSpec.
  absl::StatusOr<TaskInputs> ResolveOne(absl::string_view source, absl::string_view declared,
                                        absl::string_view more_task = "",
                                        absl::string_view kind = "executorLabel") {
    return Resolve("{\"parameters\": {\"x\": " + std::string(source) + "}}",
                   "{\"parameters\": {\"x\": " + std::string(declared) + "}}", more_task, kind);
  }

  TaskInputs scope_;
  std::map<std::string, TaskOutputs> outputs_;
  ParameterMap final_statuses_ = {{"exit-handler-1", {{"state", "COMPLETE"}}}};
};

constexpr absl::string_view kCompleted = R"(, "triggerPolicy": {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"})";

TEST_F(ResolveInputsTest, KindsAndConversions) {
  struct Case {
    std::string source;
    std::string declared;
    std::string want;
  };
  const Case cases[] = {
      {R"({"componentInputParameter": "lr"})", R"({"parameterType": "NUMBER_DOUBLE"})", "0.5"},
      {R"({"componentInputParameter": "lr"})", R"({"parameterType": "STRING"})", R"("0.5")"},
      {R"({"componentInputParameter": "items"})", R"({"parameterType": "LIST"})", "[1,2]"},
      {R"({"componentInputParameter": "items"})", R"({"parameterType": "STRING"})", R"("[1,2]")"},
      {R"({"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "Output"}})",
       R"({"parameterType": "STRING"})", R"("out")"},
      {R"({"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "d"}})",
       R"({"parameterType": "STRING"})", R"("{\"k\":\"v\"}")"},
      {R"({"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "nothing"}})",
       R"({"parameterType": "STRING"})", R"("")"},
      {R"({"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "nothing"}})",
       R"({"parameterType": "STRING", "isOptional": true, "defaultValue": "d"})", R"("d")"},
      {R"({"runtimeValue": {"constant": 5}})", R"({"parameterType": "NUMBER_INTEGER"})", "5"},
      {R"({"runtimeValue": {"constant": {"a": [1]}}})", R"({"parameterType": "STRUCT"})", R"({"a":[1]})"},
      {R"({"runtimeValue": {"constant": null}})", R"({"parameterType": "STRING"})", R"("")"},
      {R"({"runtimeValue": {"constant": "{{$.pipeline_job_name}}"}})", R"({"parameterType": "STRING"})",
       R"("My run")"},
      {R"({"taskFinalStatus": {"producerTask": "exit-handler-1"}})",
       R"({"parameterType": "TASK_FINAL_STATUS"})", R"({"state":"COMPLETE"})"},
      {R"({"taskFinalStatus": {"producerTask": "exit-handler-1"}})", R"({"parameterType": "STRING"})",
       R"("{\"state\":\"COMPLETE\"}")"},
      {R"({"componentInputParameter": "epochs"})",
       R"({"parameterType": "NUMBER_INTEGER", "literals": [1, 3]})", "3"},
      {R"({"componentInputParameter": "epochs"})", R"({"parameterType": "STRING", "literals": [3]})",
       R"("3")"},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<TaskInputs> got = ResolveOne(c.source, c.declared);
    ASSERT_TRUE(got.ok()) << c.source << ": " << got.status();
    ASSERT_EQ(got->parameters.count("x"), 1u) << c.source;
    EXPECT_EQ(DumpJson(got->parameters.at("x")), c.want) << c.source << " as " << c.declared;
  }
}

TEST_F(ResolveInputsTest, AbsentInputs) {
  struct Case {
    std::string name;
    std::string inputs;     // TaskInputsSpec.parameters
    std::string declared;   // of x
    std::string container;  // value of x in a container task: JSON, "absent", or part of an error
    std::string graph;      // in a graph
    std::string more_task = "";
  };
  const std::string null_outer = R"({"x": {"componentInputParameter": "none"}})";
  const std::string failed =
      R"({"x": {"taskOutputParameter": {"producerTask": "dead", "outputParameterKey": "o"}}})";
  const std::string string_type = R"("parameterType": "STRING")";
  const std::string completed(kCompleted);
  const Case cases[] = {
      {"not passed, default", "{}", "{" + string_type + R"(, "isOptional": true, "defaultValue": "d"})",
       R"("d")", R"("d")"},
      {"not passed, optional", "{}", "{" + string_type + R"(, "isOptional": true})", "absent", "null"},
      {"not passed, required", "{}", "{" + string_type + "}",
       "is required, there is no default, and nothing is passed", "is required"},
      {"not passed, not optional but a default", "{}",
       R"({"parameterType": "NUMBER_INTEGER", "defaultValue": 4})", "4", "4"},
      {"not passed, null default", "{}", "{" + string_type + R"(, "isOptional": true, "defaultValue": null})",
       "absent", "null"},
      {"null passed, default", null_outer,
       R"({"parameterType": "NUMBER_INTEGER", "isOptional": true, "defaultValue": 4})", "4", "4"},
      {"null passed, optional", null_outer, R"({"parameterType": "LIST", "isOptional": true})", "absent",
       "null"},
      {"null passed, required", null_outer, "{" + string_type + "}", "the value passed to it is null",
       "the value passed to it is null"},
      {"null constant, required number", R"({"x": {"runtimeValue": {"constant": null}}})",
       R"({"parameterType": "NUMBER_DOUBLE"})", "the value is null", "the value is null"},
      {"null constant, optional number", R"({"x": {"runtimeValue": {"constant": null}}})",
       R"({"parameterType": "NUMBER_DOUBLE", "isOptional": true})", "absent", "null"},
      {"failed producer, default", failed,
       "{" + string_type + R"(, "isOptional": true, "defaultValue": "d"})", R"("d")", R"("d")", completed},
      {"failed producer, optional", failed, "{" + string_type + R"(, "isOptional": true})", "absent", "null",
       completed},
      {"failed producer, required", failed, "{" + string_type + "}", "takes the output 'o' of task 'dead'",
       "takes the output 'o' of task 'dead'", completed},
      {"failed producer of a task that needs it", failed,
       "{" + string_type + R"(, "isOptional": true, "defaultValue": "d"})",
       "takes the output 'o' of task 'dead'", "takes the output 'o' of task 'dead'"},
      {"task config", "{}", R"({"parameterType": "TASK_CONFIG"})", "{}", "{}"},
  };
  for (const Case& c : cases) {
    for (const bool graph : {false, true}) {
      const absl::StatusOr<TaskInputs> got =
          Resolve("{\"parameters\": " + c.inputs + "}", "{\"parameters\": {\"x\": " + c.declared + "}}",
                  c.more_task, graph ? "dag" : "executorLabel");
      const std::string& want = graph ? c.graph : c.container;
      if (!got.ok()) {
        EXPECT_THAT(std::string(got.status().message()), HasSubstr(want)) << c.name;
        continue;
      }
      const auto it = got->parameters.find("x");
      EXPECT_EQ(it == got->parameters.end() ? "absent" : DumpJson(it->second), want) << c.name;
      EXPECT_EQ(got->defaulted.count("x") > 0, want != "absent" && want != "null") << c.name;
    }
  }
}

TEST_F(ResolveInputsTest, AnItemOfAnUntypedListIsWhatItIs) {
  constexpr char kItem[] = "pipelinechannel--gen-Output-loop-item";
  const auto item = [&](const char* text, absl::string_view type) {
    scope_.parameters[kItem] = text;
    return ResolveOne(absl::StrCat("{\"componentInputParameter\": \"", kItem, "\"}"),
                      absl::StrCat("{\"parameterType\": \"", type, "\"}"));
  };
  EXPECT_EQ(item("1", "NUMBER_INTEGER")->parameters.at("x"), 1);
  EXPECT_EQ(item("0.5", "NUMBER_DOUBLE")->parameters.at("x"), 0.5);
  EXPECT_EQ(item("true", "BOOLEAN")->parameters.at("x"), true);
  EXPECT_EQ(item("[1]", "LIST")->parameters.at("x"), Json::array({1}));
  EXPECT_EQ(item("1", "STRING")->parameters.at("x"), "1");
  EXPECT_THAT(std::string(item("one", "NUMBER_INTEGER").status().message()),
              HasSubstr("the item of the loop is \"one\""));
}

TEST_F(ResolveInputsTest, WhatWasNotGivenIsNothingToAGroup) {
  const auto group = [&](absl::string_view name) {
    return Resolve(
        absl::StrCat("{\"parameters\": {\"", name, "\": {\"componentInputParameter\": \"none\"}}}"),
        absl::StrCat("{\"parameters\": {\"", name, "\": {\"parameterType\": \"STRING\"}}}"), "", "dag");
  };
  EXPECT_TRUE(group("pipelinechannel--none")->parameters.at("pipelinechannel--none").is_null());
  EXPECT_FALSE(group("text").ok()) << "of a pipeline as a component, whose author wants a value";
}

TEST_F(ResolveInputsTest, ErrorsNameTaskInputTypeAndValue) {
  struct Case {
    std::string source;
    std::string declared;
    std::string want;
  };
  const std::string string_type = R"({"parameterType": "STRING"})";
  const Case cases[] = {
      {R"({"componentInputParameter": "name"})", R"({"parameterType": "NUMBER_INTEGER"})",
       "task 'train', input 'x': its type is NUMBER_INTEGER, and the value is a text: \"bob\""},
      {R"({"componentInputParameter": "nam"})", string_type,
       "takes the input 'nam' of the enclosing graph, which has no such input; did you mean 'name'?"},
      {R"({"componentInputParameter": "pipelinechannel--loop-item-param-3"})", string_type,
       "a text that holds a loop's item"},
      {R"({"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "Outpu"}})", string_type,
       "takes the output 'Outpu' of task 'prep', which has no such output; did you mean 'Output'?"},
      {R"({"taskOutputParameter": {"producerTask": "gone", "outputParameterKey": "o"}})", string_type,
       "takes the output 'o' of task 'gone', which has no such output"},
      {R"({"runtimeValue": {"constantValue": {"intValue": 5}}})", string_type,
       "only a constant can be an input"},
      {R"({"runtimeValue": {"runtimeParameter": "p"}})", string_type, "only a constant can be an input"},
      {R"({"taskFinalStatus": {"producerTask": "who"}})", R"({"parameterType": "TASK_FINAL_STATUS"})",
       "final status of task 'who' is not known"},
      {"{}", string_type, "does not say where its value comes from"},
      {R"({"componentInputParameter": "epochs"})",
       R"({"parameterType": "NUMBER_INTEGER", "literals": [1, 2]})",
       "the value 3 is not one of those allowed: 1, 2"},
      {R"({"componentInputParameter": "epochs"})", "{}", "its type is unspecified"},
      {R"({"runtimeValue": {"constant": "{{$.inputs.parameters['nope']}}"}})", string_type,
       "refers to the input 'nope', which the task does not have"},
      {R"({"runtimeValue": {"constant": "{{$.inputs.parameters['x']}}"}})", string_type,
       "which is itself a constant with placeholders"},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<TaskInputs> got = ResolveOne(c.source, c.declared);
    ASSERT_FALSE(got.ok()) << c.source;
    EXPECT_EQ(got.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(got.status().message()), HasSubstr("task 'train', input 'x': "));
    EXPECT_THAT(std::string(got.status().message()), HasSubstr(c.want)) << c.source;
  }
}

// A selector takes a part of the source; that is what is converted.
TEST_F(ResolveInputsTest, SelectorsTakeAPart) {
  scope_.parameters["item"] = {{"a", 1}, {"b", {{"c", "deep"}}}, {"l", {4, 5}}};
  scope_.parameters["text"] = R"({"a": 1.5, "none": null})";
  const struct {
    const char* source;
    const char* selector;
    const char* type;
    const char* want;
  } cases[] = {
      {R"("componentInputParameter": "item")", R"(parseJson(string_value)["a"])", "NUMBER_INTEGER", "1"},
      {R"("componentInputParameter": "item")", R"(parseJson(string_value)["a"])", "STRING", R"("1")"},
      {R"("componentInputParameter": "item")", R"(parseJson(string_value)["b"])", "STRUCT",
       R"({"c":"deep"})"},
      {R"("componentInputParameter": "item")", R"(parseJson(string_value)["l"])", "LIST", "[4,5]"},
      {R"("componentInputParameter": "item")", R"(parseJson(string_value)["l"])", "STRING", R"("[4,5]")"},
      {R"("componentInputParameter": "item")", "struct_value.b.c", "STRING", R"("deep")"},
      {R"("componentInputParameter": "text")", R"(parseJson(string_value)["a"])", "NUMBER_DOUBLE", "1.5"},
      {R"("componentInputParameter": "items")", "parseJson(string_value)[1]", "NUMBER_INTEGER", "2"},
      {R"("taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "d"})", "struct_value.k",
       "STRING", R"("v")"},
      {R"("taskFinalStatus": {"producerTask": "exit-handler-1"})", "struct_value.state", "STRING",
       R"("COMPLETE")"},
      {R"("runtimeValue": {"constant": {"k": "{{$.pipeline_task_name}}"}})", "struct_value.k", "STRING",
       R"("train")"},
      {R"("runtimeValue": {"constant": "{{$}}"})", "string_value", "STRING", R"("{{$}}")"},
  };
  for (const auto& c : cases) {
    const Json source = ParseJson(std::string("{") + c.source + "}").value();
    Json with = source;
    with["parameterExpressionSelector"] = c.selector;
    const auto got = ResolveOne(with.dump(), std::string(R"({"parameterType": ")") + c.type + "\"}");
    ASSERT_TRUE(got.ok()) << c.selector << ": " << got.status();
    EXPECT_EQ(DumpJson(got->parameters.at("x")), c.want) << c.source << " " << c.selector;
    EXPECT_TRUE(got->launch_placeholders.empty()) << c.source;
  }
}

TEST_F(ResolveInputsTest, SelectorsThatHaveNoValue) {
  scope_.parameters["item"] = {{"a", 1}, {"none", nullptr}};
  const auto resolve = [&](absl::string_view selector, absl::string_view declared) {
    return ResolveOne(std::string(R"({"componentInputParameter": "item", "parameterExpressionSelector": ")") +
                          std::string(selector) + "\"}",
                      declared);
  };
  const auto missing = resolve("struct_value.b", R"({"parameterType": "STRING"})");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kInvalidArgument);
  for (const char* part : {"task 'train', input 'x': its selector \"struct_value.b\"",
                           R"({"a":1,"none":null})", "the map has no key 'b'; known: 'a'"}) {
    EXPECT_THAT(std::string(missing.status().message()), HasSubstr(part));
  }
  EXPECT_THAT(std::string(resolve("struct_value.a", R"({"parameterType": "LIST"})").status().message()),
              HasSubstr("input 'x'"));
  // Null is absent, as if it had been passed.
  const auto null =
      resolve("struct_value.none", R"({"parameterType": "NUMBER_INTEGER", "isOptional": true})");
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_EQ(null->parameters.count("x"), 0u);
}

// What is not there has no parts.
TEST_F(ResolveInputsTest, SelectorsLeaveAloneWhatIsAbsent) {
  constexpr char kOptional[] = R"({"parameterType": "STRING", "isOptional": true, "defaultValue": "d"})";
  const auto null = ResolveOne(
      R"({"componentInputParameter": "none", "parameterExpressionSelector": "parseJson(string_value)[\"a\"]"})",
      kOptional);
  ASSERT_TRUE(null.ok()) << null.status();
  EXPECT_EQ(null->parameters.at("x"), "d");
  const auto failed = ResolveOne(
      R"({"taskOutputParameter": {"producerTask": "gone", "outputParameterKey": "o"},
          "parameterExpressionSelector": "struct_value.a"})",
      kOptional, kCompleted);
  ASSERT_TRUE(failed.ok()) << failed.status();
  EXPECT_EQ(failed->parameters.at("x"), "d");
}

TEST_F(ResolveInputsTest, ConstantsTakeOtherInputs) {
  const absl::StatusOr<TaskInputs> got = Resolve(
      R"({"parameters": {
            "pipelinechannel--prep-n": {"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "n"}},
            "pipelinechannel--none": {"componentInputParameter": "none"},
            "pipelinechannel--items": {"componentInputParameter": "items"},
            "a_text": {"runtimeValue": {"constant": "{{$.inputs.parameters['pipelinechannel--prep-n']}}"}},
            "a_number": {"runtimeValue": {"constant": "{{$.inputs.parameters['pipelinechannel--prep-n']}}"}},
            "a_list": {"runtimeValue": {"constant": "{{$.inputs.parameters['pipelinechannel--items']}}"}},
            "a_struct": {"runtimeValue": {"constant": {"n": "{{$.inputs.parameters['pipelinechannel--prep-n']}}"}}},
            "mixed": {"runtimeValue": {"constant": "n={{$.inputs.parameters['pipelinechannel--prep-n']}} {{$.foo}}"}},
            "void": {"runtimeValue": {"constant": "[{{$.inputs.parameters['pipelinechannel--none']}}]"}},
            "plain": {"runtimeValue": {"constant": "p"}},
            "from_plain": {"runtimeValue": {"constant": "<{{$.inputs.parameters['plain']}}>"}},
            "undeclared": {"runtimeValue": {"constant": "{{$.inputs.parameters['pipelinechannel--prep-n']}}"}}}})",
      R"({"parameters": {"a_text": {"parameterType": "STRING"}, "a_number": {"parameterType": "NUMBER_INTEGER"},
                         "a_list": {"parameterType": "LIST"}, "a_struct": {"parameterType": "STRUCT"},
                         "mixed": {"parameterType": "STRING"}, "void": {"parameterType": "STRING"},
                         "plain": {"parameterType": "STRING"}, "from_plain": {"parameterType": "STRING"}}})");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->parameters, (ParameterMap{{"pipelinechannel--prep-n", 7},
                                           {"pipelinechannel--none", nullptr},
                                           {"pipelinechannel--items", {1, 2}},
                                           {"a_text", "7"},
                                           {"a_number", 7},
                                           {"a_list", {1, 2}},
                                           {"a_struct", {{"n", "7"}}},
                                           {"mixed", "n=7 {{$.foo}}"},
                                           {"void", "[]"},
                                           {"plain", "p"},
                                           {"from_plain", "<p>"},
                                           {"undeclared", "7"}}));
  EXPECT_TRUE(got->launch_placeholders.empty());
}

TEST_F(ResolveInputsTest, UpstreamValuesAreNeverTemplates) {
  scope_.parameters["name"] = "{{$.pipeline_job_name}} {{$}}";
  outputs_["prep"].parameters["Output"] = "{{$}}";
  const absl::StatusOr<TaskInputs> got = Resolve(
      R"({"parameters": {"a": {"componentInputParameter": "name"},
                         "b": {"taskOutputParameter": {"producerTask": "prep", "outputParameterKey": "Output"}}}})",
      R"({"parameters": {"a": {"parameterType": "STRING"}, "b": {"parameterType": "STRING"}}})");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->parameters, (ParameterMap{{"a", "{{$.pipeline_job_name}} {{$}}"}, {"b", "{{$}}"}}));
  EXPECT_TRUE(got->launch_placeholders.empty());
}

TEST_F(ResolveInputsTest, LaunchPlaceholdersAreMarkedAndHandedDown) {
  absl::StatusOr<TaskInputs> got =
      ResolveOne(R"({"runtimeValue": {"constant": "{{$}}"}})", R"({"parameterType": "STRING"})", "", "dag");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->parameters.at("x"), "{{$}}");
  EXPECT_EQ(got->launch_placeholders.count("x"), 1u);
  scope_ = *got;
  got = ResolveOne(R"({"componentInputParameter": "x"})", R"({"parameterType": "STRING"})");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->launch_placeholders.count("x"), 1u);
}

TEST_F(ResolveInputsTest, Artifacts) {
  struct Case {
    std::string name;
    std::string inputs;    // TaskInputsSpec.artifacts
    std::string declared;  // of x
    std::string want;      // names joined by ",", "absent", or part of an error
    std::string more_task = "";
  };
  const std::string from_task =
      R"({"x": {"taskOutputArtifact": {"producerTask": "prep", "outputArtifactKey": ")";
  const std::string completed(kCompleted);
  const Case cases[] = {
      {"task output", from_task + R"(model"}}})", "{}", "model"},
      {"list", from_task + R"(many"}}})", R"({"isArtifactList": true})", "a,b"},
      {"several to one", from_task + R"(many"}}})", "{}", "a,b"},
      {"empty list", from_task + R"(empty"}}})", R"({"isArtifactList": true})", ""},
      {"empty list to one", from_task + R"(empty"}}})", "{}", "the list passed to it is empty"},
      {"empty list to an optional one", from_task + R"(empty"}}})", R"({"isOptional": true})", "absent"},
      {"no such output", from_task + R"(modle"}}})", "{}", "no such output; did you mean 'model'?"},
      {"no such output, optional", from_task + R"(modle"}}})", R"({"isOptional": true})", "no such output"},
      {"failed producer, optional", from_task + R"(modle"}}})", R"({"isOptional": true})", "absent",
       completed},
      {"failed producer, required", from_task + R"(modle"}}})", "{}", "no such output", completed},
      {"outer input", R"({"x": {"componentInputArtifact": "data"}})", "{}", "data"},
      {"absent outer input, optional", R"({"x": {"componentInputArtifact": "nope"}})",
       R"({"isOptional": true})", "absent"},
      {"absent outer input, required", R"({"x": {"componentInputArtifact": "nope"}})", "{}",
       "the enclosing graph got none for its input 'nope'"},
      {"not passed, optional", "{}", R"({"isOptional": true})", "absent"},
      {"not passed, required", "{}", "{}", "an artifact is required, and nothing is passed to it"},
      {"no source", R"({"x": {}})", "{}", "does not say where its artifact comes from"},
  };
  for (const Case& c : cases) {
    const absl::StatusOr<TaskInputs> got = Resolve(
        "{\"artifacts\": " + c.inputs + "}", "{\"artifacts\": {\"x\": " + c.declared + "}}", c.more_task);
    if (!got.ok()) {
      EXPECT_THAT(std::string(got.status().message()), HasSubstr(c.want)) << c.name;
      EXPECT_THAT(std::string(got.status().message()), HasSubstr("task 'train', input 'x': ")) << c.name;
      continue;
    }
    const auto it = got->artifacts.find("x");
    std::string names = it == got->artifacts.end() ? "absent" : "";
    if (it != got->artifacts.end()) {
      for (const ArtifactRecord& artifact : it->second) names += (names.empty() ? "" : ",") + artifact.name;
    }
    EXPECT_EQ(names, c.want) << c.name;
  }
}

TEST_F(ResolveInputsTest, UndeclaredInputsPassUnchanged) {
  const absl::StatusOr<TaskInputs> got = Resolve(
      R"({"parameters": {"cpu_limit": {"componentInputParameter": "epochs"}},
          "artifacts": {"extra": {"componentInputArtifact": "data"}}})",
      "{}");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->parameters, (ParameterMap{{"cpu_limit", 3}}));
  EXPECT_EQ(got->artifacts.count("extra"), 1u);
}

TEST_F(ResolveInputsTest, TheItemOfALoopIsNotAskedFor) {
  absl::StatusOr<TaskInputs> got =
      Resolve(R"({"parameters": {"items": {"componentInputParameter": "items"}}})",
              R"({"parameters": {"items": {"parameterType": "LIST"}, "item": {"parameterType": "STRING"}}})",
              R"(, "parameterIterator": {"items": {"inputParameter": "items"}, "itemInput": "item"})", "dag");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->parameters, (ParameterMap{{"items", {1, 2}}}));
  got = Resolve(R"({"artifacts": {"items": {"componentInputArtifact": "data"}}})",
                R"({"artifacts": {"items": {"isArtifactList": true}, "item": {}}})",
                R"(, "artifactIterator": {"items": {"inputArtifact": "items"}, "itemInput": "item"})", "dag");
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->artifacts.count("item"), 0u);
}

TEST(RootInputsTest, FillsDefaults) {
  const auto root = Component(R"({"inputDefinitions": {"parameters": {
      "given": {"parameterType": "STRING", "defaultValue": "d"},
      "default": {"parameterType": "NUMBER_INTEGER", "defaultValue": 4, "isOptional": true},
      "null": {"parameterType": "STRING", "defaultValue": "d", "isOptional": true},
      "optional": {"parameterType": "STRUCT", "isOptional": true}}}})");
  const TaskInputs got = RootInputs(root, {{"given", "g"}, {"null", nullptr}, {"unknown", 1}});
  EXPECT_EQ(got.parameters,
            (ParameterMap{{"given", "g"}, {"default", 4}, {"null", "d"}, {"optional", nullptr}}));
  EXPECT_EQ(RootInputs(root, nullptr).parameters.at("given"), "d");
}

}  // namespace
}  // namespace penstock
