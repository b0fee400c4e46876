#include "server/handlers/run_account.h"

#include <set>
#include <utility>

#include "common/json.h"
#include "common/status_macros.h"
#include "server/convert/attempt_record.h"
#include "server/memory.h"
#include "storage/artifact_store.h"
#include "storage/attempt_record_store.h"
#include "storage/cache_store.h"
#include "storage/dataset_store.h"
#include "storage/experiment_store.h"
#include "storage/metric_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// What has been deleted since has no name any more.
absl::Status ReadNames(db::Tx& tx, RunAccount& facts) {
  const auto experiment = ExperimentGet(tx, facts.run.experiment_id);
  if (experiment.ok()) facts.experiment_name = experiment->name;
  if (facts.run.pipeline_version_id.empty()) return absl::OkStatus();
  const auto version = PipelineVersionGetWithoutTags(tx, facts.run.pipeline_version_id);
  if (absl::IsNotFound(version.status())) return absl::OkStatus();
  RETURN_IF_ERROR(version.status());
  facts.version_name = version->name;
  facts.code_source_url = version->code_source_url;
  const auto pipeline = PipelineGet(tx, version->pipeline_id);
  if (pipeline.ok()) facts.pipeline_name = pipeline->name;
  return absl::OkStatus();
}

absl::Status ReadParameters(RunAccount& facts) {
  if (facts.config.parameters.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json parameters, ParseJson(facts.config.parameters));
  for (const auto& [name, value] : parameters.items()) facts.parameters[name] = DumpJson(value);
  return absl::OkStatus();
}

// Of a task that was taken from the cache, the attempt of the task that it was taken from, if that is still there.
absl::Status ReadCachedAttempt(db::Tx& tx, const TaskRow& task, RunAccount& facts) {
  if (task.cache_decision.empty() || facts.attempts.count(task.task_id) > 0) return absl::OkStatus();
  const auto decision = CacheDecisionFromText(task.cache_decision);
  if (!decision.ok() || decision->result != CacheResult::kHit) return absl::OkStatus();
  auto attempt = TaskAttemptFind(tx, decision->run_id, decision->task_id, 0);
  if (attempt.ok()) facts.attempts[task.task_id] = *std::move(attempt);
  return absl::IsNotFound(attempt.status()) ? absl::OkStatus() : attempt.status();
}

absl::Status ReadTasks(db::Tx& tx, int tasks_max, RunAccount& facts) {
  const std::string& run_id = facts.run.run_id;
  ASSIGN_OR_RETURN(facts.tasks, TaskList(tx, run_id));
  if (facts.tasks.size() > static_cast<size_t>(tasks_max)) {
    facts.tasks.resize(tasks_max);
    facts.cut = true;
  }
  ASSIGN_OR_RETURN(std::vector<TaskAttemptRow> attempts, TaskAttemptList(tx, run_id));
  // By task and number, so that the latest is kept.
  for (TaskAttemptRow& attempt : attempts) facts.attempts[attempt.task_id] = std::move(attempt);
  for (const TaskRow& task : facts.tasks) RETURN_IF_ERROR(ReadCachedAttempt(tx, task, facts));
  ASSIGN_OR_RETURN(facts.links, ArtifactTaskList(tx, run_id));
  ASSIGN_OR_RETURN(std::vector<ArtifactRow> artifacts, ArtifactList(tx, run_id));
  for (ArtifactRow& artifact : artifacts) facts.artifacts[artifact.artifact_id] = std::move(artifact);
  ASSIGN_OR_RETURN(facts.output_parameters, TaskParameterList(tx, run_id, Direction::kOutput));
  return absl::OkStatus();
}

// Each document once, however many attempts name it.
absl::Status ReadDocuments(db::Tx& tx, RunsRead& read) {
  std::set<std::string> setups;
  std::set<std::string> places;
  for (const RunAccount& facts : read.runs) {
    for (const auto& [task_id, attempt] : facts.attempts) {
      setups.insert(attempt.setup_sha256);
      places.insert(attempt.place_sha256);
    }
  }
  ASSIGN_OR_RETURN(const AttemptTexts setup_texts,
                   AttemptTextsGet(tx, AttemptText::kSetup, {setups.begin(), setups.end()}));
  for (const auto& [sha256, text] : setup_texts) {
    penstock::v1::AttemptSetup& setup = read.documents.setups[sha256];
    RETURN_IF_ERROR(SetupToApi(sha256, text, &setup));
    setup.clear_command();  // its hash tells whether it differs
  }
  ASSIGN_OR_RETURN(const AttemptTexts place_texts,
                   AttemptTextsGet(tx, AttemptText::kPlace, {places.begin(), places.end()}));
  for (const auto& [sha256, text] : place_texts) {
    RETURN_IF_ERROR(PlaceToApi(sha256, text, &read.documents.places[sha256]));
  }
  return absl::OkStatus();
}

absl::Status ReadAll(db::Tx& tx, const std::vector<std::string>& run_ids, int tasks_max, RunsRead& read) {
  read = {};
  for (const std::string& run_id : run_ids) {
    RunAccount& facts = read.runs.emplace_back();
    ASSIGN_OR_RETURN(facts.run, RunGet(tx, run_id));
    ASSIGN_OR_RETURN(facts.config, RunConfigGet(tx, run_id));
    RETURN_IF_ERROR(ReadNames(tx, facts));
    RETURN_IF_ERROR(ReadParameters(facts));
    RETURN_IF_ERROR(TagsRead(tx, run_id, &facts.tags));
    RETURN_IF_ERROR(ReadTasks(tx, tasks_max, facts));
  }
  RunParameterRows parameters;
  RETURN_IF_ERROR(RunParametersLater(tx, run_ids, &parameters));
  RunMetricRows metrics;
  RETURN_IF_ERROR(RunMetricsLater(tx, run_ids, &metrics));
  TaskDatasetUses datasets;
  RETURN_IF_ERROR(TaskDatasetUsesLater(tx, run_ids, &datasets));
  RETURN_IF_ERROR(tx.Flush());
  for (RunAccount& facts : read.runs) {
    facts.metrics = metrics[facts.run.run_id];
    facts.datasets = std::move(datasets[facts.run.run_id]);
    if (facts.run.driver != RunDriver::kClient) continue;
    // Those that the client has given it since; of the others the first characters are there too, which do not matter.
    for (const auto& [name, value] : parameters[facts.run.run_id]) facts.parameters.emplace(name, value);
  }
  return ReadDocuments(tx, read);
}

}  // namespace

absl::StatusOr<RunsRead> ReadRunAccounts(RequestContext& context, const std::vector<std::string>& run_ids,
                                         int tasks_max) {
  for (const std::string& run_id : run_ids) RETURN_IF_ERROR(TakeMemoryForRun(context, run_id));
  RunsRead read;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) { return ReadAll(tx, run_ids, tasks_max, read); }));
  return read;
}

}  // namespace penstock
