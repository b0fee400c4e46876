#include "server/convert/ml_metadata.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/sha256.h"
#include "content/uri.h"

namespace penstock {
namespace {

using ml_metadata::Execution;
using Properties = google::protobuf::Map<std::string, ml_metadata::Value>;

constexpr MetadataType kDag = {3, "system.DAGExecution"};
constexpr MetadataType kContainer = {4, "system.ContainerExecution"};
constexpr MetadataType kImporter = {5, "system.ImporterExecution"};
constexpr MetadataType kWorkspaceImporter = {6, "system.ImporterWorkspaceExecution"};
constexpr MetadataType kExecutionTypes[] = {kDag, kContainer, kImporter, kWorkspaceImporter};

constexpr absl::string_view kPlainArtifact = "system.Artifact";
constexpr absl::string_view kMetrics = "system.Metrics";
constexpr MetadataType kArtifactTypes[] = {{7, kPlainArtifact},
                                           {8, "system.Dataset"},
                                           {9, "system.Model"},
                                           {10, kMetrics},
                                           {11, "system.ClassificationMetrics"},
                                           {12, "system.SlicedClassificationMetrics"},
                                           {13, "system.HTML"},
                                           {14, "system.Markdown"}};
constexpr int64_t kOtherTypes = int64_t{1} << 20;
constexpr size_t kTypeDigits = 12;  // 48 bits

// Kubeflow Pipelines has the name of a workflow here.
constexpr char kResourceName[] = "run-resource";

int64_t Millis(absl::Time time) { return absl::ToUnixMillis(time); }

void SetText(const std::string& name, absl::string_view text, Properties* out) {
  (*out)[name].set_string_value(std::string(text));
}
void SetNumber(const std::string& name, int64_t number, Properties* out) {
  (*out)[name].set_int_value(number);
}

// Kubeflow Pipelines wraps what is no scalar.
void SetMetadata(const std::string& name, const Json& json, Properties* out) {
  if (json.is_null()) return;
  ml_metadata::Value& value = (*out)[name];
  if (json.is_string()) {
    value.set_string_value(json.get<std::string>());
  } else if (json.is_number()) {
    value.set_double_value(json.get<double>());
  } else if (json.is_boolean()) {
    value.set_int_value(json.get<bool>() ? 1 : 0);
  } else {
    auto& fields = *value.mutable_struct_value()->mutable_fields();
    JsonToValue(json, &fields[json.is_array() ? "list" : "struct"]);
  }
}

Execution::State StateOf(const TaskRow& row) {
  switch (row.state) {
    case TaskState::kPending:
      return Execution::NEW;
    case TaskState::kRunning:
    case TaskState::kCanceling:
      return Execution::RUNNING;
    case TaskState::kSucceeded:
      return IsFromCache(row) ? Execution::CACHED : Execution::COMPLETE;
    case TaskState::kFailed:
      return Execution::FAILED;
    case TaskState::kSkipped:
    case TaskState::kCanceled:
      return Execution::CANCELED;
  }
  return Execution::UNKNOWN;
}

Execution::State StateOf(RunState state) {
  switch (state) {
    case RunState::kPending:
      return Execution::NEW;
    case RunState::kRunning:
    case RunState::kCanceling:
      return Execution::RUNNING;
    case RunState::kSucceeded:
      return Execution::COMPLETE;
    case RunState::kFailed:
      return Execution::FAILED;
    case RunState::kCanceled:
      return Execution::CANCELED;
  }
  return Execution::UNKNOWN;
}

MetadataType TypeOfRecord(const api::PipelineTask& record) {
  if (record.type() == api::PipelineTask::RUNTIME) return kContainer;
  return record.type() == api::PipelineTask::IMPORTER ? kImporter : kDag;
}

MetadataType TypeOf(const std::optional<TaskPlace>& place) {
  if (!place.has_value() || place->kind == TaskKind::kContainer) return kContainer;
  if (place->kind != TaskKind::kImporter) return kDag;
  return place->executor->importer().download_to_workspace() ? kWorkspaceImporter : kImporter;
}

void SetType(MetadataType type, Execution* out) {
  out->set_type_id(type.id);
  out->set_type(std::string(type.name));
}

// The struct of all parameters of one direction; KFP writes that of the inputs in any case.
void SetParameters(const std::vector<TaskParameterRow>& rows, Direction direction, const char* name,
                   Properties* out) {
  auto& fields = *(*out)[name].mutable_struct_value()->mutable_fields();
  for (const TaskParameterRow& row : rows) {
    if (row.direction != direction) continue;
    const auto json = ParseJson(row.value);
    if (json.ok()) JsonToValue(*json, &fields[row.name]);
  }
}

void RootToApi(const RunSource& run, Execution* out) {
  out->set_id(run.row.number);
  SetType(kDag, out);
  out->set_name(absl::StrCat("run/", run.row.run_id));
  out->set_last_known_state(StateOf(run.row.state));
  const bool ended = run.row.finished_at != absl::UnixEpoch();
  out->set_create_time_since_epoch(Millis(run.row.created_at));
  out->set_last_update_time_since_epoch(Millis(ended ? run.row.finished_at : run.row.created_at));
  Properties* properties = out->mutable_custom_properties();
  SetText("task_name", "", properties);  // by this the UI finds the root
  SetText("display_name", "", properties);
  SetText("run_id", run.row.run_id, properties);
  auto& inputs = *(*properties)["inputs"].mutable_struct_value()->mutable_fields();
  for (const auto& [name, parameter] : run.document->spec.root().input_definitions().parameters()) {
    if (parameter.has_default_value()) inputs[name] = parameter.default_value();
  }
  const auto given = ParseJson(run.config.parameters);
  if (!given.ok() || !given->is_object()) return;
  for (const auto& [name, value] : given->items()) {
    if (!value.is_null()) JsonToValue(value, &inputs[name]);
  }
}

// What only a task that has no parts has.
void SetContainer(const TaskSource& source, const TaskRow& row, const std::optional<TaskPlace>& place,
                  Properties* out) {
  const auto& attempts = RowsOf(source.attempts, row.task_id);
  // Never empty, since the UI cannot show a task without it; logs are found by either.
  const std::string& pod = attempts.empty() ? row.task_id : attempts.back().attempt_id;
  SetText("pod_name", pod, out);
  SetText("pod_uid", pod, out);
  SetText("namespace", source.runs.at(row.run_id).row.namespace_, out);
  if (place.has_value() && place->kind == TaskKind::kContainer) {
    SetText("image", place->executor->container().image(), out);
  }
  const auto decision = CacheDecisionOf(row);
  if (!decision.has_value()) return;
  if (!decision->fingerprint.empty()) SetText("cache_fingerprint", decision->fingerprint, out);
  if (!IsFromCache(row)) return;
  const auto number = source.numbers.find({decision->run_id, decision->task_id});
  // The task may have been deleted since; that it was cached is what the UI wants to know.
  SetText("cached_execution_id", absl::StrCat(number == source.numbers.end() ? 0 : number->second), out);
}

int64_t ParentNumber(const TaskSource& source, const TaskRow& row) {
  const auto parent = source.tasks.find(row.parent_task_id);
  return parent == source.tasks.end() ? source.runs.at(row.run_id).row.number : parent->second.number;
}

absl::Time LatestTime(const TaskRow& row) {
  return std::max({row.created_at, row.started_at, row.finished_at});
}

}  // namespace

absl::Span<const MetadataType> ExecutionTypes() { return kExecutionTypes; }

absl::Span<const MetadataType> ArtifactTypes() { return kArtifactTypes; }

int64_t ArtifactTypeId(absl::string_view schema_title) {
  if (schema_title.empty()) schema_title = kPlainArtifact;
  for (const MetadataType& type : kArtifactTypes) {
    if (type.name == schema_title) return type.id;
  }
  uint64_t number = 0;
  (void)absl::SimpleHexAtoi(Sha256Hex(schema_title).substr(0, kTypeDigits), &number);
  return kOtherTypes + static_cast<int64_t>(number);
}

void ContextToApi(const RunSource& run, ml_metadata::Context* out) {
  out->set_id(run.row.number);
  out->set_type_id(kRunContext.id);
  out->set_type(std::string(kRunContext.name));
  out->set_name(run.row.run_id);
  out->set_create_time_since_epoch(Millis(run.row.created_at));
  out->set_last_update_time_since_epoch(Millis(std::max(run.row.created_at, run.row.finished_at)));
  Properties* properties = out->mutable_custom_properties();
  SetText("namespace", run.row.namespace_, properties);
  SetText("resource_name", kResourceName, properties);
  SetText("pipeline_root", run.config.pipeline_root.empty() ? kArtifactsUri : run.config.pipeline_root,
          properties);
}

void ArtifactToApi(const ArtifactRow& row, const PublicUris& uris, ml_metadata::Artifact* out) {
  const absl::string_view title = row.schema_title.empty() ? kPlainArtifact : row.schema_title;
  out->set_id(row.artifact_id);
  out->set_type_id(ArtifactTypeId(title));
  out->set_type(std::string(title));
  out->set_uri(uris.Of(row.uri));
  out->set_state(ml_metadata::Artifact::LIVE);
  out->set_create_time_since_epoch(Millis(row.created_at));
  out->set_last_update_time_since_epoch(Millis(row.created_at));
  out->set_external_id(row.uuid);
  Properties* properties = out->mutable_custom_properties();
  const auto metadata = ParseJson(row.metadata);
  if (metadata.ok() && metadata->is_object()) {
    for (const auto& [name, value] : metadata->items()) SetMetadata(name, value, properties);
  }
  // The UI hides what has none.
  const auto shown = properties->find("display_name");
  if (shown == properties->end() || shown->second.string_value().empty()) {
    SetText("display_name", row.name.empty() ? absl::StrCat("artifact-", row.artifact_id) : row.name,
            properties);
  }
  // Of Metrics the UI shows all that there is as a metric.
  if (!row.run_id.empty() && title != kMetrics) SetText("run_id", row.run_id, properties);
}

void EventToApi(const NumberedLink& link, ml_metadata::Event* out) {
  out->set_artifact_id(link.artifact_id);
  out->set_execution_id(link.number);
  out->set_type(link.direction == Direction::kInput ? ml_metadata::Event::INPUT : ml_metadata::Event::OUTPUT);
  out->mutable_path()->add_steps()->set_key(link.name);
  out->set_milliseconds_since_epoch(Millis(link.at));
}

void ExecutionToApi(const TaskSource& source, TaskPlaces& places, const TaskKey& key, Execution* out) {
  if (key.task_id.empty()) return RootToApi(source.runs.at(key.run_id), out);
  const TaskRow& row = source.tasks.at(key.task_id);
  const std::optional<TaskPlace> place = places.Find(row);
  const auto record = source.records.find(row.task_id);
  const MetadataType type = record == source.records.end() ? TypeOf(place) : TypeOfRecord(record->second);
  out->set_id(row.number);
  SetType(type, out);
  out->set_name(row.task_id);
  out->set_last_known_state(StateOf(row));
  out->set_create_time_since_epoch(Millis(row.created_at));
  out->set_last_update_time_since_epoch(Millis(LatestTime(row)));
  Properties* properties = out->mutable_custom_properties();
  SetText("task_name", row.name, properties);
  SetText("display_name", row.display_name.empty() ? row.name : row.display_name, properties);
  SetText("run_id", row.run_id, properties);  // by which the UI groups them
  SetNumber("parent_dag_id", ParentNumber(source, row), properties);
  const auto& parameters = RowsOf(source.parameters, row.task_id);
  SetParameters(parameters, Direction::kInput, "inputs", properties);
  const bool has_outputs = std::any_of(
      parameters.begin(), parameters.end(),
      [](const TaskParameterRow& parameter) { return parameter.direction == Direction::kOutput; });
  if (has_outputs) SetParameters(parameters, Direction::kOutput, "outputs", properties);
  if (row.iteration >= 0) SetNumber("iteration_index", row.iteration, properties);
  const bool is_loop = row.iteration < 0 && place.has_value() && place->kind == TaskKind::kLoop;
  const auto iterations = source.iterations.find(row.task_id);
  // A loop that has not begun opens no layer: the UI would look for its iterations.
  if (is_loop && row.state != TaskState::kPending) {
    SetNumber("iteration_count", iterations == source.iterations.end() ? 0 : iterations->second, properties);
  }
  if (type.id != kDag.id) SetContainer(source, row, place, properties);
}

}  // namespace penstock
