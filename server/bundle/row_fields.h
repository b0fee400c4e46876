// Rows as JSON objects and back: one list of fields for both directions. Only for bundle_rows.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/json.h"
#include "common/ordered_double.h"
#include "common/state.h"
#include "storage/model.h"
#include "storage/tag_store.h"

namespace penstock::bundle {

// --- Values. Decode returns whether the value has the type ---
inline Json Encode(const std::string& value) { return value; }
inline Json Encode(bool value) { return value; }
inline Json Encode(int value) { return value; }
inline Json Encode(int64_t value) { return value; }
inline Json Encode(absl::Time value) { return absl::ToUnixMicros(value); }
inline Json Encode(absl::Duration value) { return absl::ToInt64Microseconds(value); }
inline Json Encode(RunState value) { return std::string(Name(value)); }
inline Json Encode(TaskState value) { return std::string(Name(value)); }
inline Json Encode(Direction value) { return value == Direction::kInput ? "INPUT" : "OUTPUT"; }
inline Json Encode(LinkRole value) {
  if (value == LinkRole::kOwn) return "OWN";
  return value == LinkRole::kScope ? "SCOPE" : "CACHE";
}
inline Json Encode(TagType value) { return std::string(Name(value)); }
// In the order-preserving form, which has NaN and infinities.
inline Json Encode(double value) { return OrderOfDouble(value); }
template <typename T>
Json Encode(const std::optional<T>& value) {
  return value.has_value() ? Encode(*value) : Json();
}

inline bool Decode(const Json& json, std::string* value) {
  if (!json.is_string()) return false;
  *value = json.get<std::string>();
  return value->find('\0') == std::string::npos;  // no database takes one
}
inline bool Decode(const Json& json, bool* value) {
  if (!json.is_boolean()) return false;
  *value = json.get<bool>();
  return true;
}
inline bool Decode(const Json& json, int64_t* value) {
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<uint64_t>() > INT64_MAX)) {
    return false;
  }
  *value = json.get<int64_t>();
  return true;
}
inline bool Decode(const Json& json, int* value) {
  int64_t wide = 0;
  if (!Decode(json, &wide) || wide < INT32_MIN || wide > INT32_MAX) return false;
  *value = static_cast<int>(wide);
  return true;
}
inline bool Decode(const Json& json, absl::Time* value) {
  int64_t micros = 0;
  if (!Decode(json, &micros)) return false;
  *value = absl::FromUnixMicros(micros);
  return true;
}
inline bool Decode(const Json& json, absl::Duration* value) {
  int64_t micros = 0;
  if (!Decode(json, &micros) || micros < 0) return false;
  *value = absl::Microseconds(micros);
  return true;
}
inline bool Decode(const Json& json, double* value) {
  int64_t order = 0;
  if (!Decode(json, &order)) return false;
  *value = DoubleOfOrder(order);
  return true;
}
inline bool Decode(const Json& json, RunState* value) {
  const auto state = json.is_string() ? RunStateFromName(json.get_ref<const std::string&>()) : std::nullopt;
  if (state.has_value()) *value = *state;
  return state.has_value();
}
inline bool Decode(const Json& json, TaskState* value) {
  const auto state = json.is_string() ? TaskStateFromName(json.get_ref<const std::string&>()) : std::nullopt;
  if (state.has_value()) *value = *state;
  return state.has_value();
}
inline bool Decode(const Json& json, Direction* value) {
  *value = json == "INPUT" ? Direction::kInput : Direction::kOutput;
  return json == "INPUT" || json == "OUTPUT";
}
inline bool Decode(const Json& json, LinkRole* value) {
  *value = json == "OWN" ? LinkRole::kOwn : json == "SCOPE" ? LinkRole::kScope : LinkRole::kCache;
  return json == "OWN" || json == "SCOPE" || json == "CACHE";
}
inline bool Decode(const Json& json, TagType* value) {
  const auto type = json.is_string() ? TagTypeFromName(json.get_ref<const std::string&>()) : std::nullopt;
  if (type.has_value()) *value = *type;
  return type.has_value();
}
template <typename T>
bool Decode(const Json& json, std::optional<T>* value) {
  value->reset();
  return json.is_null() || Decode(json, &value->emplace());
}

// --- Rows ---
class Writer {
 public:
  template <typename T>
  void operator()(const char* key, const T& value) {
    json_[key] = Encode(value);
  }
  Json Take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

// Each field has to be there, and no other.
class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {
    if (!json.is_object()) problem_ = "it is no object";
  }

  template <typename T>
  void operator()(const char* key, T& value) {
    ++fields_;
    if (!problem_.empty()) return;
    const auto found = json_.find(key);
    if (found == json_.end()) {
      problem_ = absl::StrCat("it has no ", key);
    } else if (!Decode(*found, &value)) {
      problem_ = absl::StrCat(key, " has a value that it cannot have");
    }
  }
  // A sentence without its end; empty if all is well.
  std::string Problem() const {
    if (problem_.empty() && json_.size() != fields_) return "it has fields that such a row does not have";
    return problem_;
  }

 private:
  const Json& json_;
  size_t fields_ = 0;
  std::string problem_;
};

template <typename V, typename R>
void RunFields(V& v, R& r) {
  v("run_id", r.run_id);
  v("display_name", r.display_name);
  v("description", r.description);
  v("state", r.state);
  v("service_account", r.service_account);
  v("created_at_us", r.created_at);
  v("scheduled_at_us", r.scheduled_at);
  v("finished_at_us", r.finished_at);
}
template <typename V, typename R>
void ConfigFields(V& v, R& r) {
  v("spec_sha256", r.spec_sha256);
  v("parameters", r.parameters);
  v("pipeline_root", r.pipeline_root);
  v("plugins_input", r.plugins_input);
  v("cache_enabled", r.cache_enabled);
  v("cache_max_age_us", r.cache_max_age);
}
template <typename V, typename R>
void StateFields(V& v, R& r) {
  v("state", r.state);
  v("updated_at_us", r.updated_at);
  v("error_code", r.error_code);
  v("error_message", r.error_message);
}
template <typename V, typename R>
void TaskFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("parent_task_id", r.parent_task_id);
  v("name", r.name);
  v("display_name", r.display_name);
  v("state", r.state);
  v("error_code", r.error_code);
  v("error_message", r.error_message);
  v("created_at_us", r.created_at);
  v("started_at_us", r.started_at);
  v("finished_at_us", r.finished_at);
  v("iteration", r.iteration);
  v("attempts_before", r.attempts_before);
  v("cache_decision", r.cache_decision);
  v("description", r.description);
}
template <typename V, typename R>
void TaskStateFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("state", r.state);
  v("updated_at_us", r.updated_at);
}
template <typename V, typename R>
void AttemptFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("number", r.number);
  v("attempt_id", r.attempt_id);
  v("outcome", r.outcome);
  v("exit_code", r.exit_code);
  v("signal", r.signal);
  v("message", r.message);
  v("log_tail", r.log_tail);
  v("holder", r.holder);
  v("cpu_time_us", r.cpu_time);
  v("max_rss_bytes", r.max_rss_bytes);
  v("created_at_us", r.created_at);
  v("started_at_us", r.started_at);
  v("finished_at_us", r.finished_at);
  v("environment", r.environment);
  v("packages", r.packages);
  v("setup_sha256", r.setup_sha256);
  v("place_sha256", r.place_sha256);
}
template <typename V, typename R>
void ParameterFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("direction", r.direction);
  v("name", r.name);
  v("value", r.value);
}
template <typename V, typename R>
void ArtifactFields(V& v, R& r) {
  v("artifact_id", r.artifact_id);
  v("uuid", r.uuid);
  v("name", r.name);
  v("description", r.description);
  v("schema_title", r.schema_title);
  v("schema_version", r.schema_version);
  v("uri", r.uri);
  v("metadata", r.metadata);
  v("size_bytes", r.size_bytes);
  v("content_sha256", r.content_sha256);
  v("import_key", r.import_key);
  v("created_at_us", r.created_at);
}
template <typename V, typename R>
void LinkFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("direction", r.direction);
  v("name", r.name);
  v("position", r.position);
  v("artifact_id", r.artifact_id);
  v("io_type", r.io_type);
  v("producer_task", r.producer_task);
  v("producer_iteration", r.producer_iteration);
  v("role", r.role);
}
template <typename V, typename R>
void MetricFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("name", r.name);
  v("step", r.point.step);
  v("at_us", r.point.at);
  v("value_order", r.point.value);
}
template <typename V, typename R>
void ContentFields(V& v, R& r) {
  v("artifact_id", r.artifact_id);
  v("path", r.path);
  v("member", r.member);
}
template <typename V, typename R>
void LogFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("number", r.number);
  v("member", r.member);
}

template <typename V, typename R>
void TagFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("artifact_id", r.artifact_id);
  v("model_id", r.model_id);
  v("name", r.name);
  v("type", r.tag.type);
  v("value", r.tag.value);
}
template <typename V, typename R>
void DatasetFields(V& v, R& r) {
  v("artifact_id", r.artifact_id);
  v("name", r.name);
  v("digest", r.digest);
  v("source_type", r.source_type);
  v("source", r.source);
  v("columns", r.columns);
  v("profile", r.profile);
}
template <typename V, typename R>
void InputTagFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("artifact_id", r.artifact_id);
  v("name", r.name);
  v("value", r.value);
}
template <typename V, typename R>
void LoggedParameterFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("name", r.name);
  v("value", r.value);
}
template <typename V, typename R>
void ModelFields(V& v, R& r) {
  v("model_id", r.model_id);
  v("name", r.name);
  v("model_type", r.model_type);
  v("source_run_id", r.source_run_id);
  v("status", r.status);
  v("artifact_id", r.artifact_id);
  v("created_at_us", r.created_at);
  v("updated_at_us", r.updated_at);
}
template <typename V, typename R>
void ModelParameterFields(V& v, R& r) {
  v("model_id", r.model_id);
  v("name", r.name);
  v("value", r.value);
}
template <typename V, typename R>
void ModelMetricFields(V& v, R& r) {
  v("model_id", r.model_id);
  v("name", r.name);
  v("dataset_name", r.dataset_name);
  v("dataset_digest", r.dataset_digest);
  v("run_id", r.run_id);
  v("step", r.latest.step);
  v("at_us", r.latest.at);
  v("value_order", r.latest.value);
}
template <typename V, typename R>
void ModelLinkFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("direction", r.direction);
  v("model_id", r.model_id);
  v("step", r.step);
}
template <typename V, typename R>
void FileFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("path", r.path);
  v("member", r.member);
}

}  // namespace penstock::bundle
