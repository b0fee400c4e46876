#include "server/convert/task_record.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "google/protobuf/util/message_differencer.h"
#include "server/convert/task.h"
#include "server/errors.h"
#include "server/validate.h"
#include "storage/cache_store.h"

namespace penstock {
namespace {

constexpr int64_t kTaskTimeFirst = -62'135'596'800;  // year 1
constexpr int64_t kTaskTimeLast = 253'402'300'799;   // year 9999

using InputOutputs = PipelineTask::InputOutputs;

// Of the years that a timestamp may have.
absl::Status CheckTime(absl::string_view field, const google::protobuf::Timestamp& time) {
  const bool is_time = time.seconds() >= kTaskTimeFirst && time.seconds() <= kTaskTimeLast &&
                       time.nanos() >= 0 && time.nanos() < 1'000'000'000;
  return is_time ? absl::OkStatus() : error::TimeOutOfRange(field);
}

absl::Status CheckParameters(const std::string& field, const InputOutputs& io) {
  if (io.parameters_size() > limits::kTaskParameters) {
    return error::BulkTooMany(io.parameters_size(), limits::kTaskParameters);
  }
  for (const auto& parameter : io.parameters()) {
    const std::string place = absl::StrCat(field, ".parameters");
    RETURN_IF_ERROR(
        CheckName(absl::StrCat(place, ".parameter_key"), parameter.parameter_key(), limits::kSpecNameBytes));
    RETURN_IF_ERROR(CheckEnum(absl::StrCat(place, ".type"), parameter.type()));
    RETURN_IF_ERROR(CheckText(absl::StrCat(place, ".producer"), parameter.producer().task_name(),
                              limits::kSpecNameBytes));
    RETURN_IF_ERROR(JsonFromValue(parameter.value()).status());
  }
  return absl::OkStatus();
}

bool IsSamePlace(const InputOutputs::IOParameter& a, const InputOutputs::IOParameter& b) {
  return a.parameter_key() == b.parameter_key() && a.producer().task_name() == b.producer().task_name() &&
         a.producer().has_iteration() == b.producer().has_iteration() &&
         a.producer().iteration() == b.producer().iteration();
}

void MergeParameters(const InputOutputs& given, InputOutputs* record) {
  for (const auto& parameter : given.parameters()) {
    InputOutputs::IOParameter* place = nullptr;
    for (auto& known : *record->mutable_parameters()) {
      if (IsSamePlace(known, parameter)) place = &known;
    }
    if (place == nullptr) place = record->add_parameters();
    *place = parameter;
  }
}

void AddParameters(const std::string& task_id, Direction direction, const InputOutputs& io,
                   std::vector<TaskParameterRow>* rows) {
  std::map<std::string, Json> values;
  for (const auto& parameter : io.parameters()) {
    const auto json = JsonFromValue(parameter.value());
    if (json.ok()) values[parameter.parameter_key()].push_back(*json);
  }
  for (const auto& [name, list] : values) {
    rows->push_back({task_id, direction, name, DumpJson(list.size() == 1 ? list[0] : list)});
  }
}

}  // namespace

absl::Status CheckTask(const PipelineTask& given) {
  RETURN_IF_ERROR(CheckText("task.name", given.name(), limits::kSpecNameBytes));
  RETURN_IF_ERROR(CheckText("task.display_name", given.display_name(), limits::kDisplayNameBytes));
  RETURN_IF_ERROR(CheckText("task.cache_fingerprint", given.cache_fingerprint(), limits::kSpecNameBytes));
  RETURN_IF_ERROR(CheckText("task.status_metadata.message", given.status_metadata().message(),
                            limits::kTaskErrorBytes, /*multi_line=*/true));
  RETURN_IF_ERROR(CheckEnum("task.state", given.state()));
  RETURN_IF_ERROR(CheckEnum("task.type", given.type()));
  RETURN_IF_ERROR(CheckTime("task.create_time", given.create_time()));
  RETURN_IF_ERROR(CheckTime("task.end_time", given.end_time()));
  if (given.pods_size() > limits::kTaskPods) return error::BulkTooMany(given.pods_size(), limits::kTaskPods);
  for (const auto& pod : given.pods()) {
    RETURN_IF_ERROR(CheckText("task.pods.name", pod.name(), limits::kSpecNameBytes));
    RETURN_IF_ERROR(CheckText("task.pods.uid", pod.uid(), limits::kSpecNameBytes));
    RETURN_IF_ERROR(CheckEnum("task.pods.type", pod.type()));
  }
  RETURN_IF_ERROR(CheckParameters("task.inputs", given.inputs()));
  return CheckParameters("task.outputs", given.outputs());
}

absl::StatusOr<TypedTags> PropertiesFrom(const PipelineTask& given) {
  constexpr absl::string_view kField = "task.status_metadata.custom_properties";
  const auto& properties = given.status_metadata().custom_properties();
  if (properties.size() > limits::kTypedTags) {
    return error::BulkTooMany(properties.size(), limits::kTypedTags);
  }
  TypedTags tags;
  for (const auto& [name, value] : properties) {
    RETURN_IF_ERROR(CheckName(kField, name, limits::kSpecNameBytes));
    ASSIGN_OR_RETURN(TypedTag tag, TagFromApi(kField, value));
    RETURN_IF_ERROR(CheckText(absl::StrCat(kField, ".", name), tag.value, limits::kMetadataBytes, true));
    tags.emplace(name, std::move(tag));
  }
  return tags;
}

std::optional<TaskState> TaskStateFrom(const PipelineTask& given) {
  switch (given.state()) {
    case PipelineTask::RUNNING:
      return TaskState::kRunning;
    case PipelineTask::SUCCEEDED:
    case PipelineTask::CACHED:
      return TaskState::kSucceeded;
    case PipelineTask::SKIPPED:
      return TaskState::kSkipped;
    case PipelineTask::FAILED:
      return TaskState::kFailed;
    default:
      return std::nullopt;
  }
}

absl::Status MergeTask(const PipelineTask& given, PipelineTask* record) {
  for (const auto& pod : given.pods()) {
    PipelineTask::TaskPod* place = nullptr;
    for (auto& known : *record->mutable_pods()) {
      if (known.name() == pod.name()) place = &known;
    }
    if (place == nullptr) place = record->add_pods();
    *place = pod;
  }
  if (record->pods_size() > limits::kTaskPods) {
    return error::BulkTooMany(record->pods_size(), limits::kTaskPods);
  }
  if (!given.cache_fingerprint().empty()) record->set_cache_fingerprint(given.cache_fingerprint());
  if (!given.status_metadata().message().empty()) {
    record->mutable_status_metadata()->set_message(given.status_metadata().message());
  }
  if (given.has_type_attributes()) record->mutable_type_attributes()->MergeFrom(given.type_attributes());
  MergeParameters(given.inputs(), record->mutable_inputs());
  MergeParameters(given.outputs(), record->mutable_outputs());
  const int count = record->inputs().parameters_size() + record->outputs().parameters_size();
  if (count > limits::kTaskParameters) return error::BulkTooMany(count, limits::kTaskParameters);
  const int64_t bytes = record->ByteSizeLong();
  return bytes > limits::kTaskRecordBytes ? error::FieldTooLong("task", bytes, limits::kTaskRecordBytes)
                                          : absl::OkStatus();
}

std::vector<TaskParameterRow> ParametersOf(const std::string& task_id, const PipelineTask& record) {
  std::vector<TaskParameterRow> rows;
  AddParameters(task_id, Direction::kInput, record.inputs(), &rows);
  AddParameters(task_id, Direction::kOutput, record.outputs(), &rows);
  return rows;
}

std::string RecordedDecision(const PipelineTask& record, bool is_cached) {
  if (record.cache_fingerprint().empty() && !is_cached) return "";
  CacheDecision decision;
  decision.result = is_cached ? CacheResult::kHit : CacheResult::kMiss;
  decision.fingerprint = record.cache_fingerprint();
  return CacheDecisionText(decision);
}

std::string ChangedField(const PipelineTask& given, const PipelineTask& current) {
  using google::protobuf::util::MessageDifferencer;
  const google::protobuf::Reflection& reflection = *given.GetReflection();
  std::vector<const google::protobuf::FieldDescriptor*> fields;
  reflection.ListFields(given, &fields);
  for (const auto* field : fields) {
    PipelineTask wanted;
    PipelineTask found;
    wanted.CopyFrom(given);
    found.CopyFrom(current);
    // Only this field is left in both.
    std::vector<const google::protobuf::FieldDescriptor*> set;
    for (PipelineTask* task : {&wanted, &found}) {
      reflection.ListFields(*task, &set);
      for (const auto* other : set) {
        if (other != field) reflection.ClearField(task, other);
      }
      if (field->name() == "status_metadata") task->mutable_status_metadata()->clear_custom_properties();
    }
    if (field->name() == "status_metadata" && wanted.status_metadata().message().empty()) continue;
    if (!MessageDifferencer::Equals(wanted, found)) return field->name();
  }
  return "";
}

}  // namespace penstock
