#include "server/convert/rerun_report.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using penstock::v1::RerunReport;

// A run of one task that has put out a parameter.
RunAccount RunIn(const std::string& id, RunState state, TaskState task_state) {
  RunAccount facts;
  facts.run.run_id = id;
  facts.run.state = state;
  TaskRow task;
  task.run_id = id;
  task.task_id = absl::StrCat(id, "-add");
  task.name = "add";
  task.state = task_state;
  facts.tasks.push_back(task);
  return facts;
}

RunAccount Done(const std::string& id, const std::string& sum) {
  RunAccount facts = RunIn(id, RunState::kSucceeded, TaskState::kSucceeded);
  facts.output_parameters.push_back({absl::StrCat(id, "-add"), Direction::kOutput, "sum", sum});
  return facts;
}

void AddArtifact(const std::string& sha256, RunAccount* facts) {
  ArtifactRow artifact;
  artifact.artifact_id = 5;
  artifact.content_sha256 = sha256;
  facts->artifacts[5] = artifact;
  ArtifactTaskRow link;
  link.task_id = facts->tasks[0].task_id;
  link.name = "model";
  link.artifact_id = 5;
  facts->links.push_back(link);
}

TEST(RerunReportTest, TheSameIsIdentical) {
  const RerunReport report = ReportRerun(Done("a", "3"), Done("b", "3"), {});
  EXPECT_EQ(report.verdict(), "IDENTICAL");
  EXPECT_EQ(report.identical(), 1);
  EXPECT_EQ(report.outputs(0).task(), "add");
  EXPECT_EQ(report.original_run_id(), "a");
}

TEST(RerunReportTest, WhatDiffersComesFirst) {
  RunAccount one = Done("a", "3");
  RunAccount two = Done("b", "3");
  one.output_parameters.push_back({"a-add", Direction::kOutput, "time", "1"});
  two.output_parameters.push_back({"b-add", Direction::kOutput, "time", "2"});
  const RerunReport report = ReportRerun(one, two, {});
  EXPECT_EQ(report.verdict(), "DIFFERENT");
  EXPECT_EQ(report.outputs(0).name(), "time");
  EXPECT_EQ(report.outputs(0).result(), "DIFFERENT");
  EXPECT_EQ(report.outputs(1).result(), "IDENTICAL");
}

TEST(RerunReportTest, WhatIsNotThereYetIsPending) {
  RerunReport report = ReportRerun(Done("a", "3"), RunIn("b", RunState::kRunning, TaskState::kRunning), {});
  EXPECT_EQ(report.verdict(), "PENDING");
  EXPECT_EQ(report.pending(), 1);
  report = ReportRerun(Done("a", "3"), RunIn("b", RunState::kRunning, TaskState::kFailed), {});
  EXPECT_EQ(report.missing(), 1);
  EXPECT_EQ(report.verdict(), "PENDING");
  report = ReportRerun(Done("a", "3"), RunIn("b", RunState::kFailed, TaskState::kFailed), {});
  EXPECT_EQ(report.verdict(), "INCOMPLETE");
}

TEST(RerunReportTest, WithoutAHashNothingIsSaid) {
  RunAccount one = Done("a", "3");
  RunAccount two = Done("b", "3");
  AddArtifact("abc", &one);
  AddArtifact("", &two);
  const RerunReport report = ReportRerun(one, two, {});
  EXPECT_EQ(report.verdict(), "INCOMPLETE");
  EXPECT_EQ(report.outputs(0).result(), "NOT_COMPARABLE");
  EXPECT_EQ(report.outputs(0).original(), "sha256:abc");
  EXPECT_FALSE(report.outputs(0).reason().empty());
}

}  // namespace
}  // namespace penstock
