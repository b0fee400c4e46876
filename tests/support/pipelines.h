// Small pipelines of container tasks for tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

// Each task's name and the tasks it waits for. Every task runs /bin/true and has an optional input "item".
using TaskGraph = std::vector<std::pair<std::string, std::vector<std::string>>>;

// A loop over the numbers below `count`, as a field of a task.
inline Json LoopOver(int count) {
  Json items = Json::array();
  for (int i = 0; i < count; ++i) items.push_back(i);
  return {{"itemInput", "item"}, {"items", {{"raw", items.dump()}}}};
}

// A task of a graph. Its component is a graph of the pipeline, or "true", which runs /bin/true, or "give",
// which does so too and has to leave a number as its output "out", or "elsewhere", which runs on the executor "other".
struct TestTask {
  std::string name;
  std::vector<std::string> upstream;
  std::string component = "true";
  Json more = Json::object();  // other fields of the task
};

struct TestPipeline {
  std::vector<TestTask> root;
  std::map<std::string, std::vector<TestTask>> graphs;  // by component
  Json more_components = Json::object();                // other fields of those components, by name
};

// The task runs only if `test`, such as " == 1", is true of what the task `source` of its graph puts out, or
// of the graph's input if that is "item".
inline void SetCondition(TestTask& task, const std::string& source, const std::string& test) {
  Json& input = task.more["inputs"]["parameters"]["pipelinechannel--tested"];
  if (source == "item") {
    input["componentInputParameter"] = source;
  } else {
    input["taskOutputParameter"] = {{"producerTask", source}, {"outputParameterKey", "out"}};
  }
  task.more["triggerPolicy"]["condition"] = "inputs.parameter_values['pipelinechannel--tested']" + test;
}

// The graph puts out "out" of the first of its tasks `sources` that has it.
inline void SetOutput(TestPipeline& pipeline, const std::string& graph,
                      const std::vector<std::string>& sources) {
  Json selectors = Json::array();
  for (const std::string& source : sources) {
    selectors.push_back({{"producerSubtask", source}, {"outputParameterKey", "out"}});
  }
  Json& component = pipeline.more_components[graph];
  component["outputDefinitions"]["parameters"]["out"]["parameterType"] = "NUMBER_INTEGER";
  Json& output = component["dag"]["outputs"]["parameters"]["out"];
  if (selectors.size() == 1) {
    output["valueFromParameter"] = selectors[0];
  } else {
    output["valueFromOneof"]["parameterSelectors"] = selectors;
  }
}

inline Json DagOf(const std::vector<TestTask>& graph) {
  Json tasks = Json::object();
  for (const TestTask& task : graph) {
    Json& json = tasks[task.name] = task.more;
    json["componentRef"] = {{"name", "comp-" + task.component}};
    json["taskInfo"] = {{"name", task.name}};
    if (!task.upstream.empty()) json["dependentTasks"] = task.upstream;
  }
  return {{"tasks", tasks}};
}

inline Json SpecOf(const TestPipeline& pipeline) {
  const Json inputs = {
      {"parameters", {{"item", {{"parameterType", "NUMBER_INTEGER"}, {"isOptional", true}}}}}};
  Json components = {{"comp-true", {{"executorLabel", "exec-true"}, {"inputDefinitions", inputs}}}};
  components["comp-give"] = components["comp-elsewhere"] = components["comp-true"];
  components["comp-elsewhere"]["executorLabel"] = "exec-elsewhere";
  components["comp-give"]["outputDefinitions"]["parameters"]["out"]["parameterType"] = "NUMBER_INTEGER";
  for (const auto& [name, graph] : pipeline.graphs) {
    Json& component = components["comp-" + name] = {{"dag", DagOf(graph)}, {"inputDefinitions", inputs}};
    if (pipeline.more_components.contains(name)) component.merge_patch(pipeline.more_components[name]);
  }
  return {{"pipelineInfo", {{"name", "test"}}},
          {"schemaVersion", "2.1.0"},
          {"sdkVersion", "kfp-2.17.0"},
          {"components", components},
          {"deploymentSpec",
           {{"executors",
             {{"exec-true", {{"container", {{"image", "none"}, {"command", {"/bin/true"}}}}}},
              {"exec-elsewhere",
               {{"container",
                 {{"image", "none"},
                  {"command", {"/bin/true"}},
                  {"env", {{{"name", "PENSTOCK_EXECUTOR"}, {"value", "other"}}}}}}}}}}}},
          {"root", {{"dag", DagOf(pipeline.root)}}}};
}

inline TestPipeline FlatPipeline(const TaskGraph& graph) {
  TestPipeline pipeline;
  for (const auto& [name, upstream] : graph) pipeline.root.push_back({name, upstream});
  return pipeline;
}

inline Json PipelineOf(const TaskGraph& graph) { return SpecOf(FlatPipeline(graph)); }

inline std::shared_ptr<const PipelineDocument> DocumentOf(const TestPipeline& pipeline) {
  auto document = ParsePipelineJson(SpecOf(pipeline));
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *document : nullptr;
}

}  // namespace penstock
