// What graphs put out of several tasks, and what conditions say of themselves.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "scheduler/plan/plan.h"
#include "tests/support/pipelines.h"

namespace penstock {
namespace {

using ::testing::HasSubstr;

class OneOfTest : public ::testing::Test {
 protected:
  // The root is one graph "branches" of the tasks a and b, and whatever comes after.
  void Take(TestPipeline pipeline) {
    auto plan = RunPlan::Create(DocumentOf(pipeline));
    ASSERT_TRUE(plan.ok()) << plan.status();
    run_.plan = *plan;
    run_.root_inputs = std::make_shared<const TaskInputs>();
    last_ = Step(run_, RunTaken{}, absl::UnixEpoch(), ids_);
  }

  int Find(absl::string_view name) const {
    for (int i = 0; i < static_cast<int>(run_.tasks.size()); ++i) {
      const TaskSnapshot& task = run_.tasks[i];
      if (run_.plan->dags()[run_.scopes[task.scope].dag].tasks[task.planned].name == name) return i;
    }
    ADD_FAILURE() << "there is no task " << name;
    return 0;
  }
  const TaskSnapshot& Task(absl::string_view name) const { return run_.tasks[Find(name)]; }

  void Run(absl::string_view name, AttemptResult result, TaskOutputs outputs = {}) {
    const int task = Find(name);
    Step(run_, TaskStarting{task, std::string(name)}, absl::UnixEpoch(), ids_);
    last_ = Step(run_,
                 AttemptEnded{task, std::string(name), result, "because",
                              std::make_shared<const TaskOutputs>(std::move(outputs))},
                 absl::UnixEpoch(), ids_);
  }

  static TaskOutputs Artifact(const std::string& uri) {
    TaskOutputs outputs;
    outputs.artifacts["data"] = {{}};
    outputs.artifacts["data"][0].uri = uri;
    return outputs;
  }

  // A graph that puts out the artifact of the first of its tasks that has one.
  static TestPipeline ArtifactsOf(std::vector<TestTask> graph) {
    TestPipeline pipeline;
    Json selectors = Json::array();
    Json& definitions = pipeline.more_components["branches"]["outputDefinitions"];
    const Json declared = {{"artifactType", {{"schemaTitle", "system.Dataset"}, {"schemaVersion", "0.0.1"}}}};
    definitions["artifacts"]["data"] = declared;
    for (TestTask& task : graph) {
      selectors.push_back({{"producerSubtask", task.name}, {"outputArtifactKey", "data"}});
      task.component = "write";
    }
    pipeline.more_components["branches"]["dag"]["outputs"]["artifacts"]["data"]["artifactSelectors"] =
        selectors;
    pipeline.graphs["branches"] = std::move(graph);
    pipeline.graphs["write"] = {{"inner", {}, "true"}};
    // No graph really: an executor that puts out an artifact.
    Json& write = pipeline.more_components["write"] = {{"outputDefinitions", definitions}};
    write["executorLabel"] = "exec-true";
    write["dag"] = nullptr;
    pipeline.root = {{"graph", {}, "branches"}};
    return pipeline;
  }

  RunSnapshot run_;
  Decision last_;
  SequentialIdGenerator ids_;
};

TEST_F(OneOfTest, ArtifactsOfTheFirstThatHasSome) {
  Take(ArtifactsOf({{"a", {}}, {"b", {}}, {"c", {}}}));
  Run("a", AttemptResult::kSucceeded);  // has none
  Run("c", AttemptResult::kSucceeded, Artifact("of-c"));
  Run("b", AttemptResult::kSucceeded, Artifact("of-b"));
  ASSERT_EQ(Task("graph").state, TaskState::kSucceeded);
  EXPECT_EQ(Task("graph").outputs->artifacts.at("data")[0].uri, "of-b");
}

TEST_F(OneOfTest, SkippedBranchesGiveNoArtifacts) {
  std::vector<TestTask> graph = {{"a", {}}, {"b", {}}};
  graph[0].more["triggerPolicy"]["condition"] = "1 == 2";
  Take(ArtifactsOf(graph));
  EXPECT_EQ(Task("a").state, TaskState::kSkipped);
  Run("b", AttemptResult::kSucceeded, Artifact("of-b"));
  EXPECT_EQ(Task("graph").outputs->artifacts.at("data")[0].uri, "of-b");
}

TEST_F(OneOfTest, NothingIfNoneHasAny) {
  std::vector<TestTask> graph = {{"a", {}}, {"b", {}}};
  graph[0].more["triggerPolicy"]["condition"] = "false";
  graph[1].more["triggerPolicy"]["condition"] = "false";
  Take(ArtifactsOf(graph));
  ASSERT_EQ(Task("graph").state, TaskState::kSucceeded);
  EXPECT_TRUE(Task("graph").outputs->artifacts.empty());
}

TEST_F(OneOfTest, ParametersOfTheFirstThatHasAny) {
  TestPipeline pipeline;
  pipeline.graphs["branches"] = {{"a", {}, "give"}, {"b", {}, "give"}};
  pipeline.graphs["branches"][0].more["triggerPolicy"]["condition"] = "false";
  SetOutput(pipeline, "branches", {"a", "b"});
  pipeline.root = {{"graph", {}, "branches"}};
  Take(pipeline);
  TaskOutputs outputs;
  outputs.parameters["out"] = nullptr;  // a value, too
  Run("b", AttemptResult::kSucceeded, outputs);
  EXPECT_EQ(Task("graph").outputs->parameters.at("out"), Json(nullptr));
}

class ConditionTest : public OneOfTest {};

TEST_F(ConditionTest, SaysWhyATaskIsSkippedOrFailed) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}}, {"b", {}}, {"c", {}}, {"d", {}}};
  pipeline.root[0].more["triggerPolicy"]["condition"] = "1 > 2";
  pipeline.root[1].more["triggerPolicy"]["condition"] = "inputs.parameter_values['none'] == 'x'";
  pipeline.root[2].more["triggerPolicy"]["condition"] = "1 + 1";
  pipeline.root[3].more["triggerPolicy"]["condition"] = "1 < 2";
  Take(pipeline);
  EXPECT_EQ(Task("a").state, TaskState::kSkipped);
  EXPECT_EQ(Task("a").error_code, 0);
  EXPECT_EQ(Task("a").error_message, "Skipped: its condition is false: \"1 > 2\"");
  EXPECT_EQ(Task("b").state, TaskState::kFailed);
  EXPECT_EQ(Task("b").error_code, static_cast<int>(absl::StatusCode::kFailedPrecondition));
  for (const char* part :
       {"task 'b': its condition \"inputs.parameter_values['none'] == 'x'\" is neither true nor "
        "false: ",
        "there is no parameter 'none'"}) {
    EXPECT_THAT(Task("b").error_message, HasSubstr(part));
  }
  EXPECT_THAT(Task("c").error_message, HasSubstr("a condition is true or false, and this is int"));
  EXPECT_TRUE(Task("d").ready);
}

// The row of a task whose condition is still to be looked at does not say that it waits for capacity; then it
// does, unless it is started in the same pass.
TEST_F(ConditionTest, DoesNotWaitForCapacityBefore) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}}, {"b", {}}};
  pipeline.root[0].more["triggerPolicy"]["condition"] = "true";
  Take(pipeline);
  for (const TaskChange& change : last_.tasks) {
    EXPECT_EQ(change.wait_reason, change.task == Find("a") ? WaitReason::kUpstream : WaitReason::kCapacity);
  }
  EXPECT_EQ(last_.waiting, std::vector<int>{Find("a")});
}

}  // namespace
}  // namespace penstock
