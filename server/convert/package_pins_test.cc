#include "server/convert/package_pins.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "pipeline/spec/package_pins.h"

namespace penstock {
namespace {

using testing::ElementsAre;

void AddTask(RunAccount* facts, const TaskRow& task, const std::string& packages,
             const std::string& place = "place") {
  facts->tasks.push_back(task);
  TaskAttemptRow attempt;
  attempt.packages = packages;
  attempt.place_sha256 = place;
  facts->attempts[task.task_id] = attempt;
}

TaskRow Named(const std::string& id, const std::string& name, const std::string& parent = "",
              int iteration = -1) {
  TaskRow task;
  task.task_id = id;
  task.name = name;
  task.parent_task_id = parent;
  task.iteration = iteration;
  return task;
}

AttemptDocuments TwoPlaces() {
  AttemptDocuments documents;
  for (const char* package : {"kfp==2.17.0", "pip==23.0", "numpy==1.0", "odd==1.0_unknown"}) {
    documents.places["place"].mutable_interpreter()->add_packages(package);
  }
  documents.places["other"].mutable_interpreter()->add_packages("kfp==2.16.0");
  return documents;
}

// As the run would read it.
PackagePins PinsIn(const RunAccount& facts) {
  const Json plugin = PluginOfRecords(facts, TwoPlaces());
  auto pins = PackagePins::Read("plugin", plugin);
  EXPECT_TRUE(pins.ok()) << pins.status() << plugin;
  return pins.ok() ? *std::move(pins) : PackagePins();
}

TEST(PluginOfRecordsTest, EachTaskKeepsToWhatItHad) {
  RunAccount facts;
  AddTask(&facts, Named("1", "a"), "");
  AddTask(&facts, Named("2", "b"), "");
  AddTask(&facts, Named("3", "train"), "Numpy==1.26.4\nsetuptools==60\nx @ https://example.com/x.zip\n...\n");
  AddTask(&facts, Named("4", "elsewhere"), "", "other");
  const PackagePins pins = PinsIn(facts);
  EXPECT_THAT(pins.Of("a"), ElementsAre("kfp==2.17.0", "numpy==1.0"));
  EXPECT_THAT(pins.Of("train"), ElementsAre("kfp==2.17.0", "Numpy==1.26.4"));
  EXPECT_THAT(pins.Of("elsewhere"), ElementsAre("kfp==2.16.0"));
  EXPECT_THAT(pins.Of("never ran"), ElementsAre("kfp==2.17.0", "numpy==1.0")) << "what most had";
}

TEST(PluginOfRecordsTest, OfIterationsTheLastCounts) {
  RunAccount facts;
  AddTask(&facts, Named("0", "other"), "", "other");
  facts.tasks.push_back(Named("1", "loop"));
  for (const char* number : {"0", "1"}) {
    const std::string id = std::string("1.") + number;
    facts.tasks.push_back(Named(id, "loop", "1", number[0] - '0'));
    AddTask(&facts, Named(id + ".t", "train", id), std::string("demo==1.") + number + "\n", "other");
  }
  EXPECT_THAT(PinsIn(facts).Of("loop/train"), ElementsAre("demo==1.1", "kfp==2.16.0"));
}

TEST(PluginOfRecordsTest, ListsAreShared) {
  RunAccount facts;
  for (int i = 0; i < 1000; ++i) {
    AddTask(&facts, Named(std::to_string(i), "task-" + std::to_string(i)), i % 2 == 0 ? "demo==1.0\n" : "");
  }
  const Json plugin = PluginOfRecords(facts, TwoPlaces());
  EXPECT_EQ(plugin["sets"].size(), 2u);
  EXPECT_EQ(plugin["constraints"].size(), 501u);
  EXPECT_EQ(plugin["constraints"].count("*"), 1u);
}

TEST(PluginOfRecordsTest, WithoutRecordsThereIsNone) {
  RunAccount facts;
  facts.tasks.push_back(Named("1", "imported"));
  AddTask(&facts, Named("2", "a"), "", "unknown");
  EXPECT_TRUE(PluginOfRecords(facts, TwoPlaces()).is_null());
}

TEST(CheckPackagePinsTest, APluginThatIsNotThereIsRight) {
  PluginInputs plugins;
  EXPECT_TRUE(CheckPackagePins("run.plugins_input", plugins, nullptr).ok());
  plugins[kPackagesPlugin];
  EXPECT_THAT(std::string(CheckPackagePins("run.plugins_input", plugins, nullptr).message()),
              testing::StartsWith("run.plugins_input.penstock_packages must be an object"));
}

}  // namespace
}  // namespace penstock
