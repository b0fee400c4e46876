// Random pipelines with loops, conditions and outputs of one of several tasks, and a simple model of what has
// to come of them, whatever happens meanwhile.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/state.h"
#include "storage/model.h"
#include "tests/support/environment.h"
#include "tests/support/pipelines.h"

namespace penstock {

// One run at a time: Start, then tell it how attempts end, then Check.
class RandomModel {
 public:
  int Pick(int bound) { return static_cast<int>(random_() % bound); }

  // Makes the pipeline of the next run, the same for the same seed.
  const TestPipeline& Start(int64_t seed) {
    random_.seed(seed);
    outcomes_.clear();
    values_.clear();
    terminated = false;
    pipeline_ = RandomPipeline();
    return pipeline_;
  }

  void AttemptFailed(const std::string& task_id) { outcomes_[task_id].push_back(false); }
  // Returns what the task puts out, if it puts something out.
  int AttemptSucceeded(const std::string& task_id) {
    outcomes_[task_id].push_back(true);
    return values_[task_id] = Pick(3);
  }

  // The run goes on after its end. `rows` are its tasks then; what runs again has no outcome yet.
  void Retried(const std::vector<TaskRow>& rows) {
    terminated = false;
    for (const TaskRow& row : rows) {
      if (!IsFinal(row.state)) outcomes_.erase(row.task_id);
    }
  }

  // `rows` are all tasks of the run, which has ended.
  void Check(const std::vector<TaskRow>& rows, RunState state) {
    ASSERT_TRUE(IsFinal(state)) << "the run did not end";
    children_.clear();
    for (const TaskRow& row : rows) children_[row.parent_task_id].push_back(row);
    const Seen root = CheckGraph(pipeline_, "", "", /*retries=*/0, /*item=*/nullptr);
    EXPECT_EQ(state, terminated    ? RunState::kCanceled
                     : root.failed ? RunState::kFailed
                                   : RunState::kSucceeded);
    EXPECT_TRUE(children_.empty()) << "there are tasks that belong to none";
  }

  bool terminated = false;  // somebody asked for it before the run ended

 private:
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
      if (task.component != "give" && Pick(4) == 0) task.more["cachingOptions"] = {{"enableCache", true}};
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
    if (value.is_null()) return false;
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
      } else if (!terminated) {
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
      EXPECT_TRUE(terminated || static_cast<int>(rows.size()) == count) << task.name;
      for (int i = 0; i < static_cast<int>(rows.size()); ++i) {
        EXPECT_EQ(rows[i].iteration, i);
        const Seen iteration = CheckTask(pipeline, task, rows[i], retries);
        EXPECT_TRUE(iteration.started || terminated) << task.name << " " << i;
        if (iteration.out.has_value()) collected.push_back(*iteration.out);
        loop.failed |= rows[i].state == TaskState::kFailed;
      }
      if (!terminated) {
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
    } else if (!terminated) {
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
      // Taken from the cache: as good as run.
      if (!seen.started && row.state == TaskState::kSucceeded) {
        seen.started = absl::StrContains(row.cache_decision, "HIT");
      }
      if (row.state == TaskState::kSucceeded && task.component == "give") seen.out = values_.at(row.task_id);
      return seen;
    }
    if (children_.count(row.task_id) == 0) return seen;
    const Json item = row.iteration >= 0 ? Json(row.iteration) : Json(nullptr);
    seen = CheckGraph(pipeline, task.component, row.task_id, retries, item);
    if (row.state != TaskState::kCanceled || !terminated) {
      EXPECT_EQ(row.state, seen.failed ? TaskState::kFailed : TaskState::kSucceeded) << task.name;
    }
    if (row.state != TaskState::kSucceeded) seen.out.reset();
    return seen;
  }

  std::mt19937_64 random_;
  TestPipeline pipeline_;
  std::map<std::string, std::vector<bool>> outcomes_;     // by task: whether its attempts succeeded
  std::map<std::string, int> values_;                     // by task: what it put out
  std::map<std::string, std::vector<TaskRow>> children_;  // by parent; while they are checked
};

}  // namespace penstock
