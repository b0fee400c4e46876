#include "server/convert/run_comparison.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using penstock::v1::ComparisonRow;
using penstock::v1::ComparisonSection;
using penstock::v1::RunComparison;

// A run of one task, which has put out one artifact.
RunAccount OneRun(const std::string& id) {
  RunAccount facts;
  facts.run.run_id = id;
  facts.run.display_name = "run";
  facts.run.state = RunState::kSucceeded;
  facts.config.spec_sha256 = "spec";
  facts.parameters = {{"rate", "0.1"}, {"long", std::string(10'000, 'x')}};
  facts.metrics["loss"] = {0, absl::UnixEpoch(), 0.5};
  TaskRow task;
  task.run_id = id;
  task.task_id = absl::StrCat(id, "-train");
  task.name = "train";
  facts.tasks.push_back(task);
  TaskAttemptRow attempt;
  attempt.run_id = id;
  attempt.task_id = task.task_id;
  attempt.setup_sha256 = "setup";
  attempt.place_sha256 = "place";
  attempt.packages = "numpy==1.26.0\n";
  facts.attempts[task.task_id] = attempt;
  ArtifactRow artifact;
  artifact.artifact_id = 1;
  artifact.content_sha256 = "abc";
  facts.artifacts[1] = artifact;
  ArtifactTaskRow link;
  link.run_id = id;
  link.task_id = task.task_id;
  link.name = "model";
  link.artifact_id = 1;
  facts.links.push_back(link);
  return facts;
}

AttemptDocuments Documents() {
  AttemptDocuments documents;
  documents.setups["setup"].set_command_sha256("one");
  documents.setups["other"].set_command_sha256("two");
  documents.places["place"].mutable_machine()->set_hostname("a");
  documents.places["place"].mutable_interpreter()->add_packages("Foo_Bar==1");
  documents.places["elsewhere"].mutable_machine()->set_hostname("b");
  return documents;
}

const ComparisonSection& SectionOf(const RunComparison& comparison, const std::string& name) {
  static const ComparisonSection kNone;
  for (const ComparisonSection& section : comparison.sections()) {
    if (section.name() == name) return section;
  }
  ADD_FAILURE() << "no section " << name;
  return kNone;
}

TEST(RunComparisonTest, EqualRunsDoNotDiffer) {
  RunAccount other = OneRun("b");
  other.run.created_at = absl::UnixEpoch() + absl::Hours(1);
  const RunComparison comparison = CompareRuns({OneRun("a"), other}, Documents(), {});
  EXPECT_FALSE(comparison.differ());
  EXPECT_FALSE(comparison.truncated());
  for (const ComparisonSection& section : comparison.sections()) {
    EXPECT_EQ(section.rows_size(), 0) << section.name();
  }
  EXPECT_EQ(SectionOf(comparison, "packages").rows_in_all(), 2);
}

TEST(RunComparisonTest, NamesWhatDiffers) {
  RunAccount other = OneRun("b");
  other.parameters["rate"] = "0.2";
  other.parameters.erase("long");
  other.metrics["loss"].value = 0.25;
  other.artifacts[1].content_sha256 = "def";
  other.attempts["b-train"].packages = "numpy==2.0.0\n";
  other.attempts["b-train"].setup_sha256 = "other";
  other.attempts["b-train"].place_sha256 = "elsewhere";
  const RunComparison comparison = CompareRuns({OneRun("a"), other}, Documents(), {});
  EXPECT_TRUE(comparison.differ());
  const ComparisonSection& parameters = SectionOf(comparison, "parameters");
  ASSERT_EQ(parameters.rows_size(), 2);
  EXPECT_EQ(parameters.rows(0).key(), "long");
  EXPECT_TRUE(parameters.rows(0).values(0).shortened());
  EXPECT_FALSE(parameters.rows(0).values(1).has_value());
  EXPECT_EQ(parameters.rows(1).values(1).value(), "0.2");
  EXPECT_EQ(SectionOf(comparison, "metrics").rows(0).values(1).value(), "0.25");
  const ComparisonSection& outputs = SectionOf(comparison, "outputs");
  ASSERT_EQ(outputs.rows_size(), 1);
  EXPECT_EQ(outputs.rows(0).task(), "train");
  EXPECT_EQ(outputs.rows(0).key(), "model");
  EXPECT_EQ(outputs.rows(0).values(0).value(), "sha256:abc");
  EXPECT_EQ(SectionOf(comparison, "code").rows(0).key(), "command sha256");
  const ComparisonSection& packages = SectionOf(comparison, "packages");
  ASSERT_EQ(packages.rows_size(), 2);  // foo-bar is not known of the other place
  EXPECT_EQ(packages.rows(0).key(), "foo-bar");
  EXPECT_EQ(packages.rows(1).key(), "numpy");
  EXPECT_EQ(packages.rows(1).values(1).value(), "2.0.0");
  EXPECT_EQ(SectionOf(comparison, "infrastructure").rows(0).key(), "host");
}

TEST(RunComparisonTest, TimesAreNeverDifferences) {
  RunAccount other = OneRun("b");
  other.run.finished_at = other.run.created_at + absl::Seconds(9);
  other.attempts["b-train"].max_rss_bytes = 7;
  RunComparison comparison = CompareRuns({OneRun("a"), other}, Documents(), {});
  EXPECT_FALSE(comparison.differ());
  comparison = CompareRuns({OneRun("a"), other}, Documents(), {.all = true});
  EXPECT_FALSE(comparison.differ());
  const ComparisonSection& resources = SectionOf(comparison, "resources");
  EXPECT_TRUE(resources.for_information());
  EXPECT_GT(resources.rows_size(), 0);
  EXPECT_EQ(resources.differing_rows(), 0);
}

TEST(RunComparisonTest, AllShowsWhatIsEqualToo) {
  const RunComparison comparison =
      CompareRuns({OneRun("a"), OneRun("b"), OneRun("c")}, Documents(), {.all = true});
  const ComparisonSection& packages = SectionOf(comparison, "packages");
  ASSERT_EQ(packages.rows_size(), 2);
  EXPECT_EQ(packages.rows(0).values_size(), 3);
  EXPECT_FALSE(packages.rows(0).differs());
}

TEST(RunComparisonTest, RowsAreBoundedAndCounted) {
  RunAccount one = OneRun("a");
  const int many = limits::kComparisonRows + 10;
  for (int i = 0; i < many; ++i) one.parameters[absl::StrCat("p", i)] = "1";
  const RunComparison comparison = CompareRuns({one, OneRun("b")}, Documents(), {});
  EXPECT_TRUE(comparison.truncated());
  EXPECT_EQ(SectionOf(comparison, "parameters").rows_size(), limits::kComparisonRows);
  EXPECT_EQ(SectionOf(comparison, "parameters").differing_rows(), many);
}

TEST(RunComparisonTest, TasksAreTheSameByTheirPath) {
  RunAccount facts = OneRun("a");
  TaskRow loop;
  loop.task_id = "loop";
  loop.name = "for-loop-1";
  TaskRow iteration;
  iteration.task_id = "it";
  iteration.parent_task_id = "loop";
  iteration.name = "for-loop-1";
  iteration.iteration = 3;
  TaskRow inner;
  inner.task_id = "inner";
  inner.parent_task_id = "it";
  inner.name = "train";
  EXPECT_EQ(TaskPathsOf({loop, iteration, inner})["inner"], "for-loop-1/3/train");
}

TaskDatasetUse Taken(const std::string& task_id, const std::string& name, const std::string& digest,
                     const std::string& context) {
  TaskDatasetUse taken;
  taken.task_id = task_id;
  taken.use.dataset.artifact_id = 7;
  taken.use.dataset.name = name;
  taken.use.dataset.digest = digest;
  taken.use.context = context;
  return taken;
}

TEST(RunComparisonTest, DataSetsAreComparedByTheirDigests) {
  RunAccount one = OneRun("a");
  RunAccount other = OneRun("b");
  one.datasets = {Taken("a-train", "wine", "1", "training"), Taken("a-train", "wine", "2", "eval"),
                  Taken("", "base", "5", ""), Taken("cut", "lost", "1", "")};
  other.datasets = {Taken("b-train", "wine", "3", "training"), Taken("b-train", "wine", "2", "eval"),
                    Taken("", "base", "6", ""), Taken("", "base", "5", "")};
  // The run's own is linked with it as an artifact too, of which nothing more is known.
  ArtifactRow artifact;
  artifact.artifact_id = 7;
  ArtifactTaskRow link;
  link.direction = Direction::kInput;
  link.name = "base";
  link.artifact_id = 7;
  one.artifacts[7] = artifact;
  one.links.push_back(link);
  RunComparison comparison = CompareRuns({one, other}, Documents(), {});
  const ComparisonSection& inputs = SectionOf(comparison, "inputs");
  ASSERT_EQ(inputs.rows_size(), 2);
  EXPECT_EQ(inputs.rows(0).task(), "");
  EXPECT_EQ(inputs.rows(0).key(), "data set base");
  EXPECT_EQ(inputs.rows(0).values(0).value(), "5");
  EXPECT_EQ(inputs.rows(0).values(1).value(), "5, 6");
  EXPECT_EQ(inputs.rows(1).task(), "train");
  EXPECT_EQ(inputs.rows(1).key(), "data set wine (training)");
  EXPECT_EQ(inputs.rows(1).values(0).value(), "1");
  EXPECT_EQ(inputs.rows(1).values(1).value(), "3");
  EXPECT_EQ(inputs.rows_in_all(), 3);
  other.datasets.clear();
  comparison = CompareRuns({one, other}, Documents(), {});
  EXPECT_EQ(SectionOf(comparison, "inputs").rows_size(), 3);
  EXPECT_FALSE(SectionOf(comparison, "inputs").rows(0).values(1).has_value());
}

TEST(RunComparisonTest, WhatIsHandedOnIsNoOutputOfItsOwn) {
  RunAccount facts = OneRun("a");
  facts.links[0].role = LinkRole::kScope;
  EXPECT_TRUE(OutputsOf(facts).empty());
  facts.links[0].role = LinkRole::kCache;
  EXPECT_EQ(OutputsOf(facts).size(), 1);
  facts.artifacts[1].import_key = "imported";
  EXPECT_TRUE(OutputsOf(facts).empty());
  EXPECT_EQ(InputsOf(facts).size(), 1);
  facts.artifacts[1].content_sha256.clear();
  EXPECT_FALSE(InputsOf(facts).begin()->second.is_known);
}

}  // namespace
}  // namespace penstock
