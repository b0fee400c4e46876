// Random graphs, outcomes, terminations, restarts and lost starts, against a simple model. The seed is
// printed; give it again with PENSTOCK_SEED, and more steps with PENSTOCK_STEPS.
#include <cstdlib>
#include <random>

#include "absl/strings/numbers.h"
#include "tests/scheduler/engine_fixture.h"

namespace penstock {
namespace {

int64_t FromEnvironment(const char* name, int64_t fallback) {
  int64_t value = fallback;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : fallback;
}

class EngineRandom : public EngineTest {
 protected:
  int Pick(int bound) { return static_cast<int>(random_() % bound); }

  TaskGraph RandomGraph() {
    TaskGraph graph;
    const int count = 1 + Pick(9);
    for (int i = 0; i < count; ++i) {
      std::vector<std::string> upstream;
      for (int j = 0; j < i; ++j) {
        if (Pick(3) == 0) upstream.push_back(absl::StrCat("t", j));
      }
      graph.push_back({absl::StrCat("t", i), upstream});
    }
    return graph;
  }

  void RandomEvent(const std::string& run) {
    executor_.lose_starts = Pick(8) == 0;
    executor_.unavailable = Pick(10) == 0;
    const int choice = Pick(20);
    if (choice < 12 && !executor_.running.empty()) {
      auto attempt = executor_.running.begin();
      std::advance(attempt, Pick(static_cast<int>(executor_.running.size())));
      const std::string id = *attempt;
      const bool failed = Pick(6) == 0;
      outcomes_[executor_.specs[id].task_name] = !failed;
      executor_.Finish(id, failed ? AttemptOutcome::kFailed : AttemptOutcome::kSucceeded,
                       /*tell=*/Pick(4) != 0);
    } else if (choice == 12 && Pick(4) == 0) {
      terminated_ |= Terminate(run).ok();
    } else if (choice < 15) {
      Restart();
    } else {
      clock_.Advance(absl::Seconds(Pick(20)));
    }
    (void)engine_->RunOnce();  // ABORTED is allowed here
    if (executor_.lose_starts) Restart();
  }

  // Lets everything that still runs succeed, told or not, until the run has ended.
  void Drain(const std::string& run) {
    executor_.lose_starts = executor_.unavailable = false;
    for (int i = 0; i < 100 && !IsFinal(StateOf(run)); ++i) {
      Restart();
      clock_.Advance(absl::Seconds(2));
      (void)engine_->RunOnce();
      const std::set<std::string> running = executor_.running;
      for (const std::string& id : running) {
        const bool cancelled = executor_.cancelled.count(id) > 0;
        if (!cancelled) outcomes_[executor_.specs[id].task_name] = true;
        executor_.Finish(id, cancelled ? AttemptOutcome::kCancelled : AttemptOutcome::kSucceeded);
      }
      (void)engine_->RunOnce();
    }
  }

  void CheckAgainstModel(const std::string& run, const TaskGraph& graph) {
    ASSERT_TRUE(IsFinal(StateOf(run))) << "the run did not end";
    for (const auto& [attempt, starts] : executor_.starts) EXPECT_EQ(starts, 1) << attempt;
    auto tasks = TasksOf(run);
    ASSERT_EQ(tasks.size(), graph.size());
    bool failed = false;
    for (const auto& [name, upstream] : graph) {
      const TaskState state = tasks[name].state;
      EXPECT_TRUE(IsFinal(state)) << name;
      bool all_succeeded = true;
      for (const std::string& other : upstream) all_succeeded &= tasks[other].state == TaskState::kSucceeded;
      const auto outcome = outcomes_.find(name);
      if (outcome != outcomes_.end()) {
        EXPECT_TRUE(all_succeeded) << name << " ran although its upstream did not succeed";
        EXPECT_EQ(state, outcome->second ? TaskState::kSucceeded : TaskState::kFailed) << name;
      } else if (!terminated_) {
        EXPECT_EQ(state, TaskState::kSkipped) << name;
        EXPECT_FALSE(all_succeeded) << name << " was skipped although it could run";
      }
      failed |= state == TaskState::kFailed;
    }
    EXPECT_EQ(StateOf(run), terminated_ ? RunState::kCanceled
                            : failed    ? RunState::kFailed
                                        : RunState::kSucceeded);
  }

  std::mt19937_64 random_;
  std::map<std::string, bool> outcomes_;  // by task: whether its attempt succeeded
  bool terminated_ = false;
};
INSTANTIATE_TEST_SUITE_P(Databases, EngineRandom, ServedDatabases());

TEST_P(EngineRandom, HoldsTheInvariantsWhateverHappensBetweenTwoSteps) {
  const int64_t first = FromEnvironment("PENSTOCK_SEED", std::random_device()());
  const int64_t steps_max = FromEnvironment("PENSTOCK_STEPS", 4'000);
  int64_t steps = 0;
  for (int64_t seed = first; steps < steps_max; ++seed) {
    SCOPED_TRACE(absl::StrCat("PENSTOCK_SEED=", seed));
    random_.seed(seed);
    outcomes_.clear();
    terminated_ = false;
    executor_.starts.clear();
    const TaskGraph graph = RandomGraph();
    const std::string run = CreateRun(graph);
    const int events = 5 + Pick(40);
    for (int i = 0; i < events && !IsFinal(StateOf(run)); ++i, ++steps) RandomEvent(run);
    Drain(run);
    CheckAgainstModel(run, graph);
    if (HasFailure()) break;
    ++steps;
  }
  std::printf("PENSTOCK_SEED=%lld steps=%lld\n", static_cast<long long>(first),
              static_cast<long long>(steps));
}

}  // namespace
}  // namespace penstock
