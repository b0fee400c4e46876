#include "scheduler/run_loader.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/schedule/macros.h"
#include "pipeline/spec/executor_choice.h"
#include "pipeline/spec/run_artifacts.h"
#include "pipeline/spec/workspace.h"
#include "scheduler/plan/plan.h"
#include "scheduler/plan/plan_retry.h"
#include "scheduler/plan/run_tree.h"
#include "scheduler/plan/values/resolve_inputs.h"
#include "scheduler/run_commit.h"
#include "storage/artifact_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// RFC 3339 as KFP writes it, which programs may parse letter by letter.
constexpr char kUtcSeconds[] = "%Y-%m-%dT%H:%M:%SZ";

// Everything that storage holds of a run's execution, read in one snapshot.
struct StoredRun {
  RunRow row;
  RunConfigRow config;
  std::shared_ptr<const PipelineDocument> document;  // if it was cached
  std::string spec_text;                             // else
  std::vector<TaskRow> tasks;
  std::vector<TaskAttemptRow> attempts;
  std::vector<TaskParameterRow> outputs;
  std::vector<ArtifactRow> artifacts;
  std::vector<ArtifactTaskRow> links;
};

absl::Status ReadStored(db::Tx& tx, DocumentCache& documents, absl::string_view run_id, StoredRun& stored) {
  ASSIGN_OR_RETURN(stored.row, RunGet(tx, run_id));
  if (stored.row.driver == RunDriver::kClient) return absl::NotFoundError("a client records this run");
  ASSIGN_OR_RETURN(stored.config, RunConfigGet(tx, run_id));
  stored.spec_text.clear();
  stored.document = documents.Find(stored.config.spec_sha256);
  if (stored.document == nullptr) {
    ASSIGN_OR_RETURN(stored.spec_text, SpecGet(tx, stored.config.spec_sha256));
  }
  ASSIGN_OR_RETURN(stored.tasks, TaskList(tx, run_id));
  std::erase_if(stored.tasks, [](const TaskRow& task) { return task.recorded; });
  if (stored.tasks.empty()) return absl::OkStatus();  // it was not taken yet
  ASSIGN_OR_RETURN(stored.attempts, TaskAttemptList(tx, run_id));
  ASSIGN_OR_RETURN(stored.outputs, TaskParameterList(tx, run_id, Direction::kOutput));
  ASSIGN_OR_RETURN(stored.artifacts, ArtifactList(tx, run_id));
  ASSIGN_OR_RETURN(stored.links, ArtifactTaskList(tx, run_id));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PipelineDocument>> Document(DocumentCache& documents,
                                                                 const StoredRun& stored) {
  if (stored.document != nullptr) return stored.document;
  ASSIGN_OR_RETURN(auto document, LoadStoredPipeline(stored.spec_text));
  documents.Put(stored.config.spec_sha256, document);
  return document;
}

RunFacts Facts(const StoredRun& stored, const RunPlan& plan, const TaskWorld& world) {
  RunFacts facts;
  facts.run_id = stored.row.run_id;
  facts.run_display_name = stored.row.display_name;
  facts.run_resource_name = absl::StrCat(plan.pipeline_name(), "-", stored.row.run_id);
  facts.pipeline_name = plan.pipeline_name();
  facts.has_default_root = stored.config.pipeline_root.empty();
  facts.pipeline_root = facts.has_default_root ? world.artifacts.directory : stored.config.pipeline_root;
  facts.created_at = absl::FormatTime(kUtcSeconds, stored.row.created_at, absl::UTCTimeZone());
  facts.scheduled_at = absl::FormatTime(kUtcSeconds, stored.row.scheduled_at, absl::UTCTimeZone());
  if (DeclaresWorkspace(plan.document())) facts.workspace_path = world.WorkspaceOf(facts.run_id);
  return facts;
}

// The same at every reading. The number of a recurring run's run is put in when that is made.
MacroValues Macros(const RunRow& row) {
  MacroValues values;
  values.run_id = row.run_id;
  values.current_time = row.created_at;
  if (!row.recurring_run_id.empty()) values.scheduled_time = row.scheduled_at;
  return values;
}

using TasksById = absl::flat_hash_map<std::string, int>;

// Whether somebody may still read what a task of the run puts out.
bool NeedsOutputs(const RunSnapshot& run, int task) {
  const int parent = ParentOf(run, task);
  return run.tasks[task].state == TaskState::kSucceeded && (parent < 0 || !IsFinal(run.tasks[parent].state));
}

absl::Status FillOutputs(const StoredRun& stored, const TasksById& by_id, RunSnapshot& run) {
  absl::flat_hash_map<int, TaskOutputs> outputs;
  for (const auto& [id, task] : by_id) {
    if (NeedsOutputs(run, task)) outputs[task] = {};
  }
  const auto outputs_of = [&](const std::string& task_id) -> TaskOutputs* {
    const auto task = by_id.find(task_id);
    const auto found = task == by_id.end() ? outputs.end() : outputs.find(task->second);
    return found == outputs.end() ? nullptr : &found->second;
  };
  for (const TaskParameterRow& row : stored.outputs) {
    TaskOutputs* of = outputs_of(row.task_id);
    if (of == nullptr) continue;
    ASSIGN_OR_RETURN(of->parameters[row.name], ParseJson(row.value));
  }
  absl::flat_hash_map<int64_t, const ArtifactRow*> artifacts;
  for (const ArtifactRow& row : stored.artifacts) artifacts[row.artifact_id] = &row;
  for (const ArtifactTaskRow& link : stored.links) {
    if (link.position >= kRecordedPosition) continue;
    TaskOutputs* of = link.direction == Direction::kOutput ? outputs_of(link.task_id) : nullptr;
    const auto artifact = artifacts.find(link.artifact_id);
    if (of == nullptr || artifact == artifacts.end()) continue;
    ASSIGN_OR_RETURN(ArtifactRecord record, RecordOf(*artifact->second));
    of->artifacts[link.name].push_back(std::move(record));
  }
  for (auto& [task, of] : outputs) {
    run.tasks[task].outputs = std::make_shared<const TaskOutputs>(std::move(of));
  }
  return absl::OkStatus();
}

void FillTask(const TaskRow& row, TaskSnapshot& task) {
  task.task_id = row.task_id;
  task.state = row.state;
  task.wait_reason = row.wait_reason;
  task.wait_message = row.wait_message;
  task.error_code = row.error_code;
  task.error_message = row.error_message;
  task.started_at = row.started_at;
  task.finished_at = row.finished_at;
  task.wake_at = row.wake_at;
  task.attempts_before = row.attempts_before;
}

// Builds the tree of a run's tasks from its rows, scope by scope.
class TreeBuilder {
 public:
  TreeBuilder(const std::vector<TaskRow>& rows, RunSnapshot& run) : run_(run) {
    for (const TaskRow& row : rows) by_parent_[row.parent_task_id].push_back(&row);
  }

  absl::StatusOr<TasksById> Build() {
    RETURN_IF_ERROR(AddScope(/*dag=*/0, /*owner=*/-1));
    // Adding the tasks of one scope finds others; the list grows meanwhile.
    for (int task = 0; task < static_cast<int>(run_.tasks.size()); ++task) {
      if (by_parent_.count(run_.tasks[task].task_id) == 0) continue;
      if (PlannedOf(run_, task).is_loop && run_.tasks[task].iteration < 0) {
        RETURN_IF_ERROR(AddLoop(task));
      } else if (const int dag = PlannedOf(run_, task).dag; dag >= 0) {
        RETURN_IF_ERROR(AddScope(dag, task));
      }
    }
    return std::move(by_id_);
  }

 private:
  absl::Status AddLoop(int task) {
    std::vector<const TaskRow*>& rows = by_parent_[run_.tasks[task].task_id];
    std::sort(rows.begin(), rows.end(),
              [](const TaskRow* a, const TaskRow* b) { return a->iteration < b->iteration; });
    const int loop = static_cast<int>(run_.loops.size());
    run_.loops.emplace_back().task = task;
    run_.tasks[task].loop = loop;
    for (const TaskRow* row : rows) {
      const int iteration = OpenIteration(run_, loop);
      if (row->iteration != run_.tasks[iteration].iteration) {
        return absl::DataLossError("iterations of a loop are missing in storage");
      }
      FillTask(*row, run_.tasks[iteration]);
      by_id_[row->task_id] = iteration;
    }
    run_.loops[loop].items.count = static_cast<int>(rows.size());
    return absl::OkStatus();
  }

  absl::Status AddScope(int dag, int owner) {
    const std::string parent = owner < 0 ? "" : run_.tasks[owner].task_id;
    const std::vector<const TaskRow*>& rows = by_parent_[parent];
    const Graph& graph = run_.plan->dags()[dag].graph;
    const int first = run_.scopes[OpenScope(run_, dag, owner)].first_task;
    for (const TaskRow* row : rows) {
      const std::optional<int> planned = graph.Find(row->name);
      if (!planned.has_value()) {
        return absl::DataLossError(absl::StrCat("stored task ", row->name, " is not in the pipeline"));
      }
      FillTask(*row, run_.tasks[first + *planned]);
      by_id_[row->task_id] = first + *planned;
    }
    if (static_cast<int>(rows.size()) != graph.size()) {
      return absl::DataLossError("tasks of the run are missing in storage");
    }
    return absl::OkStatus();
  }

  RunSnapshot& run_;
  absl::flat_hash_map<std::string, std::vector<const TaskRow*>> by_parent_;
  TasksById by_id_;
};

// The row of a task as it begins afresh or goes on.
void ReopenRow(bool goes_on, TaskRow& row) {
  row.state = goes_on ? TaskState::kRunning : TaskState::kPending;
  row.wait_reason = goes_on ? WaitReason::kNone : WaitReason::kUpstream;
  row.error_code = 0;
  row.error_message.clear();
  if (!goes_on) row.started_at = absl::UnixEpoch();
  row.finished_at = row.wake_at = absl::UnixEpoch();
}

// Changes the rows of a run that is retried into what they are to be. Returns the state of those that are
// open again, by id, and notes those that are gone.
absl::StatusOr<absl::flat_hash_map<std::string, TaskState>> ReopenRows(StoredRun& stored, RunSnapshot& run) {
  RunSnapshot ended;
  ended.plan = run.plan;
  ASSIGN_OR_RETURN(const TasksById by_id, TreeBuilder(stored.tasks, ended).Build());
  const std::vector<RetryFate> fates = FatesOfRetry(ended);
  absl::flat_hash_map<std::string, TaskState> reopened;
  std::vector<TaskRow> rows;
  for (TaskRow& row : stored.tasks) {
    const auto task = by_id.find(row.task_id);
    if (task == by_id.end()) return absl::DataLossError("a stored task of the run is part of none");
    const RetryFate fate = fates[task->second];
    if (fate == RetryFate::kGone) {
      run.removed.push_back(row.task_id);
      continue;
    }
    if (fate != RetryFate::kKept) {
      reopened[row.task_id] = row.state;
      ReopenRow(fate == RetryFate::kGoesOn, row);
    }
    rows.push_back(std::move(row));
  }
  stored.tasks = std::move(rows);
  return reopened;
}

absl::Status FillTasks(StoredRun& stored, LoadedRun& loaded) {
  RunSnapshot& run = loaded.snapshot;
  if (stored.tasks.empty()) return absl::OkStatus();
  absl::flat_hash_map<std::string, TaskState> reopened;
  if (run.state == RunState::kPending) {
    ASSIGN_OR_RETURN(reopened, ReopenRows(stored, run));
  }
  ASSIGN_OR_RETURN(const TasksById by_id, TreeBuilder(stored.tasks, run).Build());
  for (const TaskRow& row : stored.tasks) {
    if (!row.cache_decision.empty() && !IsFinal(row.state)) {
      loaded.cache_decisions.emplace_back(by_id.at(row.task_id), row.cache_decision);
    }
  }
  for (const TaskAttemptRow& attempt : stored.attempts) {
    const auto found = by_id.find(attempt.task_id);
    if (found == by_id.end()) continue;  // of a task that comes into being anew
    const int index = found->second;
    TaskSnapshot& task = run.tasks[index];
    task.attempts = attempt.number;
    if (attempt.disrupted && attempt.number > task.attempts_before) ++task.disruptions;
    if (IsFinal(task.state)) continue;
    task.attempt_id = attempt.attempt_id;
    if (attempt.outcome.empty()) loaded.running.push_back({index, attempt});
  }
  for (const auto& [task_id, from] : reopened) {
    const int task = by_id.at(task_id);
    run.tasks[task].attempts_before = run.tasks[task].attempts;
    run.tasks[task].disruptions = 0;
    run.reopened.emplace_back(task, from);
  }
  std::sort(run.reopened.begin(), run.reopened.end());  // the same whatever the order of the map
  RETURN_IF_ERROR(FillOutputs(stored, by_id, run));
  for (LoopSnapshot& loop : run.loops) {  // the outer ones come first
    if (!IsFinal(run.tasks[loop.task].state)) RETURN_IF_ERROR(SetItems(run, loop));
  }
  RecountTasks(run);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ArtifactRecord> RecordOf(const ArtifactRow& row) {
  ArtifactRecord record;
  record.artifact_id = absl::StrCat(row.artifact_id);
  record.name = row.name;
  record.schema_title = row.schema_title;
  record.schema_version = row.schema_version;
  record.uri = row.uri;
  if (!row.custom_path.empty()) record.custom_path = row.custom_path;
  record.imported = !row.import_key.empty();
  record.content_sha256 = row.content_sha256;
  record.content_stat = row.content_stat;
  record.size_bytes = row.size_bytes;
  ASSIGN_OR_RETURN(record.metadata, ParseJson(row.metadata));
  return record;
}

namespace {

// One that the run is given for an input of the pipeline itself. By its URI it is imported, and has an id once that is
// stored.
absl::StatusOr<ArtifactRecord> RootArtifact(db::Tx& tx, const PublicUris& uris, const std::string& name,
                                            const ml_pipelines::ComponentInputsSpec::ArtifactSpec& declared,
                                            const RunArtifact& given) {
  if (given.artifact_id != 0) {
    ASSIGN_OR_RETURN(const std::optional<ArtifactRow> row, ArtifactFind(tx, given.artifact_id));
    if (row.has_value()) return RecordOf(*row);
    return absl::InvalidArgumentError(absl::StrCat("the artifact ", given.artifact_id,
                                                   ", which the run was given for ", QuoteForMessage(name),
                                                   ", is gone: its run was deleted"));
  }
  ArtifactRecord record;
  record.name = name;
  record.schema_title = declared.artifact_type().schema_title();
  record.schema_version = declared.artifact_type().schema_version();
  record.uri = uris.Stored(given.uri);
  record.metadata = given.metadata;
  record.imported = true;
  ASSIGN_OR_RETURN(const std::optional<int64_t> id, ArtifactFindImported(tx, ImportKey(record)));
  if (id.has_value()) record.artifact_id = absl::StrCat(*id);
  return record;
}

absl::Status FillRootArtifacts(db::Tx& tx, const ml_pipelines::ComponentSpec& root, const Json& parameters,
                               const PublicUris& uris, TaskInputs& inputs) {
  inputs.artifacts.clear();
  for (const auto& [name, declared] : root.input_definitions().artifacts()) {
    const auto value = parameters.find(name);
    if (value == parameters.end() || value->is_null()) continue;
    ASSIGN_OR_RETURN(const auto given, ReadRunArtifacts(declared, *value));
    std::vector<ArtifactRecord>& artifacts = inputs.artifacts[name];
    for (const RunArtifact& one : given) {
      ASSIGN_OR_RETURN(ArtifactRecord record, RootArtifact(tx, uris, name, declared, one));
      artifacts.push_back(std::move(record));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedRun> LoadRun(Store& store, DocumentCache& documents, const TaskWorld& world,
                                  const PublicUris& uris, absl::string_view run_id) {
  StoredRun stored;
  RETURN_IF_ERROR(store.Read([&](db::Tx& tx) { return ReadStored(tx, documents, run_id, stored); }));
  ASSIGN_OR_RETURN(auto document, Document(documents, stored));
  LoadedRun loaded;
  RunSnapshot& run = loaded.snapshot;
  ASSIGN_OR_RETURN(run.plan, RunPlan::Create(std::move(document)));
  run.run_id = std::string(run_id);
  loaded.namespace_ = stored.row.namespace_;
  loaded.cache_enabled = stored.config.cache_enabled;
  loaded.cache_max_age = stored.config.cache_max_age;
  run.experiment_id = stored.row.experiment_id;
  run.state = stored.row.state;
  run.facts = Facts(stored, *run.plan, world);
  run.facts.uris = uris;
  loaded.recurring_run_id = stored.row.recurring_run_id;
  ASSIGN_OR_RETURN(Json parameters, ParseJson(stored.config.parameters));
  ReplaceMacros(Macros(stored.row), &parameters);
  TaskInputs root_inputs = RootInputs(run.plan->root(), parameters);
  if (!run.plan->root().input_definitions().artifacts().empty()) {
    RETURN_IF_ERROR(store.Read(
        [&](db::Tx& tx) { return FillRootArtifacts(tx, run.plan->root(), parameters, uris, root_inputs); }));
  }
  run.root_inputs = std::make_shared<const TaskInputs>(std::move(root_inputs));
  ASSIGN_OR_RETURN(run.pins, PackagePins::OfPlugins(stored.config.plugins_input));
  ASSIGN_OR_RETURN(run.executor, ExecutorOfPlugins(stored.config.plugins_input));
  // What runs have that name none is not asked for.
  if (stored.row.service_account != kDefaultServiceAccount) run.service_account = stored.row.service_account;
  run.namespace_ = stored.row.namespace_;
  RETURN_IF_ERROR(FillTasks(stored, loaded));
  return loaded;
}

}  // namespace penstock
