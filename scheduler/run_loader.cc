#include "scheduler/run_loader.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "scheduler/plan/plan.h"
#include "scheduler/plan/values/resolve_inputs.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// Everything that storage holds of a run's execution, read in one snapshot.
struct StoredRun {
  RunRow row;
  RunConfigRow config;
  std::string spec_text;  // only if it was not cached
  std::vector<TaskRow> tasks;
  std::vector<TaskAttemptRow> attempts;
  std::vector<TaskParameterRow> parameters;
  std::vector<ArtifactRow> artifacts;
  std::vector<ArtifactTaskRow> links;
};

absl::Status ReadStored(db::Tx& tx, DocumentCache& documents, absl::string_view run_id, StoredRun& stored) {
  ASSIGN_OR_RETURN(stored.row, RunGet(tx, run_id));
  ASSIGN_OR_RETURN(stored.config, RunConfigGet(tx, run_id));
  stored.spec_text.clear();
  if (documents.Find(stored.config.spec_sha256) == nullptr) {
    ASSIGN_OR_RETURN(stored.spec_text, SpecGet(tx, stored.config.spec_sha256));
  }
  if (stored.row.state == RunState::kPending) return absl::OkStatus();  // has no tasks yet
  ASSIGN_OR_RETURN(stored.tasks, TaskList(tx, run_id));
  ASSIGN_OR_RETURN(stored.attempts, TaskAttemptList(tx, run_id));
  ASSIGN_OR_RETURN(stored.parameters, TaskParameterList(tx, run_id));
  ASSIGN_OR_RETURN(stored.artifacts, ArtifactList(tx, run_id));
  ASSIGN_OR_RETURN(stored.links, ArtifactTaskList(tx, run_id));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const PipelineDocument>> Document(DocumentCache& documents,
                                                                 const StoredRun& stored) {
  if (auto cached = documents.Find(stored.config.spec_sha256)) return cached;
  ASSIGN_OR_RETURN(auto document, LoadStoredPipeline(stored.spec_text));
  documents.Put(stored.config.spec_sha256, document);
  return document;
}

RunFacts Facts(const StoredRun& stored, const RunPlan& plan) {
  RunFacts facts;
  facts.run_id = stored.row.run_id;
  facts.run_display_name = stored.row.display_name;
  facts.run_resource_name = absl::StrCat(plan.pipeline_name(), "-", stored.row.run_id);
  facts.pipeline_name = plan.pipeline_name();
  facts.pipeline_root = stored.config.pipeline_root;
  facts.created_at = absl::FormatTime(absl::RFC3339_sec, stored.row.created_at, absl::UTCTimeZone());
  facts.scheduled_at = absl::FormatTime(absl::RFC3339_sec, stored.row.scheduled_at, absl::UTCTimeZone());
  return facts;
}

absl::Status FillOutputs(const StoredRun& stored, const absl::flat_hash_map<std::string, int>& by_id,
                         RunSnapshot& run) {
  for (const TaskParameterRow& row : stored.parameters) {
    const auto task = by_id.find(row.task_id);
    if (row.direction != Direction::kOutput || task == by_id.end()) continue;
    ASSIGN_OR_RETURN(run.tasks[task->second].outputs.parameters[row.name], ParseJson(row.value));
  }
  absl::flat_hash_map<int64_t, const ArtifactRow*> artifacts;
  for (const ArtifactRow& row : stored.artifacts) artifacts[row.artifact_id] = &row;
  for (const ArtifactTaskRow& link : stored.links) {
    const auto task = by_id.find(link.task_id);
    const auto artifact = artifacts.find(link.artifact_id);
    if (link.direction != Direction::kOutput || task == by_id.end() || artifact == artifacts.end()) continue;
    const ArtifactRow& row = *artifact->second;
    ArtifactRecord record;
    record.artifact_id = absl::StrCat(row.artifact_id);
    record.name = row.name;
    record.schema_title = row.schema_title;
    record.schema_version = row.schema_version;
    record.uri = row.uri;
    if (!row.custom_path.empty()) record.custom_path = row.custom_path;
    ASSIGN_OR_RETURN(record.metadata, ParseJson(row.metadata));
    run.tasks[task->second].outputs.artifacts[link.name].push_back(std::move(record));
  }
  return absl::OkStatus();
}

absl::Status FillTasks(const StoredRun& stored, LoadedRun& loaded) {
  RunSnapshot& run = loaded.snapshot;
  if (stored.tasks.empty()) return absl::OkStatus();
  run.tasks.resize(run.plan->tasks().size());
  absl::flat_hash_map<std::string, int> by_id;
  for (const TaskRow& row : stored.tasks) {
    const std::optional<int> index = run.plan->graph().Find(row.name);
    if (!index.has_value())
      return absl::DataLossError(absl::StrCat("stored task ", row.name, " is not in the pipeline"));
    by_id[row.task_id] = *index;
    TaskSnapshot& task = run.tasks[*index];
    task.task_id = row.task_id;
    task.state = row.state;
    task.wait_reason = row.wait_reason;
    task.error_code = row.error_code;
    task.error_message = row.error_message;
    task.created_at = row.created_at;
    task.started_at = row.started_at;
    task.finished_at = row.finished_at;
  }
  if (by_id.size() != run.tasks.size()) return absl::DataLossError("tasks of the run are missing in storage");
  for (const TaskAttemptRow& attempt : stored.attempts) {
    const int index = by_id.at(attempt.task_id);
    TaskSnapshot& task = run.tasks[index];
    task.attempts = attempt.number;
    task.attempt_id = attempt.attempt_id;
    if (attempt.outcome.empty() && !IsFinal(task.state)) loaded.running.push_back({index, attempt});
  }
  RETURN_IF_ERROR(FillOutputs(stored, by_id, run));
  RecountTasks(run);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<LoadedRun> LoadRun(Store& store, DocumentCache& documents, absl::string_view run_id) {
  StoredRun stored;
  RETURN_IF_ERROR(store.Read([&](db::Tx& tx) { return ReadStored(tx, documents, run_id, stored); }));
  ASSIGN_OR_RETURN(auto document, Document(documents, stored));
  LoadedRun loaded;
  RunSnapshot& run = loaded.snapshot;
  ASSIGN_OR_RETURN(run.plan, RunPlan::Create(std::move(document)));
  run.run_id = std::string(run_id);
  run.state = stored.row.state;
  run.facts = Facts(stored, *run.plan);
  ASSIGN_OR_RETURN(const Json parameters, ParseJson(stored.config.parameters));
  run.root_inputs = RootInputs(run.plan->root(), parameters);
  RETURN_IF_ERROR(FillTasks(stored, loaded));
  return loaded;
}

}  // namespace penstock
