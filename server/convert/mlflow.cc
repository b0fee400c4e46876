#include "server/convert/mlflow.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/sha256.h"
#include "content/uri.h"
#include "server/mlflow_errors.h"

namespace penstock {
namespace {

constexpr char kActive[] = "active";
constexpr char kDeleted[] = "deleted";
constexpr int64_t kMillisMax = 253'402'300'799'999;  // the end of the year 9999

template <typename List>
void Add(absl::string_view key, absl::string_view value, List* out) {
  mlflow::KeyValue* pair = out->Add();
  pair->set_key(std::string(key));
  pair->set_value(std::string(value));
}

// Those that are stored elsewhere, or that follow from what the run is. Others of the same name come first.
std::map<std::string, std::string> TagsOf(const MlflowRunParts& parts) {
  std::map<std::string, std::string> tags;
  if (parts.tags != nullptr) {
    for (const auto& [name, tag] : *parts.tags) tags[name] = tag.value;
  }
  const RunRow& run = *parts.run;
  const bool is_task = parts.task != nullptr;
  tags[kMlflowRunName] = is_task ? parts.task->display_name : run.display_name;
  const std::string& note = is_task ? parts.task->description : run.description;
  if (!note.empty()) tags[kMlflowNote] = note;
  if (is_task) tags.emplace(kMlflowParentRun, run.run_id);
  if (is_task || run.driver == RunDriver::kEngine) {
    tags.emplace(kMlflowSourceType, "JOB");
    const absl::string_view source = is_task ? absl::string_view(parts.task->name) : parts.pipeline;
    if (!source.empty()) tags.emplace(kMlflowSourceName, source);
  }
  return tags;
}

void InputsToMlflow(const MlflowRunParts& parts, mlflow::Run* out) {
  out->mutable_inputs();
  out->mutable_outputs();
  std::set<int64_t> seen;
  if (parts.datasets != nullptr) {
    for (const DatasetInputRow& row : *parts.datasets) {
      // A run takes what its tasks take.
      if (parts.task != nullptr && row.task_id != parts.task->task_id) continue;
      if (!seen.insert(row.dataset.artifact_id).second) continue;
      mlflow::DatasetInput* input = out->mutable_inputs()->add_dataset_inputs();
      for (const auto& [name, value] : row.tags) Add(name, value, input->mutable_tags());
      mlflow::Dataset* dataset = input->mutable_dataset();
      dataset->set_name(row.dataset.name);
      dataset->set_digest(row.dataset.digest);
      dataset->set_source_type(row.dataset.source_type);
      dataset->set_source(row.dataset.source);
      dataset->set_schema(row.dataset.columns);
      dataset->set_profile(row.dataset.profile);
    }
  }
  if (parts.models == nullptr) return;
  std::set<std::pair<Direction, absl::string_view>> linked;
  for (const ModelLinkRow& row : *parts.models) {
    if (parts.task != nullptr && row.task_id != parts.task->task_id) continue;
    if (!linked.emplace(row.direction, row.model_id).second) continue;
    if (row.direction == Direction::kInput) {
      out->mutable_inputs()->add_model_inputs()->set_model_id(row.model_id);
    } else {
      mlflow::ModelOutput* output = out->mutable_outputs()->add_model_outputs();
      output->set_model_id(row.model_id);
      output->set_step(row.step);
    }
  }
}

mlflow::LoggedModelStatus ModelStatus(absl::string_view status) {
  if (status == "READY") return mlflow::LOGGED_MODEL_READY;
  return status == "PENDING" ? mlflow::LOGGED_MODEL_PENDING : mlflow::LOGGED_MODEL_UPLOAD_FAILED;
}

}  // namespace

int64_t MlflowMillis(absl::Time time) { return absl::ToUnixMillis(time); }

absl::StatusOr<absl::Time> TimeFromMlflow(absl::string_view field, int64_t milliseconds) {
  if (milliseconds < 0 || milliseconds > kMillisMax) return error::MlflowTimeWrong(field, milliseconds);
  return absl::FromUnixMillis(milliseconds);
}

std::string ExperimentIdToMlflow(absl::string_view default_id, absl::string_view experiment_id) {
  return std::string(experiment_id == default_id ? kMlflowDefaultExperiment : experiment_id);
}

std::string ExperimentIdFromMlflow(absl::string_view default_id, absl::string_view experiment_id) {
  return std::string(experiment_id == kMlflowDefaultExperiment ? default_id : experiment_id);
}

std::string TaskRunId(absl::string_view run_id, absl::string_view task_id) {
  return absl::StrCat(run_id, "_", task_id);
}

mlflow::RunStatus StatusToMlflow(RunState state) {
  switch (state) {
    case RunState::kPending:
      return mlflow::SCHEDULED;
    case RunState::kRunning:
    case RunState::kCanceling:
      return mlflow::RUNNING;
    case RunState::kSucceeded:
      return mlflow::FINISHED;
    case RunState::kFailed:
      return mlflow::FAILED;
    case RunState::kCanceled:
      return mlflow::KILLED;
  }
  return mlflow::RUNNING;
}

mlflow::RunStatus StatusToMlflow(TaskState state) {
  switch (state) {
    case TaskState::kPending:
      return mlflow::SCHEDULED;
    case TaskState::kRunning:
    case TaskState::kCanceling:
      return mlflow::RUNNING;
    case TaskState::kSucceeded:
    case TaskState::kSkipped:
      return mlflow::FINISHED;
    case TaskState::kFailed:
      return mlflow::FAILED;
    case TaskState::kCanceled:
      return mlflow::KILLED;
  }
  return mlflow::RUNNING;
}

RunState StateFromMlflow(mlflow::RunStatus status) {
  switch (status) {
    case mlflow::SCHEDULED:
      return RunState::kPending;
    case mlflow::FINISHED:
      return RunState::kSucceeded;
    case mlflow::FAILED:
      return RunState::kFailed;
    case mlflow::KILLED:
      return RunState::kCanceled;
    default:
      return RunState::kRunning;
  }
}

std::string ArtifactLocation(absl::string_view default_id, const ExperimentRow& experiment) {
  if (!experiment.artifact_location.empty()) return experiment.artifact_location;
  return absl::StrCat(kMlflowProxy, ExperimentIdToMlflow(default_id, experiment.experiment_id));
}

std::string RunArtifactUri(absl::string_view default_id, const ExperimentRow& experiment,
                           absl::string_view run_id) {
  return absl::StrCat(absl::StripSuffix(ArtifactLocation(default_id, experiment), "/"), "/", run_id,
                      "/artifacts");
}

std::string ModelArtifactUri(absl::string_view default_id, const ExperimentRow& experiment,
                             absl::string_view model_id) {
  return absl::StrCat(absl::StripSuffix(ArtifactLocation(default_id, experiment), "/"), "/models/", model_id,
                      "/artifacts");
}

std::string DatasetImportKey(const DatasetRow& row) {
  Sha256 hash;
  hash.AddField(row.experiment_id);
  hash.AddField(row.name);
  hash.AddField(row.digest);
  return absl::StrCat("dataset/", hash.HexDigest());
}

void ExperimentToMlflow(absl::string_view default_id, const ExperimentRow& row, const TypedTags& tags,
                        mlflow::Experiment* out) {
  out->set_experiment_id(ExperimentIdToMlflow(default_id, row.experiment_id));
  out->set_name(row.name);
  out->set_artifact_location(ArtifactLocation(default_id, row));
  out->set_lifecycle_stage(row.storage_state == StorageState::kAvailable ? kActive : kDeleted);
  out->set_creation_time(MlflowMillis(row.created_at));
  out->set_last_update_time(MlflowMillis(row.updated_at));
  for (const auto& [name, tag] : tags) Add(name, tag.value, out->mutable_tags());
  if (!row.description.empty() && !tags.contains(kMlflowNote)) {
    Add(kMlflowNote, row.description, out->mutable_tags());
  }
}

void RunInfoToMlflow(absl::string_view default_id, const MlflowRunParts& parts, mlflow::RunInfo* out) {
  const RunRow& run = *parts.run;
  const TaskRow* task = parts.task;
  const std::string id = task == nullptr ? run.run_id : TaskRunId(run.run_id, task->task_id);
  out->set_run_id(id);
  out->set_run_uuid(id);
  out->set_run_name(task == nullptr ? run.display_name : task->display_name);
  out->set_experiment_id(ExperimentIdToMlflow(default_id, run.experiment_id));
  if (parts.tags != nullptr) {
    const auto user = parts.tags->find(kMlflowUser);
    if (user != parts.tags->end()) out->set_user_id(user->second.value);
  }
  out->set_status(task == nullptr ? StatusToMlflow(run.state) : StatusToMlflow(task->state));
  const absl::Time task_start =
      task == nullptr || task->started_at == absl::UnixEpoch() ? absl::UnixEpoch() : task->started_at;
  const absl::Time start = task == nullptr                   ? run.scheduled_at
                           : task_start == absl::UnixEpoch() ? task->created_at
                                                             : task_start;
  out->set_start_time(MlflowMillis(start));
  const absl::Time end = task == nullptr ? run.finished_at : task->finished_at;
  if (end != absl::UnixEpoch()) out->set_end_time(MlflowMillis(end));
  ExperimentRow nowhere;
  nowhere.experiment_id = run.experiment_id;
  out->set_artifact_uri(
      RunArtifactUri(default_id, parts.experiment == nullptr ? nowhere : *parts.experiment, id));
  out->set_lifecycle_stage(run.storage_state == StorageState::kAvailable ? kActive : kDeleted);
}

void RunToMlflow(absl::string_view default_id, const MlflowRunParts& parts, mlflow::Run* out) {
  RunInfoToMlflow(default_id, parts, out->mutable_info());
  mlflow::RunData* data = out->mutable_data();
  if (parts.metrics != nullptr) {
    for (const auto& [key, point] : *parts.metrics) MetricToMlflow(key, point, data->add_metrics());
  }
  if (parts.params != nullptr) {
    for (const auto& [key, value] : *parts.params) Add(key, value, data->mutable_params());
  }
  for (const auto& [key, value] : TagsOf(parts)) Add(key, value, data->mutable_tags());
  InputsToMlflow(parts, out);
}

absl::string_view ModelStatusFromMlflow(mlflow::LoggedModelStatus status) {
  switch (status) {
    case mlflow::LOGGED_MODEL_PENDING:
      return "PENDING";
    case mlflow::LOGGED_MODEL_READY:
      return "READY";
    case mlflow::LOGGED_MODEL_UPLOAD_FAILED:
      return "UPLOAD_FAILED";
    default:
      return "";
  }
}

void LoggedModelToMlflow(absl::string_view default_id, const LoggedModelParts& parts,
                         mlflow::LoggedModel* out) {
  const LoggedModelRow& model = *parts.model;
  mlflow::LoggedModelInfo* info = out->mutable_info();
  info->set_model_id(model.model_id);
  info->set_experiment_id(ExperimentIdToMlflow(default_id, model.experiment_id));
  info->set_name(model.name);
  info->set_creation_timestamp_ms(MlflowMillis(model.created_at));
  info->set_last_updated_timestamp_ms(MlflowMillis(model.updated_at));
  ExperimentRow nowhere;
  nowhere.experiment_id = model.experiment_id;
  info->set_artifact_uri(ModelArtifactUri(
      default_id, parts.experiment == nullptr ? nowhere : *parts.experiment, model.model_id));
  info->set_status(ModelStatus(model.status));
  info->set_model_type(model.model_type);
  info->set_source_run_id(model.source_run_id);
  if (parts.tags != nullptr) {
    for (const auto& [name, tag] : *parts.tags) Add(name, tag.value, info->mutable_tags());
  }
  mlflow::LoggedModelData* data = out->mutable_data();
  if (parts.params != nullptr) {
    for (const auto& [key, value] : *parts.params) Add(key, value, data->mutable_params());
  }
  if (parts.metrics == nullptr) return;
  for (const LoggedModelMetricRow& row : *parts.metrics) {
    mlflow::Metric* metric = data->add_metrics();
    MetricToMlflow(row.name, row.latest, metric);
    metric->set_dataset_name(row.dataset_name);
    metric->set_dataset_digest(row.dataset_digest);
    metric->set_model_id(model.model_id);
    metric->set_run_id(row.run_id);
  }
}

void MetricToMlflow(absl::string_view key, const MetricPoint& point, mlflow::Metric* out) {
  out->set_key(std::string(key));
  out->set_value(point.value);
  out->set_timestamp(MlflowMillis(point.at));
  out->set_step(point.step);
}

}  // namespace penstock
