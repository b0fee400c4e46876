#include "server/convert/run_status.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/text.h"
#include "pipeline/graph.h"
#include "pipeline/spec/dag_graph.h"
#include "pipeline/spec/platform_notes.h"
#include "server/convert/task_source.h"
#include "server/convert/timestamp.h"
#include "storage/cache_store.h"

namespace penstock {
namespace {

namespace v1 = penstock::v1;
using ml_pipelines::DagSpec;

constexpr size_t kHoldersInSentence = 4;
constexpr int kRunNameBytes = 80;

void SetError(int code, const std::string& message, v1::StatusError* out) {
  out->set_code(code);
  out->set_message(Shorten(message, limits::kTaskErrorBytes));
}

void SetReference(const TaskRow& row, v1::TaskReference* out) {
  out->set_task_id(row.task_id);
  out->set_name(row.name);
  out->set_state(std::string(Name(row.state)));
}

// What each task waits for, by the graphs of the pipeline.
class TaskTree {
 public:
  TaskTree(const PipelineDocument& document, const std::vector<TaskRow>& rows)
      : document_(document), root_(&document.spec.root().dag()) {
    for (const TaskRow& row : rows) {
      by_id_[row.task_id] = &row;
      if (row.iteration < 0) by_name_[{row.parent_task_id, row.name}] = &row;
    }
  }

  // Calls `visit` with each task that `row` waits for, or waited for, until it says false.
  template <typename Visit>
  void ForEachUpstream(const TaskRow& row, Visit visit) {
    if (row.iteration >= 0) return;
    const DagSpec* dag = DagAround(row);
    const Graph* graph = dag == nullptr ? nullptr : GraphOf(*dag);
    const std::optional<int> node = graph == nullptr ? std::nullopt : graph->Find(row.name);
    if (!node.has_value()) return;
    for (const int upstream : graph->predecessors(*node)) {
      const auto found = by_name_.find({row.parent_task_id, graph->name(upstream)});
      if (found != by_name_.end() && !visit(*found->second)) return;
    }
  }

  // The first task, up from one that was skipped, whose own end was the cause.
  const TaskRow* CauseOf(const TaskRow& skipped) {
    const TaskRow* at = &skipped;
    while (at->state == TaskState::kSkipped) {  // a graph has no cycles
      const TaskRow* cause = nullptr;
      ForEachUpstream(*at, [&](const TaskRow& upstream) {
        if (IsFinal(upstream.state) && upstream.state != TaskState::kSucceeded) cause = &upstream;
        return cause == nullptr;
      });
      if (cause == nullptr) break;
      at = cause;
    }
    return at == &skipped ? nullptr : at;
  }

 private:
  // The graph that the task is part of; nullptr if the pipeline has no such task. Depth is bounded by
  // limits::kSpecNesting and as many loops.
  const DagSpec* DagAround(const TaskRow& row) {
    if (row.parent_task_id.empty()) return root_;
    const auto known = dag_in_.find(row.parent_task_id);
    if (known != dag_in_.end()) return known->second;
    const auto parent = by_id_.find(row.parent_task_id);
    const DagSpec* dag = parent == by_id_.end() ? nullptr : DagAround(*parent->second);
    // An iteration is part of the graph that its loop is part of.
    if (dag != nullptr && row.iteration < 0) dag = InnerDag(*dag, parent->second->name);
    if (row.iteration < 0) dag_in_[row.parent_task_id] = dag;
    return dag;
  }

  const DagSpec* InnerDag(const DagSpec& dag, const std::string& task) const {
    const auto spec = dag.tasks().find(task);
    if (spec == dag.tasks().end()) return nullptr;
    const auto component = document_.spec.components().find(spec->second.component_ref().name());
    return component == document_.spec.components().end() ? nullptr : &component->second.dag();
  }

  const Graph* GraphOf(const DagSpec& dag) {
    const auto [known, fresh] = graphs_.try_emplace(&dag);
    if (fresh) {
      auto graph = GraphOfDag(dag);
      if (graph.ok()) known->second = *std::move(graph);
    }
    return &known->second;
  }

  const PipelineDocument& document_;
  const DagSpec* root_;
  absl::flat_hash_map<std::string, const TaskRow*> by_id_;
  std::map<std::pair<std::string, std::string>, const TaskRow*> by_name_;  // by the task around it, and name
  absl::flat_hash_map<std::string, const DagSpec*> dag_in_;
  std::map<const DagSpec*, Graph> graphs_;
};

std::string CpuNumber(int64_t millicores) { return NumberText(static_cast<double>(millicores) / 1000); }

std::string CpusText(int64_t millicores) {
  const std::string number = CpuNumber(millicores);
  return absl::StrCat(number, number == "1" ? " CPU" : " CPUs");
}

std::string HolderText(const RunStatusSource& source, const RoomHolderRow& holder) {
  const auto run = source.run_names.find(holder.run_id);
  std::string text = absl::StrCat("'", holder.task_name, "' of ",
                                  holder.run_id == source.run.run_id ? "this run"
                                  : run == source.run_names.end()
                                      ? absl::StrCat("run ", holder.run_id)
                                      : absl::StrCat("run '", Shorten(run->second, kRunNameBytes), "'"),
                                  " (", CpusText(holder.cpu_millicores));
  if (holder.memory_bytes > 0) absl::StrAppend(&text, ", ", holder.memory_bytes, " bytes of memory");
  absl::StrAppend(&text, ", since ", absl::FormatTime("%H:%M:%S UTC", holder.since, absl::UTCTimeZone()),
                  ")");
  return text;
}

// Who has the room that a task waits for.
void SetHolders(const RunStatusSource& source, v1::Wait* out) {
  std::string message = "It could start, and waits until the CPU and memory that it asks for are free";
  if (source.room.has_value()) {
    const RoomRow& room = *source.room;
    absl::StrAppend(&message, ". CPUs taken: ", CpuNumber(room.used_cpu_millicores), " of ",
                    CpuNumber(room.cpu_millicores));
    for (size_t i = 0; i < room.holders.size(); ++i) {
      const RoomHolderRow& holder = room.holders[i];
      v1::RoomHolder* const told = out->add_holders();
      told->set_run_id(holder.run_id);
      if (const auto run = source.run_names.find(holder.run_id); run != source.run_names.end()) {
        told->set_run_display_name(run->second);
      }
      told->set_task(holder.task_name);
      told->set_cpu_millicores(holder.cpu_millicores);
      told->set_memory_bytes(holder.memory_bytes);
      SetTimestamp(holder.since, told->mutable_since());
      if (i < kHoldersInSentence) {
        absl::StrAppend(&message, i == 0 ? ", by " : ", ", HolderText(source, holder));
      }
    }
    const size_t others = std::max(room.holders.size(), kHoldersInSentence) - kHoldersInSentence +
                          static_cast<size_t>(room.holders_left_out);
    if (others > 0) absl::StrAppend(&message, " and ", others, " more");
    if (room.kept_for.has_value()) {
      absl::StrAppend(&message, "; room is kept for ", HolderText(source, *room.kept_for),
                      ", which has waited longest");
    }
    if (!room.setting.empty()) {
      absl::StrAppend(&message, ". The server's setting ", room.setting, " says how much there is");
      out->set_setting(room.setting);
    }
  }
  out->set_message(message);
}

std::string WaitMessage(const v1::Wait& wait) {
  if (wait.reason() == Name(WaitReason::kRetry)) {
    return absl::StrCat("Its last attempt failed; the next one begins at ",
                        absl::FormatTime(absl::RFC3339_sec, TimeFrom(wait.until()), absl::UTCTimeZone()));
  }
  if (wait.reason() == Name(WaitReason::kEnvironment)) {
    return "The Python packages that it asks for are being installed, for all tasks that ask for the same; "
           "the log of the one that installs them has what pip says";
  }
  if (wait.reason() == Name(WaitReason::kContent)) {
    return "Its inputs are being brought from a store, or its outputs put there; its log says how far that "
           "is";
  }
  if (wait.reason() == Name(WaitReason::kImage)) return "Its image is being brought";
  if (wait.reason() == Name(WaitReason::kQuota)) return "A quota lets nothing more in at the moment";
  if (wait.reason() == Name(WaitReason::kVolume)) return "A volume that it asks for is not there yet";
  if (wait.reason() == Name(WaitReason::kPlatform)) return "The cluster does not answer at the moment";
  if (wait.reason() == Name(WaitReason::kStarting)) return "It is being made ready where it will run";
  if (wait.reason() == Name(WaitReason::kUnschedulable)) {
    return "Nothing that it may run on has room for it at the moment";
  }
  if (wait.reason() != Name(WaitReason::kUpstream)) return "";
  std::vector<std::string> names;
  for (const v1::TaskReference& task : wait.tasks()) names.push_back(task.name());
  return names.empty() ? "It is about to start"
                       : absl::StrCat("It waits for the end of ", ListNames(names, limits::kStatusNames));
}

void SetWait(const TaskRow& row, const RunStatusSource& source, TaskTree& tree, v1::Wait* out) {
  out->set_reason(std::string(Name(row.wait_reason)));
  if (row.wait_reason == WaitReason::kCapacity) return SetHolders(source, out);
  if (row.wait_reason == WaitReason::kUpstream) {
    tree.ForEachUpstream(row, [&](const TaskRow& upstream) {
      if (!IsFinal(upstream.state)) SetReference(upstream, out->add_tasks());
      return out->tasks_size() < limits::kStatusNames;
    });
  }
  if (row.wait_reason == WaitReason::kRetry) SetTimestamp(row.wake_at, out->mutable_until());
  // Who makes it wait knows best.
  out->set_message(row.wait_message.empty() ? WaitMessage(*out) : row.wait_message);
}

void SetRunWait(const SchedulerState& scheduler, v1::Wait* out) {
  if (!scheduler.is_running) {
    out->set_reason(std::string(Name(WaitReason::kScheduler)));
    out->set_message("No scheduler drives runs at the moment; start one (--role)");
  } else if (scheduler.active_runs_max > 0 && scheduler.active_runs >= scheduler.active_runs_max) {
    out->set_reason("WAITING_FOR_OTHER_RUNS");
    out->set_message(absl::StrCat("As many runs are driven as --active_runs_max allows (",
                                  scheduler.active_runs_max, "); it begins when one of them has ended"));
  } else {
    out->set_reason(std::string(Name(WaitReason::kScheduler)));
    out->set_message("The scheduler is about to take it");
  }
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  out->set_seconds(absl::IDivDuration(duration, absl::Seconds(1), &duration));
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

// Of the brief form all but packages and the environment; `log_tails_left` says how many more ends of logs it may have.
void AttemptToApi(const TaskAttemptRow& row, bool brief, int* log_tails_left, v1::AttemptStatus* out) {
  out->set_number(row.number);
  out->set_attempt_id(row.attempt_id);
  out->set_outcome(row.disrupted ? "DISRUPTED" : row.outcome);
  if (row.exit_code.has_value()) out->set_exit_code(*row.exit_code);
  if (row.signal.has_value()) out->set_signal(*row.signal);
  out->set_message(row.message);
  if (!row.log_tail.empty() && (!brief || (*log_tails_left)-- > 0)) out->set_log_tail(row.log_tail);
  if (!row.outcome.empty()) {
    SetDuration(row.cpu_time, out->mutable_cpu_time());
    out->set_max_rss_bytes(row.max_rss_bytes);
    SetTimestamp(row.finished_at, out->mutable_finished_at());
  }
  if (row.started_at != absl::UnixEpoch()) SetTimestamp(row.started_at, out->mutable_started_at());
  if (brief) return;
  out->set_environment(row.environment);
  for (const auto package : absl::StrSplit(row.packages, '\n', absl::SkipEmpty())) {
    out->add_packages(std::string(package));
  }
}

void TaskToApi(const TaskRow& row, const RunStatusSource& source, TaskTree& tree, v1::TaskStatus* out) {
  out->set_task_id(row.task_id);
  out->set_parent_task_id(row.parent_task_id);
  out->set_name(row.name);
  out->set_display_name(row.display_name);
  if (row.iteration >= 0) out->set_iteration(row.iteration);
  out->set_state(std::string(Name(row.state)));
  if (row.wait_reason != WaitReason::kNone && !IsFinal(row.state)) {
    SetWait(row, source, tree, out->mutable_wait());
  }
  if (row.state == TaskState::kSkipped) {
    if (const TaskRow* cause = tree.CauseOf(row)) SetReference(*cause, out->mutable_skipped_because_of());
  }
  if (row.error_code != 0 || !row.error_message.empty()) {
    SetError(row.error_code, row.error_message, out->mutable_error());
  }
  if (const auto decision = CacheDecisionOf(row)) {
    v1::CacheStatus* cache = out->mutable_cache();
    cache->set_result(std::string(Name(decision->result)));
    cache->set_reason(decision->reason);
    cache->set_field(decision->field);
    cache->set_run_id(decision->run_id);
    cache->set_task_id(decision->task_id);
  }
}

bool IsWanted(const TaskRow& row, const RunStatusScope& scope) {
  if (scope.unfinished_only && IsFinal(row.state)) return false;
  return scope.task.empty() || row.task_id == scope.task || row.name == scope.task;
}

}  // namespace

void RunStatusToApi(const RunStatusSource& source, const PipelineDocument& document,
                    const RunStatusScope& scope, v1::RunStatus* out) {
  out->set_run_id(source.run.run_id);
  out->set_display_name(source.run.display_name);
  out->set_experiment_id(source.run.experiment_id);
  SetTimestamp(source.run.created_at, out->mutable_created_at());
  if (source.run.finished_at != absl::UnixEpoch()) {
    SetTimestamp(source.run.finished_at, out->mutable_finished_at());
  }
  out->set_state(std::string(Name(source.run.state)));
  if (source.run.state == RunState::kPending) SetRunWait(source.scheduler, out->mutable_wait());
  if (!source.states.empty() && source.states.back().error_code != 0) {
    SetError(source.states.back().error_code, source.states.back().error_message, out->mutable_error());
  }
  std::string note = source.heeds_platforms ? "" : PlatformNote(document);
  if (!note.empty()) out->add_notes(std::move(note));
  TaskTree tree(document, source.tasks);
  absl::flat_hash_map<std::string, v1::TaskStatus*> by_id;
  for (const TaskRow& row : source.tasks) {
    if (!IsWanted(row, scope)) continue;
    if (out->tasks_size() == (scope.brief ? limits::kStatusTasksBrief : limits::kStatusTasks)) {
      out->set_tasks_left_out(out->tasks_left_out() + 1);
      continue;
    }
    TaskToApi(row, source, tree, by_id[row.task_id] = out->add_tasks());
  }
  int log_tails_left = limits::kStatusLogTails;
  for (const TaskAttemptRow& row : source.attempts) {
    const auto task = by_id.find(row.task_id);
    if (task == by_id.end()) continue;
    AttemptToApi(row, scope.brief, &log_tails_left, task->second->add_attempts());
  }
}

}  // namespace penstock
