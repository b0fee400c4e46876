// Loops that together would have more tasks than may be open at a time.
#include "common/limits.h"
#include "gtest/gtest.h"
#include "scheduler/plan/plan.h"
#include "tests/support/pipelines.h"

namespace penstock {
namespace {

class LoopsTest : public ::testing::Test {
 protected:
  Decision Take(const TestPipeline& pipeline) {
    auto plan = RunPlan::Create(DocumentOf(pipeline));
    EXPECT_TRUE(plan.ok()) << plan.status();
    run_.plan = *plan;
    run_.root_inputs = std::make_shared<const TaskInputs>();
    return Step(run_, RunTaken{}, absl::UnixEpoch(), ids_);
  }

  RunSnapshot run_;
  SequentialIdGenerator ids_;
};

TEST_F(LoopsTest, ShareTheRoomThatThereIs) {
  TestPipeline pipeline;
  pipeline.root = {{"a", {}}, {"b", {}}};
  for (TestTask& task : pipeline.root) task.more["parameterIterator"] = LoopOver(limits::kLoopTasksOpen);
  const Decision taken = Take(pipeline);
  ASSERT_EQ(run_.loops.size(), 2u);
  EXPECT_EQ(run_.open_in_loops, limits::kLoopTasksOpen);
  for (const LoopSnapshot& loop : run_.loops) {
    EXPECT_EQ(loop.iterations.size(), static_cast<size_t>(limits::kLoopTasksOpen / 2));
  }
  // One that ends makes room for one.
  const int task = taken.ready[0];
  Step(run_, TaskStarting{task, "attempt"}, absl::UnixEpoch(), ids_);
  Step(run_,
       AttemptEnded{task, "attempt", AttemptResult::kSucceeded, "", std::make_shared<const TaskOutputs>()},
       absl::UnixEpoch(), ids_);
  EXPECT_EQ(run_.open_in_loops, limits::kLoopTasksOpen);
  EXPECT_EQ(run_.loops[0].iterations.size() + run_.loops[1].iterations.size(),
            static_cast<size_t>(limits::kLoopTasksOpen + 1));
}

}  // namespace
}  // namespace penstock
