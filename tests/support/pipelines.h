// Small pipelines of container tasks for tests.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "common/spec/pipeline_spec.h"

namespace penstock {

// Each task's name and the tasks it waits for. Every task runs /bin/true.
using TaskGraph = std::vector<std::pair<std::string, std::vector<std::string>>>;

inline Json PipelineOf(const TaskGraph& graph) {
  Json tasks = Json::object();
  for (const auto& [name, upstream] : graph) {
    tasks[name] = {{"componentRef", {{"name", "comp-true"}}}, {"taskInfo", {{"name", name}}}};
    if (!upstream.empty()) tasks[name]["dependentTasks"] = upstream;
  }
  return {
      {"pipelineInfo", {{"name", "test"}}},
      {"schemaVersion", "2.1.0"},
      {"sdkVersion", "kfp-2.17.0"},
      {"components", {{"comp-true", {{"executorLabel", "exec-true"}}}}},
      {"deploymentSpec",
       {{"executors", {{"exec-true", {{"container", {{"image", "none"}, {"command", {"/bin/true"}}}}}}}}}},
      {"root", {{"dag", {{"tasks", tasks}}}}}};
}

inline std::shared_ptr<const PipelineDocument> DocumentOf(const TaskGraph& graph) {
  auto document = ParsePipelineJson(PipelineOf(graph));
  EXPECT_TRUE(document.ok()) << document.status();
  return document.ok() ? *document : nullptr;
}

}  // namespace penstock
