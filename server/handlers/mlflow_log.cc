#include "server/handlers/mlflow_log.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_target.h"
#include "server/mlflow_errors.h"
#include "storage/dataset_store.h"
#include "storage/logged_model_store.h"
#include "storage/metric_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr char kLogModelHistory[] = "mlflow.log-model.history";

// What a request logs, checked.
struct Logged {
  std::vector<NamedMetricPoint> metrics;
  std::vector<LoggedModelMetricRow> model_metrics;  // without run
  MlflowTexts params;
  MlflowTags tags;
};

// Of a metric on its own, or of a batch: both messages have the same fields.
template <typename Metric>
absl::Status AddMetric(const Metric& given, Logged& logged) {
  RETURN_IF_ERROR(CheckMlflowKey("a metric", given.key()));
  if (!given.has_value()) return error::MlflowFieldMissing("value");
  if (!given.has_timestamp()) return error::MlflowFieldMissing("timestamp");
  NamedMetricPoint named;
  named.name = given.key();
  named.point.step = given.step();
  named.point.value = given.value();
  ASSIGN_OR_RETURN(named.point.at, TimeFromMlflow("timestamp", given.timestamp()));
  if (!given.model_id().empty()) {
    RETURN_IF_ERROR(CheckRunes("dataset_name", given.dataset_name(), limits::kMlflowDatasetNameRunes));
    RETURN_IF_ERROR(CheckRunes("dataset_digest", given.dataset_digest(), limits::kMlflowDatasetDigestRunes));
    logged.model_metrics.push_back(
        {given.model_id(), given.key(), given.dataset_name(), given.dataset_digest(), "", named.point});
  }
  logged.metrics.push_back(std::move(named));
  return absl::OkStatus();
}

absl::Status AddParam(const std::string& key, const std::string& value, Logged& logged) {
  RETURN_IF_ERROR(CheckMlflowKey("a parameter", key));
  ASSIGN_OR_RETURN(const std::string cut,
                   CutMlflowValue("a parameter's value", value, limits::kMlflowParamRunes));
  const auto [known, fresh] = logged.params.emplace(key, cut);
  return fresh || known->second == cut ? absl::OkStatus()
                                       : error::MlflowParamChanged(key, known->second, cut);
}

// Parameters that are not there yet; those that are have to be the same.
absl::Status WriteParams(db::Tx& tx, const MlflowTarget& target, const MlflowTexts& params) {
  if (params.empty()) return absl::OkStatus();
  const std::string& run_id = target.run.run_id;
  MlflowTexts known;
  if (target.task.has_value()) {
    LoggedParameters read;
    RETURN_IF_ERROR(LoggedParametersLater(tx, run_id, &read));
    RETURN_IF_ERROR(tx.Flush());
    known = std::move(read[target.task->task_id]);
  } else {
    RunParameterRows read;
    RETURN_IF_ERROR(RunParametersLater(tx, {run_id}, &read));
    RETURN_IF_ERROR(tx.Flush());
    known = std::move(read[run_id]);
  }
  auto count = static_cast<int64_t>(known.size());
  for (const auto& [key, value] : params) {
    const auto found = known.find(key);
    if (found != known.end()) {
      if (found->second != value) return error::MlflowParamChanged(key, found->second, value);
      continue;
    }
    if (++count > limits::kMlflowParams) {
      return error::MlflowTooMany("parameters", count, limits::kMlflowParams);
    }
    RETURN_IF_ERROR(target.task.has_value()
                        ? LoggedParameterSet(tx, run_id, target.task->task_id, key, value).status()
                        : RunParameterSet(tx, run_id, key, value).status());
  }
  return absl::OkStatus();
}

absl::Status WriteModelMetrics(db::Tx& tx, const MlflowTarget& target,
                               const std::vector<LoggedModelMetricRow>& rows) {
  for (LoggedModelMetricRow row : rows) {
    RETURN_IF_ERROR(LoggedModelGet(tx, row.model_id).status());
    row.run_id = target.id();
    RETURN_IF_ERROR(LoggedModelMetricSet(tx, row));
  }
  return absl::OkStatus();
}

absl::Status WriteLogged(RequestContext& context, const std::string& run_id, const Logged& logged) {
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    RETURN_IF_ERROR(WriteParams(tx, target, logged.params));
    RETURN_IF_ERROR(MlflowTagsSet(tx, target, logged.tags));
    RETURN_IF_ERROR(WriteModelMetrics(tx, target, logged.model_metrics));
    return MetricsLog(tx, {target.run.run_id, target.task_id()}, logged.metrics);
  });
}

}  // namespace

absl::Status MlflowMetricLog(RequestContext& context, const mlflow::LogMetricRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  Logged logged;
  RETURN_IF_ERROR(AddMetric(request, logged));
  return WriteLogged(context, run_id, logged);
}

absl::Status MlflowParameterLog(RequestContext& context, const mlflow::LogParameterRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  Logged logged;
  RETURN_IF_ERROR(AddParam(request.key(), request.value(), logged));
  return WriteLogged(context, run_id, logged);
}

absl::Status MlflowBatchLog(RequestContext& context, const mlflow::LogBatchRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  const int all = request.metrics_size() + request.params_size() + request.tags_size();
  if (request.params_size() > limits::kMlflowBatchParams) {
    return error::MlflowTooMany("params in the batch", request.params_size(), limits::kMlflowBatchParams);
  }
  if (request.tags_size() > limits::kMlflowBatchTags) {
    return error::MlflowTooMany("tags in the batch", request.tags_size(), limits::kMlflowBatchTags);
  }
  if (all > limits::kMlflowBatchEntities) {
    return error::MlflowTooMany("metrics, params and tags in the batch", all, limits::kMlflowBatchEntities);
  }
  Logged logged;
  for (const mlflow::Metric& metric : request.metrics()) RETURN_IF_ERROR(AddMetric(metric, logged));
  for (const mlflow::KeyValue& param : request.params()) {
    RETURN_IF_ERROR(AddParam(param.key(), param.value(), logged));
  }
  ASSIGN_OR_RETURN(logged.tags, MlflowTagsFrom(request.tags()));
  return WriteLogged(context, run_id, logged);
}

absl::Status MlflowTagSet(RequestContext& context, const mlflow::SetTagRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  google::protobuf::RepeatedPtrField<mlflow::KeyValue> tags;
  tags.Add()->set_key(request.key());
  tags.Mutable(0)->set_value(request.value());
  Logged logged;
  ASSIGN_OR_RETURN(logged.tags, MlflowTagsFrom(tags));
  return WriteLogged(context, run_id, logged);
}

absl::Status MlflowTagDelete(RequestContext& context, const mlflow::DeleteTagRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    if (request.key() == kMlflowRunName) return error::MlflowTagFixed(request.key());
    const bool has_task = target.task.has_value();
    bool removed = false;
    if (request.key() == kMlflowNote) {
      removed = !(has_task ? target.task->description : target.run.description).empty();
      RETURN_IF_ERROR(has_task ? TaskSetDescription(tx, target.run.run_id, target.task->task_id, "")
                               : RunSetDescription(tx, target.run.run_id, ""));
    } else {
      ASSIGN_OR_RETURN(removed, TagRemove(tx, target.tag_owner(), request.key()));
    }
    return removed ? absl::OkStatus() : error::MlflowTagNotFound(absl::StrCat("run ", run_id), request.key());
  });
}

// What clients before 3.0 write beside the files of a model: a list of such records, in a tag.
absl::Status MlflowModelRecord(RequestContext& context, const mlflow::LogModelRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  ASSIGN_OR_RETURN(const Json record, ParseJson(request.model_json()));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    ASSIGN_OR_RETURN(const TypedTags known, TypedTagsRead(tx, target.tag_owner()));
    Json history = Json::array();
    if (const auto tag = known.find(kLogModelHistory); tag != known.end()) {
      auto stored = ParseJson(tag->second.value);
      if (stored.ok() && stored->is_array()) history = *std::move(stored);
    }
    history.push_back(record);
    const std::string text = DumpJson(history);
    RETURN_IF_ERROR(CheckRunes(kLogModelHistory, text, limits::kMetadataBytes));
    return MlflowTagsSet(tx, target, {{kLogModelHistory, text}});
  });
}

}  // namespace penstock
