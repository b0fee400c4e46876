#include "pipeline/spec/task_tree.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "common/json.h"

namespace penstock {
namespace {

Json Task(const std::string& component) { return {{"componentRef", {{"name", component}}}}; }

TEST(TaskTreeTest, TasksAreWhatTheirComponentsSay) {
  Json loop = Task("comp-for-loop-1");
  loop["parameterIterator"] = {{"itemInput", "item"}, {"items", {{"raw", "[1]"}}}};
  const Json inner = {{"dag", {{"tasks", {{"step", Task("comp-run")}}}}}};
  Json looping = inner;
  looping["inputDefinitions"]["parameters"]["item"]["parameterType"] = "NUMBER_INTEGER";
  const Json import = {
      {"executorLabel", "exec-import"},
      {"outputDefinitions",
       {{"artifacts", {{"artifact", {{"artifactType", {{"schemaTitle", "system.Dataset"}}}}}}}}}};
  const Json spec = {{"pipelineInfo", {{"name", "p"}}},
                     {"schemaVersion", "2.1.0"},
                     {"sdkVersion", "kfp-2.17.0"},
                     {"components",
                      {{"comp-run", {{"executorLabel", "exec-run"}}},
                       {"comp-import", import},
                       {"comp-for-loop-1", looping},
                       {"comp-condition-branches-1", inner},
                       {"comp-condition-2", inner},
                       {"comp-exit-handler-1", inner},
                       {"comp-graph", inner}}},
                     {"deploymentSpec",
                      {{"executors",
                        {{"exec-run", {{"container", {{"image", "i"}, {"command", {"true"}}}}}},
                         {"exec-import",
                          {{"importer",
                            {{"artifactUri", {{"constant", "s3://a"}}},
                             {"typeSchema", {{"schemaTitle", "system.Dataset"}}}}}}}}}}},
                     {"root",
                      {{"dag",
                        {{"tasks",
                          {{"run", Task("comp-run")},
                           {"import", Task("comp-import")},
                           {"each", loop},
                           {"branches", Task("comp-condition-branches-1")},
                           {"condition", Task("comp-condition-2")},
                           {"handler", Task("comp-exit-handler-1")},
                           {"graph", Task("comp-graph")}}}}}}}};
  const auto document = ParsePipelineJson(spec);
  ASSERT_TRUE(document.ok()) << document.status();
  const TaskPlace root = RootPlace(**document);
  EXPECT_EQ(root.kind, TaskKind::kRoot);
  EXPECT_EQ(root.graph, nullptr);
  for (const auto& [name, kind] : std::map<std::string, TaskKind>{{"run", TaskKind::kContainer},
                                                                  {"import", TaskKind::kImporter},
                                                                  {"each", TaskKind::kLoop},
                                                                  {"branches", TaskKind::kConditionBranches},
                                                                  {"condition", TaskKind::kCondition},
                                                                  {"handler", TaskKind::kExitHandler},
                                                                  {"graph", TaskKind::kGraph}}) {
    const auto place = PlaceWithin(**document, root, name);
    ASSERT_TRUE(place.has_value()) << name;
    EXPECT_EQ(place->kind, kind) << name;
    EXPECT_EQ(place->graph, &root.component->dag());
    const bool is_leaf = kind == TaskKind::kContainer || kind == TaskKind::kImporter;
    EXPECT_EQ(place->executor != nullptr, is_leaf) << name;
    EXPECT_EQ(PlaceWithin(**document, *place, "step").has_value(), !is_leaf) << name;
  }
  EXPECT_FALSE(PlaceWithin(**document, root, "none").has_value());
}

}  // namespace
}  // namespace penstock
