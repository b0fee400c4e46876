// Random pipelines, outcomes, terminations, restarts and lost starts, against a simple model. The seed is
// printed; give it again with PENSTOCK_SEED, and more steps with PENSTOCK_STEPS.
#include <cstdlib>
#include <random>

#include "absl/strings/match.h"
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

  std::vector<TestTask> RandomGraph(int count_max, int first_graph, int graphs) {
    std::vector<TestTask> graph;
    const int count = 1 + Pick(count_max);
    for (int i = 0; i < count; ++i) {
      TestTask& task = graph.emplace_back();
      task.name = absl::StrCat("t", i);
      for (int j = 0; j < i; ++j) {
        if (Pick(3) == 0) task.upstream.push_back(absl::StrCat("t", j));
      }
      if (Pick(5) == 0) task.more["triggerPolicy"]["strategy"] = "ALL_UPSTREAM_TASKS_COMPLETED";
      if (Pick(4) == 0) {
        task.more["retryPolicy"] = {{"maxRetryCount", Pick(3)},
                                    {"backoffDuration", absl::StrCat(Pick(2) * 5, "s")}};
      }
      if (Pick(4) == 0) task.more["cachingOptions"] = {{"enableCache", true}};
      if (Pick(5) == 0) {
        task.more["parameterIterator"] = LoopOver(Pick(4));
        if (Pick(2) == 0) task.more["iteratorPolicy"] = {{"parallelismLimit", 1 + Pick(2)}};
      }
      if (first_graph < graphs && Pick(3) == 0) {
        task.component = absl::StrCat("g", first_graph + Pick(graphs - first_graph));
      }
    }
    return graph;
  }

  // A graph uses only those behind it, so there is no cycle.
  TestPipeline RandomPipeline() {
    TestPipeline pipeline;
    const int graphs = Pick(4);
    for (int i = 0; i < graphs; ++i) pipeline.graphs[absl::StrCat("g", i)] = RandomGraph(3, i + 1, graphs);
    pipeline.root = RandomGraph(6, 0, graphs);
    return pipeline;
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
      outcomes_[executor_.specs[id].task_id].push_back(!failed);
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
        if (!cancelled) outcomes_[executor_.specs[id].task_id].push_back(true);
        executor_.Finish(id, cancelled ? AttemptOutcome::kCancelled : AttemptOutcome::kSucceeded);
      }
      (void)engine_->RunOnce();
    }
  }

  void CheckAgainstModel(const std::string& run, const TestPipeline& pipeline) {
    ASSERT_TRUE(IsFinal(StateOf(run))) << "the run did not end";
    for (const auto& [attempt, starts] : executor_.starts) EXPECT_EQ(starts, 1) << attempt;
    children_.clear();
    for (const TaskRow& row : TaskRowsOf(run)) children_[row.parent_task_id].push_back(row);
    const bool failed = CheckGraph(pipeline, pipeline.root, "", /*retries=*/0);
    EXPECT_EQ(StateOf(run), terminated_ ? RunState::kCanceled
                            : failed    ? RunState::kFailed
                                        : RunState::kSucceeded);
    EXPECT_TRUE(children_.empty()) << "there are tasks that belong to none";
  }

  // The tasks of one graph, which has started. Whether one of them failed.
  bool CheckGraph(const TestPipeline& pipeline, const std::vector<TestTask>& graph, const std::string& parent,
                  int retries) {
    std::map<std::string, TaskRow> rows;
    for (const TaskRow& row : children_[parent]) rows[row.name] = row;
    children_.erase(parent);
    EXPECT_EQ(rows.size(), graph.size());
    bool failed = false;
    for (const TestTask& task : graph) {
      const TaskRow& row = rows[task.name];
      EXPECT_TRUE(IsFinal(row.state)) << task.name;
      bool may_start = true;
      for (const std::string& other : task.upstream) {
        may_start &= rows[other].state == TaskState::kSucceeded || task.more.contains("triggerPolicy");
      }
      const bool started = CheckTask(pipeline, task, row, retries);
      if (started) {
        EXPECT_TRUE(may_start) << task.name << " ran although its upstream did not succeed";
      } else if (!terminated_) {
        EXPECT_EQ(row.state, TaskState::kSkipped) << task.name;
        EXPECT_FALSE(may_start) << task.name << " was skipped although it could run";
      }
      failed |= row.state == TaskState::kFailed;
    }
    return failed;
  }

  // A loop that started has all its iterations, unless it was terminated.
  bool CheckLoop(const TestPipeline& pipeline, const TestTask& task, const TaskRow& row, int retries) {
    const int count = static_cast<int>(
        ParseJson(task.more["parameterIterator"]["items"]["raw"].get<std::string>())->size());
    if (count == 0) return row.state == TaskState::kSucceeded;
    if (children_.count(row.task_id) == 0) return false;
    const std::vector<TaskRow> rows = children_[row.task_id];
    children_.erase(row.task_id);
    EXPECT_TRUE(terminated_ || static_cast<int>(rows.size()) == count) << task.name;
    bool failed = false;
    for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
      EXPECT_EQ(rows[i].iteration, i);
      EXPECT_TRUE(CheckTask(pipeline, task, rows[i], retries) || terminated_) << task.name << " " << i;
      failed |= rows[i].state == TaskState::kFailed;
    }
    if (!terminated_) {
      EXPECT_EQ(row.state, failed ? TaskState::kFailed : TaskState::kSucceeded) << task.name;
    }
    return true;
  }

  void CheckAttempts(const std::vector<bool>& attempts, const TaskRow& row, int retries) {
    const int failed = static_cast<int>(std::count(attempts.begin(), attempts.end(), false));
    const int count = static_cast<int>(attempts.size());
    EXPECT_LE(count, 1 + retries) << row.name;
    EXPECT_EQ(failed + (attempts.back() ? 1 : 0), count) << row.name << " went on after a success";
    if (attempts.back()) {
      EXPECT_EQ(row.state, TaskState::kSucceeded) << row.name;
    } else if (!terminated_) {
      EXPECT_EQ(row.state, TaskState::kFailed) << row.name;
      EXPECT_EQ(failed, 1 + retries) << row.name << " was given up too early";
    }
  }

  // `retries` are those of the task around it. Whether the task started; then its state follows from its
  // attempt, or from the tasks in it.
  bool CheckTask(const TestPipeline& pipeline, const TestTask& task, const TaskRow& row, int retries) {
    if (task.more.contains("retryPolicy")) retries = task.more["retryPolicy"]["maxRetryCount"];
    if (task.more.contains("parameterIterator") && row.iteration < 0) {
      return CheckLoop(pipeline, task, row, retries);
    }
    if (absl::StrContains(row.cache_decision, "\"HIT\"")) {
      EXPECT_TRUE(task.more.contains("cachingOptions")) << row.name;
      EXPECT_EQ(row.state, TaskState::kSucceeded) << row.name;
      EXPECT_EQ(outcomes_.count(row.task_id), 0U) << row.name << " ran although it was taken from the cache";
      return true;
    }
    if (task.component == "true") {
      const auto outcome = outcomes_.find(row.task_id);
      if (outcome == outcomes_.end()) return false;
      CheckAttempts(outcome->second, row, retries);
      return true;
    }
    if (children_.count(row.task_id) == 0) return false;
    const bool failed = CheckGraph(pipeline, pipeline.graphs.at(task.component), row.task_id, retries);
    if (row.state != TaskState::kCanceled || !terminated_) {
      EXPECT_EQ(row.state, failed ? TaskState::kFailed : TaskState::kSucceeded) << task.name;
    }
    return true;
  }

  std::mt19937_64 random_;
  std::map<std::string, std::vector<bool>> outcomes_;     // by task: whether its attempts succeeded
  std::map<std::string, std::vector<TaskRow>> children_;  // by parent; while they are checked
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
    const TestPipeline pipeline = RandomPipeline();
    const std::string run = CreateRunOf(pipeline);
    const int events = 5 + Pick(40);
    for (int i = 0; i < events && !IsFinal(StateOf(run)); ++i, ++steps) RandomEvent(run);
    Drain(run);
    CheckAgainstModel(run, pipeline);
    if (HasFailure()) break;
    ++steps;
  }
  std::printf("PENSTOCK_SEED=%lld steps=%lld\n", static_cast<long long>(first),
              static_cast<long long>(steps));
}

}  // namespace
}  // namespace penstock
