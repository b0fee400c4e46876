// Runs the planner by script. A script gives graphs and events, and the trace that each event must leave:
//
// - "dag inner x; y x": a graph to be used as a component.
//   "out inner y x": it puts out the output of y, or that of x if y has none.
// - "graph a; b a =inner": the root: tasks, each with those it waits for, and its component if that is
//   a graph, or "give" if it has an output.
//   @any: it waits for their end, whatever it is. @retry=N,S: it is tried N times more, first after S
//   seconds.
//   @if=a==1: it has a condition on the output of task a, or of the graph's item if a is "item"; "@if=a"
//   alone is no condition, as it is a number.
//   @loop=N: it is a loop of N iterations. @limit=N: N of them at a time.
// - "> take": an event: take, cancel, start T, succeed T, succeed T N (its output), fail T,
//   stop T, unstartable T, found T and found T N (in the cache), stale T, restore, wake S (after S seconds).
// - "ready a": what follows, in order: ready T, T STATE, cancel T, run STATE.
//
// A task within another is named b/x, an iteration b[0]. Blank lines and # comments are skipped.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "scheduler/plan/plan.h"
#include "scheduler/plan/run_tree.h"
#include "tests/support/pipelines.h"

namespace penstock {
namespace {

class Script {
 public:
  void Dag(absl::string_view name, absl::string_view text) {
    pipeline_.graphs[std::string(name)] = TasksOf(text);
  }

  void Out(const std::vector<std::string>& words) {
    SetOutput(pipeline_, words[1], {words.begin() + 2, words.end()});
  }

  void Graph(absl::string_view text) {
    pipeline_.root = TasksOf(text);
    auto plan = RunPlan::Create(DocumentOf(pipeline_));
    pipeline_ = {};
    ASSERT_TRUE(plan.ok()) << plan.status();
    run_ = RunSnapshot{};
    run_.plan = *plan;
    run_.run_id = "run";
    run_.root_inputs = std::make_shared<const TaskInputs>();
  }

  std::string Event(const std::vector<std::string>& words) {
    now_ += absl::Seconds(1);
    if (words[0] == "wake") {
      now_ += absl::Seconds(std::stoi(words[1]) - 1);
      return Trace(Step(run_, TimePassed{}, now_, ids_));
    }
    const std::string output = words.size() > 2 ? words[2] : "";
    return Trace(Step(run_, Parse(words[0], words.size() > 1 ? Find(words[1]) : -1, output), now_, ids_));
  }

 private:
  static std::vector<TestTask> TasksOf(absl::string_view text) {
    std::vector<TestTask> tasks;
    for (const absl::string_view part : absl::StrSplit(text, ';')) {
      std::vector<std::string> words =
          absl::StrSplit(absl::StripAsciiWhitespace(part), ' ', absl::SkipEmpty());
      TestTask& task = tasks.emplace_back();
      task.name = words[0];
      for (size_t i = 1; i < words.size(); ++i) {
        if (words[i][0] == '=') {
          task.component = words[i].substr(1);
        } else if (absl::StartsWith(words[i], "@retry=")) {
          const std::vector<std::string> numbers = absl::StrSplit(words[i].substr(7), ',');
          task.more["retryPolicy"] = {{"maxRetryCount", std::stoi(numbers[0])},
                                      {"backoffDuration", numbers[1] + "s"},
                                      {"backoffFactor", 2.0},
                                      {"backoffMaxDuration", "3600s"}};
        } else if (absl::StartsWith(words[i], "@loop=")) {
          task.more["parameterIterator"] = LoopOver(std::stoi(words[i].substr(6)));
        } else if (absl::StartsWith(words[i], "@if=")) {
          const std::string condition = words[i].substr(4);
          const size_t end = std::min(condition.find_first_of("=!<>"), condition.size());
          SetCondition(task, condition.substr(0, end), condition.substr(end));
        } else if (absl::StartsWith(words[i], "@limit=")) {
          task.more["iteratorPolicy"] = {{"parallelismLimit", std::stoi(words[i].substr(7))}};
        } else if (words[i] == "@any") {
          task.more["triggerPolicy"]["strategy"] = "ALL_UPSTREAM_TASKS_COMPLETED";
        } else {
          task.upstream.push_back(words[i]);
        }
      }
    }
    return tasks;
  }

  std::string PathOf(int task) const {
    const int parent = ParentOf(run_, task);
    if (run_.tasks[task].iteration >= 0) {
      return absl::StrCat(PathOf(parent), "[", run_.tasks[task].iteration, "]");
    }
    return absl::StrCat(parent < 0 ? "" : PathOf(parent) + "/", PlannedOf(run_, task).name);
  }

  int Find(const std::string& path) const {
    for (int i = 0; i < static_cast<int>(run_.tasks.size()); ++i) {
      if (PathOf(i) == path) return i;
    }
    ADD_FAILURE() << "there is no task " << path;
    return 0;
  }

  PlanEvent Parse(const std::string& verb, int task, const std::string& output) {
    if (verb == "take") return RunTaken{};
    if (verb == "cancel") return RunCancelAsked{};
    if (verb == "restore") return RunRestored{};
    if (verb == "start") return TaskStarting{task, absl::StrCat("attempt-", ++attempts_)};
    if (verb == "unstartable") return TaskUnstartable{task, absl::InvalidArgumentError("no input")};
    TaskOutputs outputs;
    if (!output.empty()) outputs.parameters["out"] = std::stoi(output);
    if (verb == "found") {
      return TaskFoundInCache{task, std::make_shared<const TaskOutputs>(std::move(outputs))};
    }
    AttemptEnded ended{task, run_.tasks[task].attempt_id, AttemptResult::kSucceeded, "because", nullptr};
    ended.outputs = std::make_shared<const TaskOutputs>(std::move(outputs));
    if (verb == "fail") ended.result = AttemptResult::kFailed;
    if (verb == "stop") ended.result = AttemptResult::kCanceled;
    if (verb == "stale") ended.attempt_id = "attempt-of-another";
    return ended;
  }

  std::string Trace(const Decision& decision) {
    std::string trace;
    const auto name = [&](int task) { return PathOf(task); };
    for (const TaskChange& change : decision.tasks) {
      if (change.from.has_value()) absl::StrAppend(&trace, name(change.task), " ", Name(change.to), "\n");
    }
    for (const int task : decision.ready) absl::StrAppend(&trace, "ready ", name(task), "\n");
    for (const int task : decision.cancel) absl::StrAppend(&trace, "cancel ", name(task), "\n");
    for (const RunChange& change : decision.run) absl::StrAppend(&trace, "run ", Name(change.to), "\n");
    return trace;
  }

  TestPipeline pipeline_;
  RunSnapshot run_;
  SequentialIdGenerator ids_;
  int attempts_ = 0;
  absl::Time now_ = absl::UnixEpoch();
};

class PlanScript : public ::testing::TestWithParam<std::string> {};

TEST_P(PlanScript, LeavesTheExpectedTrace) {
  std::ifstream file(GetParam());
  Script script;
  std::string line;
  std::string event;
  std::string actual;
  std::string expected;
  const auto check = [&] { EXPECT_EQ(actual, expected) << "after: " << event; };
  int events = 0;
  while (std::getline(file, line)) {
    const absl::string_view text = absl::StripAsciiWhitespace(line);
    if (text.empty() || text[0] == '#') continue;
    const std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
    if (words[0] == "dag") {
      script.Dag(words[1], text.substr(5 + words[1].size()));
    } else if (words[0] == "out") {
      script.Out(words);
    } else if (words[0] == "graph") {
      check();
      actual = expected = "";
      script.Graph(text.substr(6));
    } else if (words[0] == ">") {
      check();
      event = std::string(text);
      expected = "";
      actual = script.Event({words.begin() + 1, words.end()});
      ++events;
    } else {
      absl::StrAppend(&expected, text, "\n");
    }
  }
  check();
  EXPECT_GT(events, 0) << "the script has no events";
}

std::vector<std::string> Scripts() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(PENSTOCK_SCRIPTS_DIR)) {
    if (entry.path().extension() == ".txt") paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Scripts, PlanScript, ::testing::ValuesIn(Scripts()),
                         [](const auto& info) { return std::filesystem::path(info.param).stem().string(); });

}  // namespace
}  // namespace penstock
