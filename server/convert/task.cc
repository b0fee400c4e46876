#include "server/convert/task.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/task_io.h"
#include "server/convert/artifact.h"
#include "server/convert/plugins.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"

namespace penstock {
namespace {

PipelineTask::TaskState StateOfTask(TaskState state) {
  switch (state) {
    case TaskState::kPending:
      return PipelineTask::RUNTIME_STATE_UNSPECIFIED;
    case TaskState::kRunning:
    case TaskState::kCanceling:
      return PipelineTask::RUNNING;
    case TaskState::kSucceeded:
      return PipelineTask::SUCCEEDED;
    case TaskState::kSkipped:
      return PipelineTask::SKIPPED;
    case TaskState::kFailed:
    case TaskState::kCanceled:
      return PipelineTask::FAILED;
  }
  return PipelineTask::RUNTIME_STATE_UNSPECIFIED;
}

void SetError(int code, const std::string& message, google::rpc::Status* out) {
  out->set_code(code);
  out->set_message(Shorten(message, limits::kTaskErrorBytes));
}

// What waits has no state on the wire, and so no history.
void AddState(PipelineTask::TaskState state, absl::Time at, PipelineTask* out) {
  if (state == PipelineTask::RUNTIME_STATE_UNSPECIFIED) return;
  PipelineTask::TaskStatus* status = out->add_state_history();
  status->set_state(state);
  SetTimestamp(at, status->mutable_update_time());
}

void SetProperties(const TaskSource& source, const std::string& owner, PipelineTask* out) {
  const auto tags = source.tags.find(owner);
  if (tags == source.tags.end()) return;
  for (const auto& [name, tag] : tags->second) {
    TagToApi(tag, &(*out->mutable_status_metadata()->mutable_custom_properties())[name]);
  }
}

void SetChildren(const TaskSource& source, const std::string& id, PipelineTask* out) {
  const auto children = source.children.find(id);
  if (children == source.children.end()) return;
  for (const auto& [task_id, name] : children->second) {
    PipelineTask::ChildTask* child = out->add_child_tasks();
    child->set_task_id(task_id);
    child->set_name(name);
  }
}

// The task that `row` is part of on the wire, which is no iteration; nullptr if that is the root.
const TaskRow* ParentOf(const TaskSource& source, const TaskRow& row) {
  auto parent = source.tasks.find(row.parent_task_id);
  if (parent != source.tasks.end() && parent->second.iteration >= 0) {
    parent = source.tasks.find(parent->second.parent_task_id);
  }
  return parent == source.tasks.end() ? nullptr : &parent->second;
}

// The number of the iteration that a task is directly part of.
std::optional<int> IterationOf(const TaskSource& source, const TaskRow& row) {
  const auto parent = source.tasks.find(row.parent_task_id);
  if (parent == source.tasks.end() || parent->second.iteration < 0) return std::nullopt;
  return parent->second.iteration;
}

std::string ScopePath(const TaskSource& source, const TaskRow& row) {
  std::vector<std::string> names;
  for (const TaskRow* at = &row; at != nullptr; at = ParentOf(source, *at)) names.push_back(at->name);
  names.push_back(kRootName);
  std::reverse(names.begin(), names.end());
  return absl::StrJoin(names, ".");
}

// Where an input or output of a task comes from.
struct Origin {
  api::IOType type = api::UNSPECIFIED;
  std::string producer;
  std::optional<int64_t> iteration;
};

template <typename Io>
void SetOrigin(const Origin& origin, Io* out) {
  out->set_type(origin.type);
  if (origin.producer.empty()) return;
  out->mutable_producer()->set_task_name(origin.producer);
  if (origin.iteration.has_value()) out->mutable_producer()->set_iteration(*origin.iteration);
}

Origin OriginOf(const TaskSource& source, const TaskRow& row, const std::optional<TaskPlace>& place,
                const TaskParameterRow& parameter) {
  Origin origin;
  if (parameter.direction == Direction::kOutput) {
    origin.type = api::OUTPUT;
    if (place.has_value()) {
      origin.type = IoTypeFrom(std::string(OutputIoType(*place->task, *place->component, parameter.name)));
    }
    origin.producer = row.name;
    origin.iteration = IterationOf(source, row);
    return origin;
  }
  origin.type = api::RUNTIME_VALUE_INPUT;
  if (!place.has_value()) return origin;
  TaskInputSource input = ParameterSource(*place->graph, *place->task, parameter.name);
  origin.type = IoTypeFrom(std::string(input.io_type));
  origin.producer = std::move(input.producer_task);
  if (origin.type != api::COMPONENT_INPUT && origin.type != api::ITERATOR_INPUT) return origin;
  const TaskRow* parent = ParentOf(source, row);
  origin.producer = parent == nullptr ? kRootName : parent->name;
  origin.iteration = IterationOf(source, row);
  return origin;
}

PipelineTask::InputOutputs* Side(Direction direction, PipelineTask* out) {
  return direction == Direction::kInput ? out->mutable_inputs() : out->mutable_outputs();
}

void SetParameters(const TaskSource& source, const TaskRow& row, const std::optional<TaskPlace>& place,
                   PipelineTask* out) {
  for (const TaskParameterRow& parameter : RowsOf(source.parameters, row.task_id)) {
    const auto value = ParseJson(parameter.value);
    if (!value.ok()) continue;
    auto* io = Side(parameter.direction, out)->add_parameters();
    JsonToValue(*value, io->mutable_value());
    io->set_parameter_key(parameter.name);
    SetOrigin(OriginOf(source, row, place, parameter), io);
  }
}

// `id` is that of the task, or of the run for its root.
void SetArtifacts(const TaskSource& source, const PublicUris& uris, const std::string& id,
                  PipelineTask* out) {
  std::map<std::pair<Direction, std::string>, PipelineTask::InputOutputs::IOArtifact*> by_name;
  for (const ArtifactTaskRow& link : RowsOf(source.links, id)) {
    const auto artifact = source.artifacts.find(link.artifact_id);
    if (artifact == source.artifacts.end()) continue;
    auto*& io = by_name[{link.direction, link.name}];
    if (io == nullptr) {
      io = Side(link.direction, out)->add_artifacts();
      io->set_artifact_key(link.name);
      SetOrigin({IoTypeFrom(link.io_type), link.producer_task, link.producer_iteration}, io);
    }
    ArtifactToApi(artifact->second, uris, [io] { return io->add_artifacts(); });
  }
}

// What a client has recorded and no table but that of records has.
void SetRecorded(const TaskSource& source, const TaskRow& row, PipelineTask* out) {
  const auto record = source.records.find(row.task_id);
  if (record == source.records.end()) return;
  const PipelineTask& recorded = record->second;
  *out->mutable_pods() = recorded.pods();
  out->set_type(recorded.type());
  if (recorded.has_type_attributes()) *out->mutable_type_attributes() = recorded.type_attributes();
  *out->mutable_inputs()->mutable_parameters() = recorded.inputs().parameters();
  *out->mutable_outputs()->mutable_parameters() = recorded.outputs().parameters();
}

// Logs are found by the name of a pod, and where none was ever started, the reason for that: by the id of the task.
void SetPods(const TaskSource& source, const TaskRow& row, const std::optional<TaskPlace>& place,
             PipelineTask* out) {
  const auto add = [out](const std::string& name) {
    PipelineTask::TaskPod* pod = out->add_pods();
    pod->set_name(name);
    pod->set_uid(name);
    pod->set_type(PipelineTask::EXECUTOR);
  };
  for (const TaskAttemptRow& attempt : RowsOf(source.attempts, row.task_id)) add(attempt.attempt_id);
  const bool may_run =
      place.has_value() && (place->kind == TaskKind::kContainer || place->kind == TaskKind::kImporter);
  if (may_run && out->pods().empty()) add(row.task_id);
}

void RootToApi(const TaskSource& source, const PublicUris& uris, const std::string& run_id,
               PipelineTask* out) {
  const RunSource& run = source.runs.at(run_id);
  out->set_name(kRootName);
  out->set_display_name(run.row.display_name);
  out->set_task_id(run_id);
  out->set_run_id(run_id);
  out->set_type(PipelineTask::ROOT);
  out->set_scope_path(kRootName);
  out->set_state(RunStateToApi(run.row.state));
  SetTimestamp(run.row.created_at, out->mutable_create_time());
  if (IsFinal(run.row.state)) SetTimestamp(run.row.finished_at, out->mutable_end_time());
  for (const RunStateRow& state : run.states) {
    AddState(RunStateToApi(state.state), state.updated_at, out);
    if (state.error_code == 0 || out->state_history_size() == 0) continue;
    SetError(state.error_code, state.error_message,
             out->mutable_state_history(out->state_history_size() - 1)->mutable_error());
  }
  if (!run.states.empty() && run.states.back().error_code != 0) {
    out->mutable_status_metadata()->set_message(
        Shorten(run.states.back().error_message, limits::kTaskErrorBytes));
  }
  const auto given = ParseJson(run.config.parameters);
  const auto add = [&](const std::string& name, api::IOType type) {
    auto* io = out->mutable_inputs()->add_parameters();
    io->set_parameter_key(name);
    io->set_type(type);
    return io->mutable_value();
  };
  const auto is_given = [&](const std::string& name) {
    return given.ok() && given->is_object() && given->contains(name) && !given->at(name).is_null();
  };
  for (const auto& [name, parameter] : run.document->spec.root().input_definitions().parameters()) {
    if (is_given(name)) {
      JsonToValue(given->at(name), add(name, api::RUNTIME_VALUE_INPUT));
    } else if (parameter.has_default_value()) {
      *add(name, api::COMPONENT_DEFAULT_INPUT) = parameter.default_value();
    }
  }
  SetArtifacts(source, uris, run_id, out);
  SetProperties(source, run_id, out);
  SetChildren(source, run_id, out);
}

}  // namespace

PipelineTask::TaskState TaskStateToApi(const TaskRow& row) {
  return IsFromCache(row) ? PipelineTask::CACHED : StateOfTask(row.state);
}

PipelineTask::TaskState RunStateToApi(RunState state) {
  switch (state) {
    case RunState::kPending:
      return PipelineTask::RUNTIME_STATE_UNSPECIFIED;
    case RunState::kRunning:
    case RunState::kCanceling:
      return PipelineTask::RUNNING;
    case RunState::kSucceeded:
      return PipelineTask::SUCCEEDED;
    case RunState::kFailed:
    case RunState::kCanceled:
      return PipelineTask::FAILED;
  }
  return PipelineTask::RUNTIME_STATE_UNSPECIFIED;
}

PipelineTask::TaskType TaskTypeToApi(TaskKind kind) {
  switch (kind) {
    case TaskKind::kRoot:
      return PipelineTask::ROOT;
    case TaskKind::kContainer:
      return PipelineTask::RUNTIME;
    case TaskKind::kImporter:
      return PipelineTask::IMPORTER;
    case TaskKind::kLoop:
      return PipelineTask::LOOP;
    case TaskKind::kConditionBranches:
      return PipelineTask::CONDITION_BRANCH;
    case TaskKind::kCondition:
      return PipelineTask::CONDITION;
    case TaskKind::kExitHandler:
      return PipelineTask::EXIT_HANDLER;
    case TaskKind::kGraph:
      return PipelineTask::DAG;
  }
  return PipelineTask::TASK_TYPE_UNSPECIFIED;
}

void SetTaskType(const TaskSource& source, TaskPlaces& places, const TaskRow& row, PipelineTask* out) {
  const std::optional<TaskPlace> place = places.Find(row);
  out->set_type(place.has_value() ? TaskTypeToApi(place->kind) : PipelineTask::RUNTIME);
  const auto record = source.records.find(row.task_id);
  if (record != source.records.end()) out->set_type(record->second.type());
  if (const auto iteration = IterationOf(source, row)) {
    out->mutable_type_attributes()->set_iteration_index(*iteration);
  }
  if (!place.has_value()) return;
  if (place->kind == TaskKind::kLoop && row.state != TaskState::kPending) {
    const auto count = source.iterations.find(row.task_id);
    out->mutable_type_attributes()->set_iteration_count(count == source.iterations.end() ? 0 : count->second);
  }
  if (place->kind == TaskKind::kImporter) {
    out->mutable_type_attributes()->set_download_to_workspace(
        place->executor->importer().download_to_workspace());
  }
}

void TaskToApi(const TaskSource& source, TaskPlaces& places, const PublicUris& uris, const TaskKey& key,
               PipelineTask* out) {
  if (key.task_id.empty()) return RootToApi(source, uris, key.run_id, out);
  const TaskRow& row = source.tasks.at(key.task_id);
  const std::optional<TaskPlace> place = places.Find(row);
  out->set_name(row.name);
  out->set_display_name(row.display_name);
  out->set_task_id(row.task_id);
  out->set_run_id(row.run_id);
  const TaskRow* parent = ParentOf(source, row);
  out->set_parent_task_id(parent == nullptr ? row.run_id : parent->task_id);
  out->set_scope_path(ScopePath(source, row));
  out->set_state(TaskStateToApi(row));
  SetTimestamp(row.created_at, out->mutable_create_time());
  if (IsFinal(row.state)) SetTimestamp(row.finished_at, out->mutable_end_time());
  for (const TaskStateRow& state : RowsOf(source.states, row.task_id)) {
    AddState(StateOfTask(state.state), state.updated_at, out);
  }
  if (row.error_code != 0 || !row.error_message.empty()) {
    out->mutable_status_metadata()->set_message(Shorten(row.error_message, limits::kTaskErrorBytes));
    if (out->state_history_size() > 0) {
      SetError(row.error_code, row.error_message,
               out->mutable_state_history(out->state_history_size() - 1)->mutable_error());
    }
  }
  SetProperties(source, TaskTagOwner(row.run_id, row.task_id), out);
  SetTaskType(source, places, row, out);
  SetPods(source, row, place, out);
  if (const auto decision = CacheDecisionOf(row)) out->set_cache_fingerprint(decision->fingerprint);
  if (row.recorded) {
    SetRecorded(source, row, out);
  } else {
    SetParameters(source, row, place, out);
  }
  SetArtifacts(source, uris, row.task_id, out);
  SetChildren(source, row.task_id, out);
}

void TagToApi(const TypedTag& tag, google::protobuf::Value* out) {
  if (tag.type == TagType::kString) return out->set_string_value(tag.value);
  const auto json = ParseJson(tag.value);
  if (json.ok()) return JsonToValue(*json, out);
  out->set_string_value(tag.value);
}

absl::StatusOr<TypedTag> TagFromApi(absl::string_view field, const google::protobuf::Value& value) {
  if (value.has_string_value()) return TypedTag{TagType::kString, value.string_value()};
  ASSIGN_OR_RETURN(const Json json, JsonFromValue(value));
  if (NestsDeeperThan(json, limits::kMetadataDepth)) {
    return error::MetadataTooDeep(field, limits::kMetadataDepth);
  }
  const TagType type = json.is_number()    ? TagType::kNumber
                       : json.is_boolean() ? TagType::kBoolean
                                           : TagType::kJson;
  return TypedTag{type, DumpJson(json)};
}

}  // namespace penstock
