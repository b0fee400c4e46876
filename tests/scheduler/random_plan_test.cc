// Random pipelines, outcomes, terminations, restarts and commits that fail, in the planner alone: many steps
// in little time. The seed is printed; give it again with PENSTOCK_SEED, and more steps with PENSTOCK_STEPS.
#include <gtest/gtest.h>

#include <deque>
#include <random>
#include <set>

#include "scheduler/plan/plan.h"
#include "scheduler/plan/run_tree.h"
#include "tests/scheduler/random_model.h"

namespace penstock {
namespace {

constexpr size_t kSlots = 2;
#if defined(PENSTOCK_THREAD_SANITIZER)
constexpr int64_t kSteps = 10'000;  // of one thread, which has no races
#elif defined(PENSTOCK_ADDRESS_SANITIZER)
constexpr int64_t kSteps = 50'000;
#else
constexpr int64_t kSteps = 1'000'000;
#endif

class PlanRandom : public ::testing::Test {
 protected:
  int Pick(int bound) { return model_.Pick(bound); }

  void Start(int64_t seed) {
    const auto plan = RunPlan::Create(DocumentOf(model_.Start(seed)));
    ASSERT_TRUE(plan.ok()) << plan.status();
    run_ = RunSnapshot{};
    run_.plan = *plan;
    run_.root_inputs = std::make_shared<const TaskInputs>();
    running_.clear();
    now_ = absl::UnixEpoch();
    Take(RunTaken{});
  }

  // Sometimes a commit fails: nothing of the step has happened, and all is read again.
  void MayLose(const PlanEvent& event) {
    if (Pick(8) != 0) return;
    RunSnapshot before = run_;
    (void)Step(run_, event, now_, ids_);
    run_ = std::move(before);
    Restart();
  }

  void Take(const PlanEvent& event) {
    const Decision decision = Step(run_, event, now_, ids_);
    ready_.insert(ready_.end(), decision.ready.begin(), decision.ready.end());
    for (const TaskChange& change : decision.tasks) {
      EXPECT_TRUE(!change.from.has_value() || MayMove(*change.from, change.to));
    }
    for (const RunChange& change : decision.run) {
      EXPECT_TRUE(MayMove(change.from, change.to));
    }
    EXPECT_EQ(run_.running, static_cast<int>(running_.size()));
    if (run_.state != RunState::kRunning) ready_.clear();
    EXPECT_EQ(run_.ready, static_cast<int>(ready_.size()));
  }

  // What no row says is derived again.
  void Restart() {
    ready_.clear();
    run_.running = run_.ready = run_.open_in_loops = -1;
    run_.waking.clear();
    run_.opening.clear();
    run_.last_opening = -1;
    for (TaskSnapshot& task : run_.tasks) {
      task.ready = true;
      task.unfinished_upstream = -1;
    }
    for (ScopeSnapshot& scope : run_.scopes) scope.unfinished = -1;
    for (LoopSnapshot& loop : run_.loops) loop.unfinished = -1;
    Take(RunRestored{});
  }

  void StartOne() {
    MayLose(TaskStarting{ready_.front(), "lost"});
    const int task = ready_.front();
    ready_.pop_front();
    const absl::StatusOr<TaskInputs> inputs = InputsOf(run_, task);
    if (!inputs.ok()) return Take(TaskUnstartable{task, inputs.status()});
    running_.insert(task);
    Take(TaskStarting{task, absl::StrCat("attempt-", ++attempts_)});
  }

  void EndOne(bool may_fail) {
    auto it = running_.begin();
    std::advance(it, Pick(static_cast<int>(running_.size())));
    const int task = *it;
    AttemptEnded ended{task, run_.tasks[task].attempt_id, AttemptResult::kSucceeded, "because", nullptr};
    if (may_fail && Pick(6) == 0) {
      model_.AttemptFailed(run_.tasks[task].task_id);
      ended.result = AttemptResult::kFailed;
    } else if (run_.tasks[task].state == TaskState::kCanceling && Pick(2) == 0) {
      ended.result = AttemptResult::kCanceled;
    } else {
      TaskOutputs outputs;
      const int value = model_.AttemptSucceeded(run_.tasks[task].task_id);
      if (PlannedOf(run_, task).component->output_definitions().parameters_size() > 0) {
        outputs.parameters["out"] = value;
      }
      ended.outputs = std::make_shared<const TaskOutputs>(std::move(outputs));
    }
    MayLose(ended);
    running_.erase(task);
    Take(ended);
  }

  void RandomEvent() {
    now_ += absl::Seconds(Pick(10));
    const int choice = Pick(40);
    if (choice == 0 && Pick(4) == 0) {
      model_.terminated = true;
      Take(RunCancelAsked{});
    } else if (choice < 5) {
      Restart();
    } else if (!running_.empty() && (choice < 22 || running_.size() == kSlots)) {
      EndOne(/*may_fail=*/true);
    } else if (!ready_.empty()) {
      StartOne();
    } else {
      MayLose(TimePassed{});
      Take(TimePassed{});
    }
  }

  // Whether the run ends once nothing fails any more.
  bool Drain() {
    for (int i = 0; i < 10'000 && !IsFinal(run_.state); ++i) {
      now_ += absl::Seconds(5);
      while (running_.size() < kSlots && !ready_.empty()) StartOne();
      if (!running_.empty()) EndOne(/*may_fail=*/false);
      Take(TimePassed{});
    }
    return IsFinal(run_.state);
  }

  std::vector<TaskRow> Rows() const {
    std::vector<TaskRow> rows;
    for (int i = 0; i < static_cast<int>(run_.tasks.size()); ++i) {
      TaskRow& row = rows.emplace_back();
      row.task_id = run_.tasks[i].task_id;
      row.name = PlannedOf(run_, i).name;
      row.state = run_.tasks[i].state;
      row.iteration = run_.tasks[i].iteration;
      if (const int parent = ParentOf(run_, i); parent >= 0) row.parent_task_id = run_.tasks[parent].task_id;
    }
    return rows;
  }

  RandomModel model_;
  RunSnapshot run_;
  std::deque<int> ready_;
  std::set<int> running_;
  int64_t attempts_ = 0;
  absl::Time now_;
  SequentialIdGenerator ids_;
};

TEST_F(PlanRandom, HoldsTheInvariantsWhateverHappensBetweenTwoSteps) {
  const int64_t first = FromEnvironment("PENSTOCK_SEED", std::random_device()());
  const int64_t steps_max = FromEnvironment("PENSTOCK_STEPS", kSteps);
  std::printf("PENSTOCK_SEED=%lld\n", static_cast<long long>(first));
  std::fflush(stdout);  // before anything can end the program
  int64_t steps = 0;
  for (int64_t seed = first; steps < steps_max && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed));
    Start(seed);
    const int events = 5 + Pick(60);
    for (int i = 0; i < events && !IsFinal(run_.state); ++i, ++steps) RandomEvent();
    EXPECT_TRUE(Drain());
    model_.Check(Rows(), run_.state);
    ++steps;
  }
  std::printf("steps=%lld\n", static_cast<long long>(steps));
}

}  // namespace
}  // namespace penstock
