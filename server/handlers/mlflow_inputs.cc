// The inputs and outputs of server/handlers/mlflow_model.h.
#include <string>

#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_model.h"
#include "server/handlers/mlflow_target.h"
#include "server/mlflow_errors.h"
#include "storage/artifact_store.h"
#include "storage/dataset_store.h"
#include "storage/logged_model_store.h"

namespace penstock {
namespace {

constexpr char kDatasetSchema[] = "system.Dataset";
constexpr char kDatasetVersion[] = "0.0.1";
constexpr char kInputType[] = "RUNTIME_VALUE_INPUT";
constexpr char kOutputType[] = "OUTPUT";
constexpr size_t kSourceShown = 4096;  // bytes of a source that the artifact's metadata have

absl::Status CheckDataset(const mlflow::DatasetInput& input) {
  const mlflow::Dataset& dataset = input.dataset();
  if (dataset.name().empty()) return error::MlflowFieldMissing("dataset.name");
  if (dataset.digest().empty()) return error::MlflowFieldMissing("dataset.digest");
  RETURN_IF_ERROR(CheckRunes("dataset.name", dataset.name(), limits::kMlflowDatasetNameRunes));
  RETURN_IF_ERROR(CheckRunes("dataset.digest", dataset.digest(), limits::kMlflowDatasetDigestRunes));
  RETURN_IF_ERROR(CheckRunes("dataset.source_type", dataset.source_type(), limits::kMlflowKeyRunes));
  RETURN_IF_ERROR(CheckRunes("dataset.source", dataset.source(), limits::kMlflowDatasetSourceRunes));
  RETURN_IF_ERROR(CheckRunes("dataset.schema", dataset.schema(), limits::kMlflowDatasetSchemaRunes));
  RETURN_IF_ERROR(CheckRunes("dataset.profile", dataset.profile(), limits::kMlflowDatasetProfileRunes));
  if (input.tags_size() > limits::kTypedTags) {
    return error::MlflowTooMany("tags of the data set", input.tags_size(), limits::kTypedTags);
  }
  for (const mlflow::KeyValue& tag : input.tags()) {
    if (tag.key().empty()) return error::MlflowFieldMissing("tags.key");
    RETURN_IF_ERROR(CheckRunes("The key of a tag", tag.key(), limits::kMlflowInputTagKeyRunes));
    RETURN_IF_ERROR(CheckRunes("The value of a tag", tag.value(), limits::kMlflowInputTagValueRunes));
  }
  return absl::OkStatus();
}

// Where the data lies, if its source says so: sources of MLflow name that in one of these ways.
std::string UriOfSource(const std::string& source) {
  const auto json = ParseJson(source);
  if (!json.ok() || !json->is_object()) return "";
  for (const char* key : {"uri", "url", "path"}) {
    const auto found = json->find(key);
    if (found != json->end() && found->is_string() &&
        found->get_ref<const std::string&>().size() <= limits::kUrlBytes) {
      return found->get<std::string>();
    }
  }
  return "";
}

// The artifact of the data set, which comes into being with its first run.
absl::StatusOr<int64_t> EnsureDataset(RequestContext& context, db::Tx& tx, const RunRow& run,
                                      const mlflow::Dataset& given) {
  ASSIGN_OR_RETURN(const auto known, DatasetFind(tx, run.experiment_id, given.name(), given.digest()));
  if (known.has_value()) return *known;
  DatasetRow row = {0,
                    run.experiment_id,
                    given.name(),
                    given.digest(),
                    given.source_type(),
                    given.source(),
                    given.schema(),
                    given.profile()};
  ASSIGN_OR_RETURN(row.artifact_id, ArtifactIdReserve(tx, 1));
  ArtifactRow artifact;
  artifact.artifact_id = row.artifact_id;
  artifact.uuid = context.deps.ids.NewId();
  artifact.run_id = run.run_id;
  artifact.namespace_ = run.namespace_;
  artifact.name = row.name;
  artifact.schema_title = kDatasetSchema;
  artifact.schema_version = kDatasetVersion;
  artifact.uri = UriOfSource(row.source);
  Json metadata = {{"digest", row.digest}, {"source_type", row.source_type}};
  if (row.source.size() <= kSourceShown) metadata["source"] = row.source;
  artifact.metadata = DumpJson(metadata);
  artifact.import_key = DatasetImportKey(row);
  artifact.created_at = context.deps.clock.Now();
  RETURN_IF_ERROR(ArtifactInsert(tx, artifact));
  RETURN_IF_ERROR(DatasetInsert(tx, row));
  return row.artifact_id;
}

absl::Status LinkModel(db::Tx& tx, const MlflowTarget& target, const std::string& model_id,
                       Direction direction, int64_t step) {
  ASSIGN_OR_RETURN(const LoggedModelRow model, LoggedModelGet(tx, model_id));
  RETURN_IF_ERROR(ModelLinkSet(tx, {target.run.run_id, target.task_id(), direction, model_id, step}));
  ASSIGN_OR_RETURN(const bool exists, ArtifactExists(tx, model.artifact_id));
  if (!exists) return absl::OkStatus();  // gone with the run that made it
  ArtifactTaskRow link;
  link.run_id = target.run.run_id;
  link.task_id = target.task_id();
  link.direction = direction;
  link.name = model.name;
  link.artifact_id = model.artifact_id;
  link.io_type = direction == Direction::kInput ? kInputType : kOutputType;
  return ArtifactTaskRecord(tx, link);
}

}  // namespace

absl::Status MlflowInputsLog(RequestContext& context, const mlflow::LogInputsRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  for (const int count : {request.datasets_size(), request.models_size()}) {
    if (count > limits::kMlflowInputs) return error::MlflowTooMany("inputs", count, limits::kMlflowInputs);
  }
  for (const mlflow::DatasetInput& input : request.datasets()) RETURN_IF_ERROR(CheckDataset(input));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    for (const mlflow::DatasetInput& input : request.datasets()) {
      ASSIGN_OR_RETURN(const int64_t artifact_id, EnsureDataset(context, tx, target.run, input.dataset()));
      ArtifactTaskRow link;
      link.run_id = target.run.run_id;
      link.task_id = target.task_id();
      link.direction = Direction::kInput;
      link.name = input.dataset().name();
      link.artifact_id = artifact_id;
      link.io_type = kInputType;
      RETURN_IF_ERROR(ArtifactTaskRecord(tx, link));
      for (const mlflow::KeyValue& tag : input.tags()) {
        RETURN_IF_ERROR(
            InputTagSet(tx, target.run.run_id, target.task_id(), artifact_id, tag.key(), tag.value()));
      }
    }
    for (const mlflow::ModelInput& model : request.models()) {
      RETURN_IF_ERROR(LinkModel(tx, target, model.model_id(), Direction::kInput, 0));
    }
    return absl::OkStatus();
  });
}

absl::Status MlflowOutputsLog(RequestContext& context, const mlflow::LogOutputsRequest& request) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  if (request.models_size() > limits::kMlflowInputs) {
    return error::MlflowTooMany("models", request.models_size(), limits::kMlflowInputs);
  }
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetForWrite(tx, run_id));
    for (const mlflow::ModelOutput& model : request.models()) {
      RETURN_IF_ERROR(LinkModel(tx, target, model.model_id(), Direction::kOutput, model.step()));
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
