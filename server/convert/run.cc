#include "server/convert/run.h"

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "server/convert/plugins.h"
#include "server/convert/timestamp.h"

namespace penstock {
namespace {

api::RuntimeState ToApi(RunState state) {
  switch (state) {
    case RunState::kPending:
      return api::PENDING;
    case RunState::kRunning:
      return api::RUNNING;
    case RunState::kSucceeded:
      return api::SUCCEEDED;
    case RunState::kFailed:
    case RunState::kCanceled:
      return api::FAILED;
    case RunState::kCanceling:
      return api::CANCELING;
  }
  return api::RUNTIME_STATE_UNSPECIFIED;
}

api::RuntimeState ToApi(TaskState state) {
  switch (state) {
    case TaskState::kPending:
      return api::PENDING;
    case TaskState::kRunning:
      return api::RUNNING;
    case TaskState::kSucceeded:
      return api::SUCCEEDED;
    case TaskState::kSkipped:
      return api::SKIPPED;
    case TaskState::kFailed:
      return api::FAILED;
    case TaskState::kCanceling:
      return api::CANCELING;
    case TaskState::kCanceled:
      return api::CANCELED;
  }
  return api::RUNTIME_STATE_UNSPECIFIED;
}

void TaskToApi(const TaskRow& row, api::PipelineTaskDetail* out) {
  out->set_run_id(row.run_id);
  out->set_task_id(row.task_id);
  out->set_parent_task_id(row.parent_task_id);
  out->set_display_name(row.display_name);
  out->set_state(ToApi(row.state));
  SetTimestamp(row.created_at, out->mutable_create_time());
  SetTimestamp(row.started_at, out->mutable_start_time());
  SetTimestamp(row.finished_at, out->mutable_end_time());
  if (row.error_code != 0 || !row.error_message.empty()) {
    out->mutable_error()->set_code(row.error_code);
    out->mutable_error()->set_message(row.error_message);
  }
}

}  // namespace

void ToApi(const RunRow& row, api::Run* out) {
  out->set_run_id(row.run_id);
  out->set_experiment_id(row.experiment_id);
  out->set_display_name(row.display_name);
  out->set_description(row.description);
  out->set_storage_state(row.storage_state == StorageState::kArchived ? api::Run::ARCHIVED
                                                                      : api::Run::AVAILABLE);
  out->set_state(ToApi(row.state));
  out->set_service_account(row.service_account);
  out->set_recurring_run_id(row.recurring_run_id);
  if (!row.pipeline_version_id.empty()) {
    out->mutable_pipeline_version_reference()->set_pipeline_id(row.pipeline_id);
    out->mutable_pipeline_version_reference()->set_pipeline_version_id(row.pipeline_version_id);
    *out->mutable_pipeline_reference() = out->pipeline_version_reference();
  }
  SetTimestamp(row.created_at, out->mutable_created_at());
  SetTimestamp(row.scheduled_at, out->mutable_scheduled_at());
  SetTimestamp(row.finished_at, out->mutable_finished_at());
}

absl::StatusOr<api::RuntimeConfig> RuntimeConfigFrom(const std::string& parameters,
                                                     const std::string& pipeline_root) {
  api::RuntimeConfig config;
  config.set_pipeline_root(pipeline_root);
  const auto json = ParseJson(parameters);
  if (!json.ok() || !json->is_object()) return absl::DataLossError("stored parameters cannot be read");
  for (const auto& [name, value] : json->items()) JsonToValue(value, &(*config.mutable_parameters())[name]);
  return config;
}

absl::Status ConfigToApi(const RunConfigRow& row, api::Run* out) {
  ASSIGN_OR_RETURN(api::RuntimeConfig config, RuntimeConfigFrom(row.parameters, row.pipeline_root));
  if (!config.pipeline_root().empty() || !config.parameters().empty()) {
    *out->mutable_runtime_config() = std::move(config);
  }
  return PluginsToApi(row.plugins_input, out->mutable_plugins_input());
}

void ParametersToApi(const std::map<std::string, std::string>& parameters, api::Run* out) {
  for (const auto& [name, value] : parameters) {
    auto& known = *out->mutable_runtime_config()->mutable_parameters();
    // Those that it was made with, as one that was imported, have types.
    if (!known.contains(name)) known[name].set_string_value(value);
  }
}

void StatesToApi(const std::vector<RunStateRow>& states, api::Run* out) {
  for (const RunStateRow& row : states) {
    api::RuntimeStatus* status = out->add_state_history();
    status->set_state(ToApi(row.state));
    SetTimestamp(row.updated_at, status->mutable_update_time());
    if (row.error_code == 0) continue;
    status->mutable_error()->set_code(row.error_code);
    status->mutable_error()->set_message(row.error_message);
  }
  if (!states.empty() && states.back().error_code != 0) {
    *out->mutable_error() = out->state_history(out->state_history_size() - 1).error();
  }
}

void TasksToApi(const RunTasks& rows, api::Run* out) {
  absl::flat_hash_map<std::string, api::PipelineTaskDetail*> by_id;
  for (const TaskRow& row : rows.tasks) {
    api::PipelineTaskDetail* task = out->mutable_run_details()->add_task_details();
    TaskToApi(row, task);
    by_id[row.task_id] = task;
    // A task comes after the one that it is part of.
    const auto parent = by_id.find(row.parent_task_id);
    if (parent != by_id.end()) parent->second->add_child_tasks()->set_task_id(row.task_id);
  }
  for (const TaskStateRow& row : rows.states) {
    api::RuntimeStatus* status = by_id[row.task_id]->add_state_history();
    status->set_state(ToApi(row.state));
    SetTimestamp(row.updated_at, status->mutable_update_time());
  }
  for (const TaskAttemptRow& row : rows.attempts) {
    api::PipelineTaskDetail* task = by_id[row.task_id];
    api::PipelineTaskExecutorDetail* detail = task->mutable_executor_detail();
    if (!detail->main_job().empty()) detail->add_failed_main_jobs(detail->main_job());
    detail->set_main_job(row.attempt_id);
    task->set_pod_name(row.attempt_id);
  }
  for (const ArtifactTaskRow& row : rows.artifacts) {
    if (row.task_id.empty()) continue;  // the root has no entry
    api::PipelineTaskDetail* task = by_id[row.task_id];
    auto& lists = row.direction == Direction::kInput ? *task->mutable_inputs() : *task->mutable_outputs();
    lists[row.name].add_artifact_ids(row.artifact_id);
  }
}

}  // namespace penstock
