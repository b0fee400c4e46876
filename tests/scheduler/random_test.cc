// Random pipelines with loops, conditions and outputs of one of several tasks; random outcomes, terminations,
// restarts and lost starts; against a simple model. The seed is printed; give it again with PENSTOCK_SEED,
// and more steps with PENSTOCK_STEPS.
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

  // What a condition may ask of a value. The value is a number, a list of what a loop has collected, or null.
  static constexpr const char* kTests[] = {" == 1", " != 0", " < 2", " == []"};

  static bool HasOutput(const TestPipeline& pipeline, const TestTask& task) {
    return task.component == "give" || pipeline.more_components.contains(task.component);
  }

  // The tasks of a graph that put something out, in random order.
  std::vector<std::string> Producers(const TestPipeline& pipeline, const std::vector<TestTask>& graph) {
    std::vector<std::string> names;
    for (const TestTask& task : graph) {
      if (HasOutput(pipeline, task)) names.push_back(task.name);
    }
    std::shuffle(names.begin(), names.end(), random_);
    return names;
  }

  void AddCondition(const TestPipeline& pipeline, const std::vector<TestTask>& before, bool is_root,
                    TestTask& task) {
    std::vector<std::string> sources = Producers(pipeline, before);
    if (!is_root && Pick(2) == 0) sources = {"item"};
    if (sources.empty()) return;
    SetCondition(task, sources[0], kTests[Pick(std::size(kTests))]);
    if (sources[0] != "item") task.upstream.push_back(sources[0]);
  }

  std::vector<TestTask> RandomGraph(const TestPipeline& pipeline, int count_max, int first_graph,
                                    int graphs) {
    std::vector<TestTask> graph;
    const int count = 1 + Pick(count_max);
    for (int i = 0; i < count; ++i) {
      TestTask task;
      task.name = absl::StrCat("t", i);
      if (Pick(2) == 0) task.component = "give";
      for (int j = 0; j < i; ++j) {
        if (Pick(3) == 0) task.upstream.push_back(absl::StrCat("t", j));
      }
      if (Pick(5) == 0) task.more["triggerPolicy"]["strategy"] = "ALL_UPSTREAM_TASKS_COMPLETED";
      if (Pick(4) == 0) {
        task.more["retryPolicy"] = {{"maxRetryCount", Pick(3)},
                                    {"backoffDuration", absl::StrCat(Pick(2) * 5, "s")}};
      }
      if (Pick(5) == 0) {
        task.more["parameterIterator"] = LoopOver(Pick(4));
        if (Pick(2) == 0) task.more["iteratorPolicy"] = {{"parallelismLimit", 1 + Pick(2)}};
      }
      if (first_graph < graphs && Pick(3) == 0) {
        task.component = absl::StrCat("g", first_graph + Pick(graphs - first_graph));
      }
      if (Pick(3) == 0) AddCondition(pipeline, graph, first_graph == 0, task);
      graph.push_back(std::move(task));
    }
    return graph;
  }

  // A graph uses only those behind it, so there is no cycle.
  TestPipeline RandomPipeline() {
    TestPipeline pipeline;
    const int graphs = Pick(4);
    for (int i = graphs - 1; i >= 0; --i) {
      const std::string name = absl::StrCat("g", i);
      pipeline.graphs[name] = RandomGraph(pipeline, 3, i + 1, graphs);
      std::vector<std::string> sources = Producers(pipeline, pipeline.graphs[name]);
      if (sources.empty() || Pick(4) == 0) continue;
      sources.resize(1 + Pick(static_cast<int>(sources.size())));
      SetOutput(pipeline, name, sources);
    }
    pipeline.root = RandomGraph(pipeline, 6, 0, graphs);
    return pipeline;
  }

  void Succeed(const std::string& attempt, bool tell) {
    AttemptOutputs outputs;
    const LaunchSpec& spec = executor_.specs[attempt];
    outcomes_[spec.task_id].push_back(true);
    for (const OutputFile& file : spec.parameter_files) {
      values_[spec.task_id] = Pick(3);
      outputs.parameter_files[file.name] = absl::StrCat(values_[spec.task_id]);
    }
    executor_.Finish(attempt, AttemptOutcome::kSucceeded, tell, std::move(outputs));
  }

  void RandomEvent(const std::string& run) {
    executor_.lose_starts = Pick(8) == 0;
    executor_.unavailable = Pick(10) == 0;
    const int choice = Pick(20);
    if (choice < 12 && !executor_.running.empty()) {
      auto attempt = executor_.running.begin();
      std::advance(attempt, Pick(static_cast<int>(executor_.running.size())));
      const std::string id = *attempt;
      const bool tell = Pick(4) != 0;
      if (Pick(6) == 0) {
        outcomes_[executor_.specs[id].task_id].push_back(false);
        executor_.Finish(id, AttemptOutcome::kFailed, tell);
      } else {
        Succeed(id, tell);
      }
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

  // Retries a run that has ended without success. What it does again has no outcome yet.
  void RetryRun(const std::string& run) {
    ASSERT_TRUE(store_->Write([&](db::Tx& tx) { return RunReopen(tx, run, clock_.Now()); }).ok());
    for (int i = 0; i < 10 && StateOf(run) == RunState::kPending; ++i) {
      clock_.Advance(absl::Seconds(1));
      (void)engine_->RunOnce();
    }
    ASSERT_NE(StateOf(run), RunState::kPending) << "the run was not taken again";
    terminated_ = false;
    for (const TaskRow& row : TaskRowsOf(run)) {
      if (!IsFinal(row.state)) outcomes_.erase(row.task_id);
    }
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
        if (executor_.cancelled.count(id) > 0) {
          executor_.Finish(id, AttemptOutcome::kCancelled);
        } else {
          Succeed(id, /*tell=*/true);
        }
      }
      (void)engine_->RunOnce();
    }
  }

  void CheckAgainstModel(const std::string& run, const TestPipeline& pipeline) {
    ASSERT_TRUE(IsFinal(StateOf(run))) << "the run did not end";
    for (const auto& [attempt, starts] : executor_.starts) EXPECT_EQ(starts, 1) << attempt;
    children_.clear();
    for (const TaskRow& row : TaskRowsOf(run)) children_[row.parent_task_id].push_back(row);
    const Seen root = CheckGraph(pipeline, "", "", /*retries=*/0, /*item=*/nullptr);
    EXPECT_EQ(StateOf(run), terminated_   ? RunState::kCanceled
                            : root.failed ? RunState::kFailed
                                          : RunState::kSucceeded);
    EXPECT_TRUE(children_.empty()) << "there are tasks that belong to none";
  }

  // What the model knows of a task or graph.
  struct Seen {
    bool started = false;
    bool failed = false;      // of a graph: one of its tasks
    std::optional<Json> out;  // what it has put out, if it has succeeded and has something
  };

  static Json PolicyOf(const TestTask& task) { return task.more.value("triggerPolicy", Json::object()); }

  // Whether the condition of the task holds; nothing if that cannot be said, and the task has to fail.
  static std::optional<bool> Decide(const TestTask& task, const std::map<std::string, Seen>& before,
                                    const Json& item) {
    const Json policy = PolicyOf(task);
    if (!policy.contains("condition")) return true;
    const Json& source = task.more["inputs"]["parameters"]["pipelinechannel--tested"];
    Json value = item;
    if (source.contains("taskOutputParameter")) {
      const auto& out = before.at(source["taskOutputParameter"]["producerTask"].get<std::string>()).out;
      if (!out.has_value() && !policy.contains("strategy")) return std::nullopt;
      value = out.value_or(nullptr);
    }
    const std::string condition = policy["condition"];
    const std::string test = condition.substr(condition.find(']') + 1);
    if (test == kTests[0]) return value == 1;
    if (test == kTests[1]) return value != 0;
    if (test == kTests[3]) return value == Json::array();
    return value.is_number() ? std::optional<bool>(value < 2) : std::nullopt;
  }

  // The tasks of one graph, the root if it has no name, which has started. Its item is null if it is no
  // iteration.
  Seen CheckGraph(const TestPipeline& pipeline, const std::string& name, const std::string& parent,
                  int retries, const Json& item) {
    const std::vector<TestTask>& graph = name.empty() ? pipeline.root : pipeline.graphs.at(name);
    std::map<std::string, TaskRow> rows;
    for (const TaskRow& row : children_[parent]) rows[row.name] = row;
    children_.erase(parent);
    EXPECT_EQ(rows.size(), graph.size());
    Seen whole{/*started=*/true};
    std::map<std::string, Seen> seen;
    for (const TestTask& task : graph) {
      const TaskRow& row = rows[task.name];
      EXPECT_TRUE(IsFinal(row.state)) << task.name;
      bool may_start = true;
      for (const std::string& other : task.upstream) {
        may_start &= rows[other].state == TaskState::kSucceeded || PolicyOf(task).contains("strategy");
      }
      const std::optional<bool> holds = may_start ? Decide(task, seen, item) : false;
      seen[task.name] = CheckTask(pipeline, task, row, retries);
      if (seen[task.name].started) {
        EXPECT_TRUE(holds == true) << task.name << " ran although its upstream or its condition forbids it";
      } else if (!terminated_) {
        EXPECT_EQ(row.state, holds.has_value() ? TaskState::kSkipped : TaskState::kFailed) << task.name;
        EXPECT_FALSE(holds == true) << task.name << " was skipped although it could run";
      }
      whole.failed |= row.state == TaskState::kFailed;
    }
    whole.out = OutputOf(pipeline, name, seen);
    return whole;
  }

  // What the graph has put out: of the first of its sources that has something.
  static std::optional<Json> OutputOf(const TestPipeline& pipeline, const std::string& graph,
                                      const std::map<std::string, Seen>& seen) {
    if (!pipeline.more_components.contains(graph)) return std::nullopt;
    const Json& output = pipeline.more_components[graph]["dag"]["outputs"]["parameters"]["out"];
    const Json selectors = output.contains("valueFromParameter")
                               ? Json::array({output["valueFromParameter"]})
                               : output["valueFromOneof"]["parameterSelectors"];
    for (const Json& selector : selectors) {
      const auto& out = seen.at(selector["producerSubtask"].get<std::string>()).out;
      if (out.has_value()) return out;
    }
    return std::nullopt;
  }

  // A loop that started has all its iterations, unless it was terminated.
  Seen CheckLoop(const TestPipeline& pipeline, const TestTask& task, const TaskRow& row, int retries) {
    const int count = static_cast<int>(
        ParseJson(task.more["parameterIterator"]["items"]["raw"].get<std::string>())->size());
    Seen loop;
    Json collected = Json::array();
    if (count == 0) {
      loop.started = row.state == TaskState::kSucceeded;
    } else if (children_.count(row.task_id) > 0) {
      loop.started = true;
      const std::vector<TaskRow> rows = children_[row.task_id];
      children_.erase(row.task_id);
      EXPECT_TRUE(terminated_ || static_cast<int>(rows.size()) == count) << task.name;
      for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
        EXPECT_EQ(rows[i].iteration, i);
        const Seen iteration = CheckTask(pipeline, task, rows[i], retries);
        EXPECT_TRUE(iteration.started || terminated_) << task.name << " " << i;
        if (iteration.out.has_value()) collected.push_back(*iteration.out);
        loop.failed |= rows[i].state == TaskState::kFailed;
      }
      if (!terminated_) {
        EXPECT_EQ(row.state, loop.failed ? TaskState::kFailed : TaskState::kSucceeded) << task.name;
      }
    }
    if (row.state == TaskState::kSucceeded && HasOutput(pipeline, task)) loop.out = collected;
    return loop;
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

  // `retries` are those of the task around it. The state of a task that started follows from its attempts, or
  // from the tasks in it.
  Seen CheckTask(const TestPipeline& pipeline, const TestTask& task, const TaskRow& row, int retries) {
    if (task.more.contains("retryPolicy")) retries = task.more["retryPolicy"]["maxRetryCount"];
    if (task.more.contains("parameterIterator") && row.iteration < 0) {
      return CheckLoop(pipeline, task, row, retries);
    }
    Seen seen;
    if (pipeline.graphs.count(task.component) == 0) {
      const auto outcome = outcomes_.find(row.task_id);
      seen.started = outcome != outcomes_.end();
      if (seen.started) CheckAttempts(outcome->second, row, retries);
      if (row.state == TaskState::kSucceeded && task.component == "give") seen.out = values_.at(row.task_id);
      return seen;
    }
    if (children_.count(row.task_id) == 0) return seen;
    const Json item = row.iteration >= 0 ? Json(row.iteration) : Json(nullptr);
    seen = CheckGraph(pipeline, task.component, row.task_id, retries, item);
    if (row.state != TaskState::kCanceled || !terminated_) {
      EXPECT_EQ(row.state, seen.failed ? TaskState::kFailed : TaskState::kSucceeded) << task.name;
    }
    if (row.state != TaskState::kSucceeded) seen.out.reset();
    return seen;
  }

  std::mt19937_64 random_;
  std::map<std::string, std::vector<bool>> outcomes_;     // by task: whether its attempts succeeded
  std::map<std::string, int> values_;                     // by task: what it put out
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
    values_.clear();
    terminated_ = false;
    executor_.starts.clear();
    const TestPipeline pipeline = RandomPipeline();
    const std::string run = CreateRunOf(pipeline);
    for (int retries = Pick(4); retries >= 0; --retries) {
      const int events = 5 + Pick(40);
      for (int i = 0; i < events && !IsFinal(StateOf(run)); ++i, ++steps) RandomEvent(run);
      Drain(run);
      CheckAgainstModel(run, pipeline);
      if (HasFailure() || StateOf(run) == RunState::kSucceeded || retries == 0) break;
      RetryRun(run);
    }
    if (HasFailure()) break;
    ++steps;
  }
  std::printf("PENSTOCK_SEED=%lld steps=%lld\n", static_cast<long long>(first),
              static_cast<long long>(steps));
}

}  // namespace
}  // namespace penstock
