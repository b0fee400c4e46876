#include "pipeline/spec/validate.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/spec/dag_graph.h"
#include "pipeline/spec/pipeline_spec.h"
#include "pipeline/spec/test_documents.h"
#include "pipeline/spec/yaml.h"

namespace penstock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Json Spec(absl::string_view yaml) { return ParseYaml(yaml)->at(0); }

// An error about a task begins in the author's terms and ends with the place; here the place comes first, as in all
// others.
std::string ErrorOf(const Json& spec) {
  const auto document = ParsePipelineJson(spec);
  if (document.ok()) return "no error";
  const std::string error(document.status().message());
  const size_t place = error.rfind(" (");
  if (place == std::string::npos || error.find(".dag.tasks.", place) == std::string::npos) return error;
  const size_t what = error.find(": ");
  return absl::StrCat(error.substr(place + 2, error.size() - place - 3), error.substr(what, place - what));
}

// Marks a place that the change takes away.
struct Remove {};

struct Case {
  Case(const char* where, Json to, const char* message)
      : pointer(where), value(std::move(to)), error(message) {}
  Case(const char* where, Remove, const char* message) : pointer(where), removes(true), error(message) {}

  const char* pointer;
  Json value;
  bool removes = false;
  const char* error;  // null if the change is fine
};

void CheckCases(absl::string_view yaml, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    Json spec = Spec(yaml);
    const Json::json_pointer pointer(c.pointer);
    if (c.removes) {
      ASSERT_EQ(spec[pointer.parent_pointer()].erase(pointer.back()), 1u) << c.pointer;
    } else {
      spec[pointer] = c.value;
    }
    const std::string error = ErrorOf(spec);
    EXPECT_THAT(error, HasSubstr(c.error == nullptr ? "no error" : c.error)) << c.pointer << " = " << c.value;
  }
}

TEST(ValidateTest, Header) {
  CheckCases(
      kTrainPipeline,
      {
          {"/schemaVersion", Remove(), "schemaVersion: is missing; expected \"2.1.0\""},
          {"/schemaVersion", "2.0.0", "schemaVersion: expected \"2.1.0\", found '2.0.0'"},
          {"/sdkVersion", Remove(), nullptr},
          {"/pipelineInfo", Remove(), "pipelineInfo.name: is missing"},
          {"/pipelineInfo/name", "", "pipelineInfo.name: is missing"},
          {"/pipelineInfo/name", "Any Name", nullptr},
          {"/pipelineInfo/name", "namespace/n/pipeline/p", nullptr},
          {"/pipelineInfo/name", "../a", "pipelineInfo.name: the name of a part may not be '.' or '..'"},
          {"/pipelineInfo/name", "/a", "pipelineInfo.name: the name of a part is empty"},
          {"/pipelineInfo/name", "a\nb", "a slash or a control character"},
          {"/pipelineInfo/name", std::string(1025, '/'), "kSpecNameBytes"},
          {"/root", Remove(), "root: is missing"},
          {"/root", {{"executorLabel", "exec-train"}}, "root: expected a graph of tasks"},
          {"/root/dag/tasks", Json::object(), "root.dag.tasks: expected at least one task"},
      });
}

TEST(ValidateTest, Components) {
  CheckCases(
      kTrainPipeline,
      {
          {"/components/comp-train/executorLabel", Remove(),
           "components.comp-train: expected one of the fields 'dag' and 'executorLabel'"},
          {"/components/comp-train/executorLabel", "exec-tain",
           "components.comp-train.executorLabel: there is no executor 'exec-tain' in "
           "deploymentSpec.executors; did you "
           "mean 'exec-train'?"},
          {"/deploymentSpec", Remove(), "there is no executor"},
          {"/deploymentSpec/executors/exec-train", Json::object(),
           "deploymentSpec.executors.exec-train: expected one of the fields 'container'"},
          {"/deploymentSpec/executors/exec-train/container/image", Remove(),
           "deploymentSpec.executors.exec-train.container.image: is missing"},
          {"/deploymentSpec/executors/exec-train/container/command", "echo",
           "deploymentSpec.executors.exec-train.container.command: expected a list, found a text (\"echo\")"},
          {"/deploymentSpec/executors/exec-train/container/args", Json::array({"a", 5}),
           "container.args[1]: expected a text, found a number (5)"},
          {"/deploymentSpec/executors/exec-train/container/args", Json::array({std::string("a\0b", 3)}),
           "container.args[0]: holds a NUL character"},
          {"/deploymentSpec/executors/exec-prepare/container/env/0/name", "A=B",
           "env[0].name: expected the name"},
          {"/deploymentSpec/executors/exec-prepare/container/resources", {{"cpuLimit", -1}}, "not negative"},
          {"/deploymentSpec/executors/exec-unused", {{"anything", 1}}, nullptr},
          {"/components/comp-train/inputDefinitions/parameters/rate/parameterType", Remove(),
           "components.comp-train.inputDefinitions.parameters.rate.parameterType: is missing"},
          {"/components/comp-train/inputDefinitions/parameters/rate", {{"type", "DOUBLE"}}, nullptr},
          {"/components/comp-prepare/outputDefinitions/parameters/count/parameterType", Remove(),
           "outputDefinitions.parameters.count.parameterType: is missing"},
          {"/components/comp-train/inputDefinitions/parameters/mode/literals/0", 5,
           "literals[0]: expected a text, as the parameter is a STRING, found 5"},
          {"/components/comp-train/inputDefinitions/parameters/mode/defaultValue", "quick",
           "defaultValue: expected one of the parameter's literals: \"fast\", \"slow\", found \"quick\""},
          {"/root/inputDefinitions/parameters/rows/defaultValue", "many",
           "root.inputDefinitions.parameters.rows.defaultValue: expected a number, as the parameter is a "
           "NUMBER_INTEGER, "
           "found \"many\""},
          {"/root/inputDefinitions/parameters/rows/defaultValue", nullptr, nullptr},
          {"/components/comp-train/inputDefinitions/parameters/a~1b",
           {{"parameterType", "STRING"}},
           "a slash"},
          {"/components/comp-train/outputDefinitions/artifacts",
           {{"..", Json::object()}},
           "may not be '.' or '..'"},
          {"/components/comp-train/outputDefinitions/artifacts", {{"", Json::object()}}, "is empty"},
          {"/components/comp-train/outputDefinitions/artifacts",
           {{std::string(300, 'x'), Json::object()}},
           "kSpecOutputNameBytes"},
          {"/components/comp-train/inputDefinitions/artifacts",
           {{"data", Json::object()}, {std::string(1025, 'x'), {{"isOptional", true}}}},
           "kSpecNameBytes"},
      });
}

TEST(ValidateTest, Tasks) {
  CheckCases(
      kTrainPipeline,
      {
          {"/root/dag/tasks/train/componentRef", Remove(),
           "root.dag.tasks.train.componentRef.name: is missing"},
          {"/root/dag/tasks/train/componentRef/name", "comp-tran",
           "componentRef.name: there is no component 'comp-tran' in components; did you mean 'comp-train'?"},
          {"/root/dag/tasks/train/dependentTasks/0", "prepar",
           "dependentTasks[0]: there is no task 'prepar' in the graph; did you mean 'prepare'?"},
          {"/root/dag/tasks/train/dependentTasks/0", "train", "dependentTasks[0]: the task waits for itself"},
          {"/root/dag/tasks/train/dependentTasks", Remove(), nullptr},
          {"/root/dag/tasks/prepare/dependentTasks", Json::array({"train"}),
           "root.dag.tasks: there is a cycle: 'prepare' -> 'train' -> 'prepare'"},
          {"/root/dag/tasks/a b",
           {{"componentRef", {{"name", "x"}}}},
           "root.dag.tasks[\"a b\"].componentRef.name: there is no component 'x'"},
          {"/root/dag/tasks/train/retryPolicy",
           {{"maxRetryCount", -1}},
           "retryPolicy.maxRetryCount: expected a number"},
          {"/root/dag/tasks/train/retryPolicy",
           {{"backoffFactor", -0.5}},
           "backoffFactor: expected a number"},
          {"/root/dag/tasks/train/retryPolicy",
           {{"backoffDuration", "-1s"}},
           "backoffDuration: expected a duration"},
          {"/root/dag/tasks/train/retryPolicy", {{"backoffMaxDuration", "-0.5s"}}, "backoffMaxDuration"},
          {"/root/dag/tasks/train/triggerPolicy",
           {{"condition", "inputs.parameter_values['n'] == 'it's'"}},
           nullptr},
          {"/root/dag/tasks/train/triggerPolicy",
           {{"condition", "inputs.parameter_values['n'] =="}},
           "root.dag.tasks.train.triggerPolicy.condition: column 32 of the expression "
           "\"inputs.parameter_values['n'] ==\": "},
          {"/root/dag/tasks/train/triggerPolicy",
           {{"condition", std::string(limits::kExpressionBytes + 1, ' ')}},
           "kExpressionBytes"},
      });
}

TEST(ValidateTest, InputsOfTasks) {
  CheckCases(
      kTrainPipeline,
      {
          {"/root/dag/tasks/train/inputs/parameters/mode", Remove(),
           "root.dag.tasks.train.inputs: the component 'comp-train' requires inputs that the task does not "
           "give: 'mode'"},
          {"/root/dag/tasks/train/inputs", Remove(), "'count', 'mode', 'rate', 'data'"},
          {"/root/dag/tasks/train/inputs/parameters/mod",
           {{"runtimeValue", {{"constant", "x"}}}},
           "inputs.parameters.mod: the component 'comp-train' has no such input; did you mean 'mode'?"},
          {"/root/dag/tasks/train/inputs/parameters/base_image",
           {{"runtimeValue", {{"constant", "x"}}}},
           nullptr},
          {"/root/dag/tasks/train/inputs/parameters/cpu_limit",
           {{"componentInputParameter", "rows"}},
           nullptr},
          {"/root/dag/tasks/train/inputs/parameters/mode", Json::object(), "expected one of the fields"},
          {"/root/dag/tasks/train/inputs/parameters/mode",
           {{"runtimeValue", Json::object()}},
           "runtimeValue: expected the field 'constant'"},
          {"/root/dag/tasks/train/inputs/parameters/mode",
           {{"runtimeValue", {{"runtimeParameter", "x"}}}},
           "runtimeValue: expected the field 'constant'"},
          {"/root/dag/tasks/train/inputs/parameters/mode/runtimeValue/constant", "medium",
           "constant: expected one of the input's literals: \"fast\", \"slow\", found \"medium\""},
          {"/root/dag/tasks/train/inputs/parameters/mode/runtimeValue/constant",
           "{{$.inputs.parameters['pipelinechannel--rows']}}", nullptr},
          {"/root/dag/tasks/train/inputs/parameters/rate/runtimeValue/constant", "0.5",
           "inputs.parameters.rate.runtimeValue.constant: expected a number, as the input is a "
           "NUMBER_DOUBLE, found "
           "\"0.5\""},
          {"/root/dag/tasks/train/inputs/parameters/rate/runtimeValue/constant", nullptr,
           "expected a number"},
          {"/root/dag/tasks/train/inputs/parameters/rate/runtimeValue/constant",
           "{{$.inputs.parameters['pipelinechannel--rows']}}", nullptr},
          {"/root/dag/tasks/prepare/inputs/parameters/rows/componentInputParameter", "row",
           "componentInputParameter: the component around the task has no input parameter 'row'; did you "
           "mean 'rows'?"},
          {"/root/dag/tasks/prepare/inputs/parameters/rows/componentInputParameter",
           "pipelinechannel--loop-item-param-1", "where a text with a loop's item in it"},
          {"/root/inputDefinitions/parameters/rows",
           {{"parameterType", "STRING"}},
           "root.dag.tasks.prepare.inputs.parameters.rows: the input is a NUMBER_INTEGER, and the "
           "component's input 'rows' "
           "is a STRING, which cannot become one"},
          {"/components/comp-prepare/outputDefinitions/parameters/count/parameterType", "BOOLEAN",
           "inputs.parameters.count: the input is a NUMBER_INTEGER, and the output 'count' of the task "
           "'prepare' is a "
           "BOOLEAN"},
          {"/components/comp-prepare/outputDefinitions/parameters/count/parameterType", "NUMBER_DOUBLE",
           nullptr},
          {"/components/comp-train/inputDefinitions/parameters/count/parameterType", "STRING", nullptr},
          {"/root/dag/tasks/train/inputs/parameters/count/taskOutputParameter/producerTask", "nobody",
           "taskOutputParameter.producerTask: there is no task 'nobody' in the graph"},
          {"/root/dag/tasks/train/inputs/parameters/count/taskOutputParameter/outputParameterKey", "counts",
           "outputParameterKey: the task 'prepare' has no output 'counts' that is a parameter; did you mean "
           "'count'?"},
          {"/root/dag/tasks/train/inputs/parameters/count/taskOutputParameter/outputParameterKey", "dataset",
           "the output 'dataset' of the task 'prepare' is an artifact, not a parameter"},
          {"/root/dag/tasks/train/inputs/artifacts/data/taskOutputArtifact/outputArtifactKey", "count",
           "the output 'count' of the task 'prepare' is a parameter, not an artifact"},
          {"/root/dag/tasks/train/inputs/artifacts/data/taskOutputArtifact/producerTask", "nobody",
           "taskOutputArtifact.producerTask: there is no task 'nobody'"},
          {"/root/dag/tasks/train/inputs/artifacts/data",
           {{"componentInputArtifact", "x"}},
           "componentInputArtifact: the component around the task has no input artifact 'x'"},
          {"/root/dag/tasks/train/inputs/artifacts/data", Json::object(),
           "expected one of the fields 'taskOutputArtifact'"},
          {"/root/dag/tasks/train/inputs/artifacts/other",
           {{"componentInputArtifact", "x"}},
           "has no such input"},
          {"/root/dag/tasks/train/inputs/parameters/mode",
           {{"taskFinalStatus", {{"producerTask", "prepare"}}}},
           nullptr},
          {"/root/dag/tasks/train/inputs/parameters/rate",
           {{"taskFinalStatus", {{"producerTask", "prepare"}}}},
           "is a NUMBER_DOUBLE, and a task's final status is a TASK_FINAL_STATUS"},
          {"/root/dag/tasks/train/inputs/parameters/mode",
           {{"taskFinalStatus", {{"producerTask", "nobody"}}}},
           "taskFinalStatus.producerTask: there is no task 'nobody'"},
          {"/root/dag/tasks/train/inputs/parameters/count/parameterExpressionSelector", "struct_value.a",
           nullptr},
          {"/root/dag/tasks/train/inputs/parameters/count/parameterExpressionSelector", "anything",
           "root.dag.tasks.train.inputs.parameters.count.parameterExpressionSelector: column 1 of the "
           "expression \"anything\": there is no variable 'anything'"},
      });
}

TEST(ValidateTest, OutputsOfGraphs) {
  CheckCases(
      kTrainPipeline,
      {
          {"/root/dag/outputs/parameters/Output/valueFromParameter/producerSubtask", "trian",
           "root.dag.outputs.parameters.Output.valueFromParameter.producerSubtask: there is no task 'trian' "
           "in the "
           "graph; did you mean 'train'?"},
          {"/root/dag/outputs/parameters/Output/valueFromParameter/outputParameterKey", "Out",
           "outputParameterKey: the task 'train' has no such output 'Out'; did you mean 'Output'?"},
          {"/root/dag/outputs/parameters/Output", Json::object(),
           "expected one of the fields 'valueFromParameter'"},
          {"/root/dag/outputs/parameters/Output",
           {{"valueFromOneof", Json::object()}},
           "at least one selector"},
          {"/root/dag/outputs", Remove(),
           "the output 'Output' is declared in outputDefinitions, but no task"},
          {"/root/outputDefinitions", Remove(),
           "outputs.parameters.Output: the component's outputDefinitions declare no"},
          {"/root/dag/outputs/artifacts", {{"a", Json::object()}}, "outputs.artifacts.a: the component's"},
      });
  CheckCases(kFullPipeline,
             {
                 {"/components/comp-loop/dag/outputs/artifacts/pipelinechannel--say-log/artifactSelectors",
                  Json::array(), "artifactSelectors: expected at least one selector"},
                 {"/components/comp-loop/dag/outputs/artifacts/pipelinechannel--say-log/artifactSelectors/0/"
                  "outputArtifactKey",
                  "lug", "artifactSelectors[0].outputArtifactKey: the task 'say' has no such output 'lug'"},
                 {"/components/comp-branches/dag/outputs/parameters/pipelinechannel--oneof-1/valueFromOneof/"
                  "parameterSelectors/1/"
                  "producerSubtask",
                  "branch-3",
                  "valueFromOneof.parameterSelectors[1].producerSubtask: there is no task 'branch-3' in the "
                  "graph; did you mean "
                  "'branch-1'?"},
             });
}

TEST(ValidateTest, Loops) {
  CheckCases(
      kFullPipeline,
      {
          {"/root/dag/tasks/loop/iteratorPolicy/parallelismLimit", -1,
           "root.dag.tasks.loop.iteratorPolicy.parallelismLimit: expected a number that is not negative"},
          {"/root/dag/tasks/loop/parameterIterator/itemInput", "item",
           "parameterIterator.itemInput: the component of the loop has no input parameter 'item'"},
          {"/root/dag/tasks/loop/parameterIterator/itemInput", "", "itemInput: is missing"},
          {"/root/dag/tasks/loop/parameterIterator/items", Json::object(),
           "parameterIterator.items: expected one of the fields 'raw' and 'inputParameter'"},
          {"/root/dag/tasks/loop/parameterIterator/items/inputParameter", "pipelinechannel--item",
           "the task has no input parameter 'item'; did you mean 'items'?"},
          {"/components/comp-loop/inputDefinitions/parameters/pipelinechannel--items/parameterType", "STRING",
           nullptr},
          {"/components/comp-loop/inputDefinitions/parameters/pipelinechannel--items/parameterType", "STRUCT",
           "the input 'items' is a STRUCT; a loop goes over a LIST"},
          {"/root/dag/tasks/loop-raw/parameterIterator/items/raw", "[1,",
           "items.raw: expected the JSON text of a list: not valid JSON"},
          {"/root/dag/tasks/loop-raw/parameterIterator/items/raw", "{}",
           "expected the JSON text of a list, found an"},
          {"/root/dag/tasks/loop-raw/parameterIterator/items/raw", "[]", nullptr},
          {"/root/dag/tasks/loop-raw/parameterIterator/items/raw", "[{{$.inputs.parameters['x']}}]", nullptr},
          {"/components/comp-say/inputDefinitions/parameters/text/parameterType", "NUMBER_INTEGER",
           "item 0: expected a number, as the loop's items are of type NUMBER_INTEGER, found \"a\""},
          {"/root/dag/tasks/loop-raw/artifactIterator", Json::object(),
           "both 'artifactIterator' and 'parameterIterator' are set"},
          {"/root/dag/tasks/loop-raw/parameterIterator", Remove(),
           "requires inputs that the task does not give: 'text'"},
      });
}

TEST(ValidateTest, ArtifactLoops) {
  Json spec = Spec(kTrainPipeline);
  spec["root"]["dag"]["tasks"]["train"]["artifactIterator"] = {{"itemInput", "data"},
                                                               {"items", {{"inputArtifact", "data"}}}};
  EXPECT_EQ(ErrorOf(spec), "no error");
  Json wrong = spec;
  wrong["root"]["dag"]["tasks"]["train"]["artifactIterator"]["items"]["inputArtifact"] = "date";
  EXPECT_THAT(ErrorOf(wrong),
              HasSubstr("artifactIterator.items.inputArtifact: the task has no input artifact 'date'"));
  wrong = spec;
  wrong["root"]["dag"]["tasks"]["train"]["artifactIterator"]["itemInput"] = "mode";
  EXPECT_THAT(ErrorOf(wrong),
              HasSubstr("artifactIterator.itemInput: the component of the loop has no input artifact"));
}

TEST(ValidateTest, Importers) {
  CheckCases(
      kFullPipeline,
      {
          {"/deploymentSpec/executors/exec-import/importer/artifactUri", Remove(), "artifactUri: is missing"},
          {"/deploymentSpec/executors/exec-import/importer/artifactUri/runtimeParameter", "url",
           "runtimeParameter: the component has no input parameter 'url'; did you mean 'uri'?"},
          {"/deploymentSpec/executors/exec-import/importer/artifactUri",
           {{"constant", 5}},
           "constant: expected a text, found 5"},
          {"/components/comp-import/outputDefinitions", Remove(), "exactly one output"},
      });
}

TEST(ValidateTest, ComponentsThatContainThemselves) {
  Json spec = Spec(kFullPipeline);
  spec["components"]["comp-branch-1"]["dag"]["tasks"]["again"] = {
      {"componentRef", {{"name", "comp-branches"}}},
      {"inputs",
       {{"parameters",
         {{"pipelinechannel--flag", {{"componentInputParameter", "pipelinechannel--flag"}}}}}}}};
  EXPECT_THAT(
      ErrorOf(spec),
      HasSubstr(
          "components: there is a cycle: 'comp-branch-1' -> 'comp-branches' -> 'comp-branch-1'; a component "
          "may not contain itself"));
}

// A pipeline of `levels` graphs within each other, each used `uses` times by the one around it.
Json Nested(int levels, int uses) {
  Json spec = Json::parse(R"({"schemaVersion": "2.1.0", "pipelineInfo": {"name": "nested"},
      "deploymentSpec": {"executors": {"e": {"container": {"image": "i"}}}},
      "components": {"c0": {"executorLabel": "e"}}})");
  for (int level = 1; level <= levels; ++level) {
    Json tasks;
    for (int use = 0; use < uses; ++use) {
      tasks[absl::StrCat("t", use)] = {{"componentRef", {{"name", absl::StrCat("c", level - 1)}}}};
    }
    if (level == levels) {
      spec["root"]["dag"]["tasks"] = tasks;
    } else {
      spec["components"][absl::StrCat("c", level)]["dag"]["tasks"] = tasks;
    }
  }
  return spec;
}

TEST(ValidateTest, SizeIsBounded) {
  EXPECT_EQ(ErrorOf(Nested(limits::kSpecNesting, 1)), "no error");
  EXPECT_THAT(ErrorOf(Nested(limits::kSpecNesting + 1, 1)), HasSubstr("kSpecNesting"));
  EXPECT_EQ(ErrorOf(Nested(4, 10)), "no error");
  EXPECT_THAT(ErrorOf(Nested(5, 10)), HasSubstr("kSpecTasks"));
  EXPECT_THAT(ErrorOf(Nested(90, 10)), HasSubstr("kSpecTasks"));
}

// What many tasks ask of one large component is found out once: else these would take hours.
TEST(ValidateTest, CostIsInProportionToSize) {
  Json spec = Nested(1, limits::kSpecTasks);
  Json& parameters = spec["components"]["c0"]["inputDefinitions"]["parameters"];
  for (int i = 0; i < 100'000; ++i) {
    parameters[absl::StrCat("p", i)] = {{"parameterType", "STRING"}, {"isOptional", true}};
  }
  Json& literals = parameters["choice"]["literals"];
  for (int i = 0; i < 100'000; ++i) literals.push_back(absl::StrCat(i));
  parameters["choice"]["parameterType"] = "STRING";
  for (Json& task : spec["root"]["dag"]["tasks"]) {
    task["inputs"]["parameters"]["choice"]["runtimeValue"]["constant"] = "99999";
  }
  Json& executor = spec["deploymentSpec"]["executors"]["e"]["container"];
  executor["args"] = Json::array({std::string(10'000'000, 'x')});
  for (int i = 1; i < 20'000; ++i) spec["components"][absl::StrCat("c", i)] = {{"executorLabel", "e"}};
  const auto document = ParsePipelineJson(std::move(spec));
  ASSERT_TRUE(document.ok()) << document.status();
  EXPECT_TRUE(CheckSupported(**document).ok());
  Json unknown;
  for (int i = 0; i < 100'000; ++i) unknown[absl::StrCat("x", i)] = i;
  EXPECT_THAT(std::string(CheckRunParameters(**document, unknown).message()), HasSubstr("more problems"));
}

TEST(ValidateTest, FullPipelineIsValid) { EXPECT_EQ(ErrorOf(Spec(kFullPipeline)), "no error"); }

TEST(GraphOfDagTest, ExplicitAndImplicitDependencies) {
  const auto document = ParsePipelineJson(Spec(kFullPipeline));
  ASSERT_TRUE(document.ok()) << document.status();
  const auto graph = GraphOfDag((*document)->spec.root().dag());
  ASSERT_TRUE(graph.ok()) << graph.status();
  ASSERT_THAT(graph->names(), ElementsAre("branches", "import", "loop", "loop-raw", "report"));
  EXPECT_THAT(graph->predecessors(4), ElementsAre(0, 2));
  EXPECT_THAT(graph->predecessors(0), ElementsAre());
}

TEST(GraphOfDagTest, Errors) {
  ml_pipelines::DagSpec dag;
  (*dag.mutable_tasks())["a"].add_dependent_tasks("c");
  (*dag.mutable_tasks())["b"];
  EXPECT_THAT(std::string(GraphOfDag(dag).status().message()),
              HasSubstr("the task 'a' waits for 'c', which is not in"));
  (*(*dag.mutable_tasks())["c"].mutable_inputs()->mutable_artifacts())["x"]
      .mutable_task_output_artifact()
      ->set_producer_task("a");
  EXPECT_THAT(std::string(GraphOfDag(dag).status().message()),
              HasSubstr("there is a cycle: 'a' -> 'c' -> 'a'"));
}

}  // namespace
}  // namespace penstock
