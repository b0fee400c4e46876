#include "server/convert/run_comparison.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/python_packages.h"
#include "common/text.h"
#include "server/convert/timestamp.h"

namespace penstock {
namespace {

using penstock::v1::AttemptPlace;
using penstock::v1::AttemptSetup;
using penstock::v1::ComparisonRow;
using penstock::v1::ComparisonSection;
using penstock::v1::RunComparison;

// Of one run, by key.
using Values = std::map<std::string, std::string>;

// How much the answer may still take.
struct Budget {
  int64_t rows = limits::kComparisonRows;
  int64_t bytes = limits::kComparisonBytes;
};

// Writes one section.
class Section {
 public:
  Section(const char* name, bool for_information, bool all, Budget& budget, RunComparison& out)
      : all_(all), budget_(budget), out_(out), section_(*out.add_sections()) {
    section_.set_name(name);
    section_.set_for_information(for_information);
  }

  // Compares what the runs have of one task; `task` is empty for the run itself.
  void Add(const std::string& task, const std::vector<Values>& runs) {
    std::set<std::string> keys;
    for (const Values& run : runs) {
      for (const auto& [key, value] : run) keys.insert(key);
    }
    for (const std::string& key : keys) AddRow(task, key, runs);
  }

  // What is the same in all runs and is not shown.
  void CountSame(int64_t rows) {
    section_.set_rows_in_all(section_.rows_in_all() + static_cast<int32_t>(rows));
  }
  bool all() const { return all_; }

 private:
  void AddRow(const std::string& task, const std::string& key, const std::vector<Values>& runs) {
    bool differs = false;
    std::vector<const std::string*> values;
    for (const Values& run : runs) {
      const auto found = run.find(key);
      values.push_back(found == run.end() ? nullptr : &found->second);
      const std::string* const first = values.front();
      const std::string* const last = values.back();
      differs |= (first == nullptr) != (last == nullptr) || (first != nullptr && *first != *last);
    }
    differs = differs && !section_.for_information();
    CountSame(1);
    if (differs) section_.set_differing_rows(section_.differing_rows() + 1);
    if (differs) out_.set_differ(true);
    if (differs || all_) Show(task, key, values, differs);
  }

  void Show(const std::string& task, const std::string& key, const std::vector<const std::string*>& values,
            bool differs) {
    ComparisonRow row;
    row.set_task(task);
    row.set_key(Shorten(key, limits::kComparisonKeyBytes));
    row.set_differs(differs);
    for (const std::string* value : values) {
      auto* cell = row.add_values();
      if (value == nullptr) continue;
      cell->set_value(Shorten(*value, limits::kComparisonValueBytes));
      cell->set_shortened(value->size() > static_cast<size_t>(limits::kComparisonValueBytes));
    }
    const auto bytes = static_cast<int64_t>(row.ByteSizeLong());
    if (budget_.rows == 0 || bytes > budget_.bytes) {
      out_.set_truncated(true);
      return;
    }
    --budget_.rows;
    budget_.bytes -= bytes;
    *section_.add_rows() = std::move(row);
  }

  const bool all_;
  Budget& budget_;
  RunComparison& out_;
  ComparisonSection& section_;
};

// --- What runs are made of ---

Values RunValues(const RunAccount& facts) {
  Values values;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) values[key] = value;
  };
  add("experiment", facts.experiment_name);
  add("pipeline", facts.pipeline_name);
  add("pipeline version", facts.version_name);
  add("pipeline version id", facts.run.pipeline_version_id);
  add("spec sha256", facts.config.spec_sha256);
  add("code", facts.code_source_url);
  add("pipeline root", facts.config.pipeline_root);
  add("service account", facts.run.service_account);
  values["cache"] = facts.config.cache_enabled ? "on" : "off";
  values["state"] = std::string(Name(facts.run.state));
  return values;
}

Values MetricValues(const RunAccount& facts) {
  Values values;
  for (const auto& [name, point] : facts.metrics) values[name] = NumberText(point.value);
  return values;
}

std::string SecondsText(absl::Duration duration) {
  return absl::StrCat(NumberText(absl::ToDoubleSeconds(absl::Trunc(duration, absl::Milliseconds(1)))), " s");
}

Values RunTimes(const RunAccount& facts) {
  Values values;
  values["created"] = absl::FormatTime(absl::RFC3339_sec, facts.run.created_at, absl::UTCTimeZone());
  if (facts.run.finished_at > facts.run.created_at) {
    values["duration"] = SecondsText(facts.run.finished_at - facts.run.created_at);
  }
  return values;
}

// --- What tasks are made of ---

// One task of one run, with what its attempt names; parts that are not known are null.
struct ComparedTask {
  const TaskRow* row = nullptr;
  const TaskAttemptRow* attempt = nullptr;
  const AttemptSetup* setup = nullptr;
  const AttemptPlace* place = nullptr;
};
using TasksByPath = std::map<std::string, ComparedTask>;

template <typename T>
const T* EntryOf(const std::map<std::string, T>& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

TasksByPath TasksOf(const RunAccount& facts, const AttemptDocuments& documents) {
  TasksByPath tasks;
  const std::map<std::string, std::string> paths = TaskPathsOf(facts.tasks);
  for (const TaskRow& row : facts.tasks) {
    ComparedTask task;
    task.row = &row;
    task.attempt = EntryOf(facts.attempts, row.task_id);
    if (task.attempt != nullptr) {
      task.setup = EntryOf(documents.setups, task.attempt->setup_sha256);
      task.place = EntryOf(documents.places, task.attempt->place_sha256);
    }
    tasks[paths.at(row.task_id)] = task;
  }
  return tasks;
}

Values CodeOf(const ComparedTask& task) {
  Values values;
  if (task.setup == nullptr) return values;
  values["command sha256"] = task.setup->command_sha256();
  for (const auto& [name, value] : task.setup->variables()) values[absl::StrCat("variable ", name)] = value;
  return values;
}

void AddInterpreter(const AttemptPlace& place, Values* values) {
  if (!place.has_interpreter()) return;
  (*values)["python"] = place.interpreter().version();
}

Values InfrastructureOf(const ComparedTask& task) {
  Values values;
  const auto add = [&](const char* key, const std::string& value) {
    if (!value.empty()) values[key] = value;
  };
  if (task.attempt != nullptr) add("executor", task.attempt->holder);
  if (task.setup != nullptr) add("image", task.setup->image());
  if (task.place == nullptr) return values;
  const penstock::v1::Machine& machine = task.place->machine();
  add("host", machine.hostname());
  add("kernel", machine.kernel());
  add("os", machine.os());
  add("architecture", machine.architecture());
  add("cpu", machine.cpu_model());
  if (machine.cpus() > 0) values["cpus"] = absl::StrCat(machine.cpus());
  if (machine.memory_bytes() > 0) values["memory bytes"] = absl::StrCat(machine.memory_bytes());
  add("gpus", absl::StrJoin(machine.gpus(), ", "));
  add("image digest", task.place->image_digest());
  AddInterpreter(*task.place, &values);
  return values;
}

Values ResourcesOf(const ComparedTask& task) {
  Values values;
  if (task.row->finished_at > task.row->started_at && task.row->started_at != absl::UnixEpoch()) {
    values["duration"] = SecondsText(task.row->finished_at - task.row->started_at);
  }
  if (task.attempt == nullptr) return values;
  if (task.attempt->run_id != task.row->run_id) {
    values["from cache of run"] = task.attempt->run_id;
    return values;
  }
  values["attempts"] = absl::StrCat(task.attempt->number);
  values["cpu time"] = SecondsText(task.attempt->cpu_time);
  values["max rss bytes"] = absl::StrCat(task.attempt->max_rss_bytes);
  return values;
}

// What a set of packages comes from: the same text for the same packages, without looking at them.
std::string PackagesKey(const ComparedTask& task) {
  if (task.attempt == nullptr) return "";
  const std::string base = task.place != nullptr ? task.attempt->place_sha256 : "";
  return absl::StrCat(base, "\n", task.attempt->packages);
}

void AddPackage(absl::string_view package, Values* values) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(package, absl::MaxSplits("==", 1));
  const std::string key = PackageKey(parts.first);
  if (!key.empty()) (*values)[key] = parts.second.empty() ? "?" : parts.second;
}

// Those of the interpreter, and over them those of the environment of the task.
Values PackagesOf(const ComparedTask& task) {
  Values values;
  if (task.place != nullptr) {
    for (const std::string& package : task.place->interpreter().packages()) AddPackage(package, &values);
  }
  if (task.attempt != nullptr) {
    for (const absl::string_view line : absl::StrSplit(task.attempt->packages, '\n', absl::SkipEmpty())) {
      AddPackage(line, &values);
    }
  }
  return values;
}

// --- Sections ---

// The runs' outputs or inputs by task.
void AddFacts(Section section, const std::vector<OutputFacts>& runs) {
  std::map<std::string, std::vector<Values>> by_task;
  for (size_t i = 0; i < runs.size(); ++i) {
    for (const auto& [key, fact] : runs[i]) {
      std::vector<Values>& task = by_task[key.first];
      task.resize(runs.size());
      task[i][key.second] = fact.text;
    }
  }
  for (const auto& [task, values] : by_task) section.Add(task, values);
}

// Of each run, by path.
using Tasks = std::vector<TasksByPath>;

std::set<std::string> PathsOf(const Tasks& runs) {
  std::set<std::string> paths;
  for (const TasksByPath& tasks : runs) {
    for (const auto& [path, task] : tasks) paths.insert(path);
  }
  return paths;
}

void AddTasks(Section section, const Tasks& runs,
              const std::function<Values(const ComparedTask&)>& values_of) {
  for (const std::string& path : PathsOf(runs)) {
    std::vector<Values> values;
    for (const TasksByPath& tasks : runs) {
      const ComparedTask* const task = EntryOf(tasks, path);
      values.push_back(task == nullptr ? Values() : values_of(*task));
    }
    section.Add(path, values);
  }
}

// Most tasks have the same packages in all runs, which are then only counted, and once for all such tasks.
void AddPackages(Section section, const Tasks& runs) {
  std::map<std::string, int64_t> counts;
  for (const std::string& path : PathsOf(runs)) {
    std::set<std::string> kinds;
    for (const TasksByPath& tasks : runs) {
      const ComparedTask* const task = EntryOf(tasks, path);
      kinds.insert(task == nullptr ? "" : PackagesKey(*task));
    }
    const ComparedTask* const first = EntryOf(runs.front(), path);
    if (kinds.size() == 1 && !section.all()) {
      if (first == nullptr) continue;
      const auto [count, fresh] = counts.try_emplace(*kinds.begin());
      if (fresh) count->second = static_cast<int64_t>(PackagesOf(*first).size());
      section.CountSame(count->second);
      continue;
    }
    std::vector<Values> values;
    for (const TasksByPath& tasks : runs) {
      const ComparedTask* const task = EntryOf(tasks, path);
      values.push_back(task == nullptr ? Values() : PackagesOf(*task));
    }
    section.Add(path, values);
  }
}

template <typename Of>
std::vector<Values> OfEach(const std::vector<RunAccount>& runs, Of of) {
  std::vector<Values> values;
  for (const RunAccount& facts : runs) values.push_back(of(facts));
  return values;
}

template <typename Of>
std::vector<OutputFacts> FactsOfEach(const std::vector<RunAccount>& runs, Of of) {
  std::vector<OutputFacts> facts;
  for (const RunAccount& run : runs) facts.push_back(of(run));
  return facts;
}

void AddRuns(const std::vector<RunAccount>& runs, RunComparison* out) {
  for (const RunAccount& facts : runs) {
    auto* run = out->add_runs();
    run->set_run_id(facts.run.run_id);
    run->set_display_name(facts.run.display_name);
    run->set_state(std::string(Name(facts.run.state)));
    SetTimestamp(facts.run.created_at, run->mutable_created_at());
    if (facts.cut) out->set_truncated(true);
  }
}

}  // namespace

RunComparison CompareRuns(const std::vector<RunAccount>& runs, const AttemptDocuments& documents,
                          const ComparisonOptions& options) {
  RunComparison out;
  Budget budget;
  AddRuns(runs, &out);
  const auto section = [&](const char* name, bool for_information = false) {
    return Section(name, for_information, options.all, budget, out);
  };
  Tasks tasks;
  for (const RunAccount& facts : runs) tasks.push_back(TasksOf(facts, documents));
  if (!options.surroundings_only) {
    section("run").Add("", OfEach(runs, RunValues));
    section("parameters").Add("", OfEach(runs, [](const RunAccount& facts) { return facts.parameters; }));
    section("metrics").Add("", OfEach(runs, MetricValues));
    section("tags").Add("", OfEach(runs, [](const RunAccount& facts) { return facts.tags; }));
    AddFacts(section("inputs"), FactsOfEach(runs, [](const RunAccount& facts) { return InputsOf(facts); }));
    AddFacts(section("outputs"), FactsOfEach(runs, [](const RunAccount& facts) { return OutputsOf(facts); }));
  }
  AddTasks(section("code"), tasks, CodeOf);
  AddPackages(section("packages"), tasks);
  AddTasks(section("infrastructure"), tasks, InfrastructureOf);
  if (!options.surroundings_only) {
    Section resources = section("resources", /*for_information=*/true);
    resources.Add("", OfEach(runs, RunTimes));
    AddTasks(resources, tasks, ResourcesOf);
  }
  return out;
}

}  // namespace penstock
