// What planning costs: a run of one shape is driven from its start to its end, as the engine does it but
// without storage and processes.
//
//   penstock_bench_plan SHAPE TASKS
//
// SHAPE is loop (iterations of a task), graphs (iterations of a graph of one conditional task), chain or
// wide. Prints, for each task: us_per_task, the processor time of all steps; plan_us_per_task, that of making
// the plan of the pipeline; restore_us_per_task, that of taking the run up again when half of it is done; and
// bytes_per_task, the memory that run and plan hold at the end.
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "pipeline/spec/pipeline_spec.h"
#include "scheduler/plan/plan.h"
#include "scheduler/plan/run_tree.h"

namespace penstock {
namespace {

constexpr int kTasksMeasured = 20'000;  // small runs are driven as often as that takes
constexpr size_t kSlots = 8;

double CpuMicros() {
  timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

void Check(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

Json TaskOf(const std::string& component) { return {{"componentRef", {{"name", component}}}}; }

std::shared_ptr<const PipelineDocument> DocumentOf(const std::string& shape, int count) {
  const Json number = {{"parameterType", "NUMBER_INTEGER"}, {"isOptional", true}};
  const Json inputs = {{"parameters", {{"item", number}}}};
  Json tasks = Json::object();
  Json body = TaskOf("comp-one");
  if (shape == "loop" || shape == "graphs") {
    Json items = Json::array();
    for (int i = 0; i < count; ++i) items.push_back(i);
    tasks["loop"] = TaskOf(shape == "loop" ? "comp-one" : "comp-graph");
    tasks["loop"]["parameterIterator"] = {{"itemInput", "item"}, {"items", {{"raw", items.dump()}}}};
    body["inputs"]["parameters"]["item"]["componentInputParameter"] = "item";
    body["triggerPolicy"]["condition"] = "int(inputs.parameter_values['item']) >= 0";
  }
  for (int i = 0; tasks.size() < static_cast<size_t>(count) && !tasks.contains("loop"); ++i) {
    Json& task = tasks[absl::StrCat("t", i)] = TaskOf("comp-one");
    if (shape == "chain" && i > 0) task["dependentTasks"] = {absl::StrCat("t", i - 1)};
  }
  const Json spec = {
      {"pipelineInfo", {{"name", "bench"}}},
      {"schemaVersion", "2.1.0"},
      {"components",
       {{"comp-one", {{"executorLabel", "exec-one"}, {"inputDefinitions", inputs}}},
        {"comp-graph", {{"dag", {{"tasks", {{"inner", body}}}}}, {"inputDefinitions", inputs}}}}},
      {"deploymentSpec",
       {{"executors", {{"exec-one", {{"container", {{"image", "none"}, {"command", {"true"}}}}}}}}}},
      {"root", {{"dag", {{"tasks", tasks}}}}}};
  auto document = ParsePipelineJson(spec);
  Check(document.status());
  return *document;
}

// One run and what the engine would keep of it.
class Drive {
 public:
  explicit Drive(std::shared_ptr<const RunPlan> plan) {
    run_.plan = std::move(plan);
    run_.run_id = "run";
    run_.root_inputs = std::make_shared<const TaskInputs>();
    Take(Step(run_, RunTaken{}, now_, ids_));
  }

  // Starts what may start, and ends the oldest; until `ends` more have ended or the run has.
  int Advance(int ends) {
    int done = 0;
    while (done < ends && !IsFinal(run_.state)) {
      while (running_.size() < kSlots && !ready_.empty()) Start();
      if (running_.empty()) break;
      const int task = running_.front();
      running_.pop_front();
      Take(Step(run_,
                AttemptEnded{task, run_.tasks[task].attempt_id, AttemptResult::kSucceeded, "",
                             std::make_shared<const TaskOutputs>()},
                now_, ids_));
      ++done;
    }
    return done;
  }

  double RestoreMicros() {
    const double begun = CpuMicros();
    ready_.clear();
    Take(Step(run_, RunRestored{}, now_, ids_));
    return CpuMicros() - begun;
  }

  bool succeeded() const { return run_.state == RunState::kSucceeded; }

 private:
  void Start() {
    const int task = ready_.front();
    ready_.pop_front();
    Check(InputsOf(run_, task).status());
    Take(Step(run_, TaskStarting{task, ids_.NewId()}, now_, ids_));
    running_.push_back(task);
  }

  void Take(const Decision& decision) {
    now_ += absl::Microseconds(1);
    ready_.insert(ready_.end(), decision.ready.begin(), decision.ready.end());
  }

  RunSnapshot run_;
  std::deque<int> ready_;
  std::deque<int> running_;
  absl::Time now_ = absl::UnixEpoch();
  SequentialIdGenerator ids_;
};

Json Measure(const std::string& shape, int count) {
  const auto document = DocumentOf(shape, count);
  const int rounds = std::max(1, kTasksMeasured / count);
  double planned = 0;
  double restored = 0;
  const auto before = mallinfo2().uordblks;
  size_t bytes = 0;
  const double begun = CpuMicros();
  for (int i = 0; i < rounds; ++i) {
    const double plan_begun = CpuMicros();
    auto plan = RunPlan::Create(document);
    Check(plan.status());
    planned += CpuMicros() - plan_begun;
    Drive drive(*std::move(plan));
    int done = drive.Advance(count / 2);
    restored += drive.RestoreMicros();
    done += drive.Advance(count);
    if (!drive.succeeded() || done != count) Check(absl::InternalError("the run did not end well"));
    bytes = mallinfo2().uordblks - before;
  }
  const double all = CpuMicros() - begun - planned - restored;
  const double tasks = static_cast<double>(count) * rounds;
  return {{"us_per_task", all / tasks},
          {"plan_us_per_task", planned / tasks},
          {"restore_us_per_task", restored / tasks},
          {"bytes_per_task", static_cast<double>(bytes) / count}};
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  int count = 0;
  if (argc != 3 || !absl::SimpleAtoi(argv[2], &count) || count < 2) {
    std::fprintf(stderr, "usage: penstock_bench_plan loop|graphs|chain|wide TASKS\n");
    return 2;
  }
  std::printf("%s\n", penstock::Measure(argv[1], count).dump().c_str());
  return 0;
}
