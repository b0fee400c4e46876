// What MLflow's clients, those of KFP 3.0 and users have recorded, for server/handlers/run_import_parts.h.
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/bundle/bundle_check.h"
#include "server/convert/mlflow.h"
#include "server/convert/task_record.h"
#include "server/errors.h"
#include "server/handlers/mlflow_model.h"
#include "server/handlers/mlflow_target.h"
#include "server/handlers/run_import_parts.h"
#include "server/validate.h"
#include "storage/dataset_store.h"
#include "storage/logged_model_store.h"
#include "storage/tag_store.h"
#include "storage/task_record_store.h"

namespace penstock {
namespace {

constexpr char kImportKeyPrefix[] = "bundle:";

// A field of a row and how many characters it may have.
struct Bound {
  const char* field;
  const std::string& text;
  int64_t runes;
};

template <typename Row, typename BoundsOf>
absl::Status CheckRows(absl::string_view member, const std::vector<Row>& rows, BoundsOf bounds_of) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::vector<Bound> bounds = bounds_of(rows[i]);
    for (const Bound& bound : bounds) {
      const absl::Status status = CheckRunes(bound.field, bound.text, bound.runes);
      if (!status.ok()) return error::BundleRowWrong(LineOf(member, i), status.message());
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRecords(const std::vector<TaskRecordRow>& rows) {
  for (size_t i = 0; i < rows.size(); ++i) {
    const std::string where = LineOf("task_records.jsonl", i);
    api::PipelineTask record;
    if (static_cast<int64_t>(rows[i].record.size()) > limits::kTaskRecordBytes ||
        !record.ParseFromString(rows[i].record)) {
      return error::BundleRowWrong(where, "record is no task, or larger than one may be (kTaskRecordBytes)");
    }
    const absl::Status status = CheckTask(record);
    if (!status.ok()) return error::BundleRowWrong(where, status.message());
  }
  return absl::OkStatus();
}

// A run or a task, in the words of MLflow, which name one of the bundle or any other.
std::string MlflowRunId(const ImportedRun& import, const std::string& id) {
  const std::string& before = import.rows.run.run_id;
  if (id == before) return import.run.run_id;
  if (!absl::StartsWith(id, TaskRunId(before, ""))) return id;
  const auto task = import.task_ids.find(id.substr(TaskRunId(before, "").size()));
  return task == import.task_ids.end() ? id : TaskRunId(import.run.run_id, task->second);
}

absl::Status InsertDatasets(db::Tx& tx, const ImportedRun& import, const ImportedArtifacts& artifacts) {
  std::vector<DatasetRow> datasets;
  for (const DatasetRow& given : import.rows.datasets) {
    DatasetRow row = given;
    row.artifact_id = artifacts.ids.at(given.artifact_id);
    row.experiment_id = import.experiment.experiment_id;
    if (artifacts.uuids.count(given.artifact_id) > 0) datasets.push_back(std::move(row));
  }
  RETURN_IF_ERROR(DatasetsInsert(tx, datasets));
  std::vector<InputTagRow> tags;
  for (const InputTagRow& given : import.rows.input_tags) {
    tags.push_back({import.run.run_id, import.TaskId(given.task_id), artifacts.ids.at(given.artifact_id),
                    given.name, given.value});
  }
  return InputTagsInsert(tx, tags);
}

absl::Status InsertModels(db::Tx& tx, const ImportedRun& import, const ImportedArtifacts& artifacts) {
  std::vector<LoggedModelRow> models = import.rows.models;
  std::vector<std::string> ids;
  for (LoggedModelRow& row : models) {
    row.model_id = ids.emplace_back(import.ModelId(row.model_id));
    row.experiment_id = import.experiment.experiment_id;
    row.source_run_id = MlflowRunId(import, row.source_run_id);
    if (row.artifact_id != 0) row.artifact_id = artifacts.ids.at(row.artifact_id);
  }
  LoggedModelRows taken;
  RETURN_IF_ERROR(LoggedModelsFindLater(tx, ids, &taken));
  RETURN_IF_ERROR(tx.Flush());
  if (!taken.empty()) return error::ImportedModelTaken(taken.begin()->first);
  RETURN_IF_ERROR(LoggedModelsInsert(tx, models));
  std::vector<LoggedModelParameterRow> parameters = import.rows.model_parameters;
  for (LoggedModelParameterRow& row : parameters) row.model_id = import.ModelId(row.model_id);
  RETURN_IF_ERROR(LoggedModelParametersInsert(tx, parameters));
  std::vector<LoggedModelMetricRow> metrics = import.rows.model_metrics;
  for (LoggedModelMetricRow& row : metrics) {
    row.model_id = import.ModelId(row.model_id);
    row.run_id = MlflowRunId(import, row.run_id);
  }
  RETURN_IF_ERROR(LoggedModelMetricsInsert(tx, metrics));
  std::vector<ModelLinkRow> links = import.rows.model_links;
  for (ModelLinkRow& row : links) {
    row.run_id = import.run.run_id;
    row.task_id = import.TaskId(row.task_id);
    row.model_id = import.ModelId(row.model_id);
  }
  return ModelLinksInsert(tx, links);
}

// Those of the run in run.json are texts; the types of the others stand beside them.
absl::Status InsertTags(db::Tx& tx, const ImportedRun& import, const std::map<int64_t, std::string>& uuids) {
  const std::string& run_id = import.run.run_id;
  std::map<std::string, TypedTag> of_run;
  for (const auto& [name, value] : import.rows.tags) of_run[name] = {TagType::kString, value};
  std::vector<OwnedTag> tags;
  for (const BundleTag& row : import.rows.typed_tags) {
    if (!row.task_id.empty()) {
      tags.push_back({TaskTagOwner(run_id, import.TaskId(row.task_id)), row.name, row.tag});
    } else if (!row.model_id.empty()) {
      tags.push_back({LoggedModelTagOwner(import.ModelId(row.model_id)), row.name, row.tag});
    } else if (row.artifact_id != 0) {
      const auto uuid = uuids.find(row.artifact_id);
      if (uuid != uuids.end()) tags.push_back({ArtifactTagOwner(uuid->second), row.name, row.tag});
    } else {
      of_run[row.name] = row.tag;
    }
  }
  for (const auto& [name, tag] : of_run) tags.push_back({run_id, name, tag});
  return TagsSet(tx, tags);
}

absl::Status InsertTaskRecords(db::Tx& tx, const ImportedRun& import) {
  std::vector<LoggedParameterRow> parameters = import.rows.logged_parameters;
  for (LoggedParameterRow& row : parameters) row.task_id = import.TaskId(row.task_id);
  RETURN_IF_ERROR(LoggedParametersInsert(tx, import.run.run_id, parameters));
  std::vector<TaskRecordRow> records = import.rows.task_records;
  for (TaskRecordRow& row : records) {
    row.run_id = import.run.run_id;
    row.task_id = import.TaskId(row.task_id);
    row.namespace_ = import.run.namespace_;
    // Without its fingerprint: what it put out may not have come along, and nobody has looked whether it did.
  }
  return TaskRecordsInsert(tx, records);
}

}  // namespace

absl::Status CheckImportedTexts(const BundleRows& rows) {
  RETURN_IF_ERROR(CheckRows("datasets.jsonl", rows.datasets, [](const DatasetRow& row) -> std::vector<Bound> {
    return {{"name", row.name, limits::kMlflowDatasetNameRunes},
            {"digest", row.digest, limits::kMlflowDatasetDigestRunes},
            {"source_type", row.source_type, limits::kMlflowKeyRunes},
            {"source", row.source, limits::kMlflowDatasetSourceRunes},
            {"columns", row.columns, limits::kMlflowDatasetSchemaRunes},
            {"profile", row.profile, limits::kMlflowDatasetProfileRunes}};
  }));
  RETURN_IF_ERROR(
      CheckRows("input_tags.jsonl", rows.input_tags, [](const InputTagRow& row) -> std::vector<Bound> {
        return {{"name", row.name, limits::kMlflowInputTagKeyRunes},
                {"value", row.value, limits::kMlflowInputTagValueRunes}};
      }));
  RETURN_IF_ERROR(CheckRows("models.jsonl", rows.models, [](const LoggedModelRow& row) -> std::vector<Bound> {
    return {{"name", row.name, limits::kMlflowDatasetNameRunes},
            {"model_type", row.model_type, limits::kMlflowDatasetNameRunes},
            {"source_run_id", row.source_run_id, limits::kMlflowKeyRunes}};
  }));
  const auto parameter = [](const auto& row) -> std::vector<Bound> {
    return {{"name", row.name, limits::kMlflowKeyRunes}, {"value", row.value, limits::kMlflowParamRunes}};
  };
  RETURN_IF_ERROR(CheckRows("logged_parameters.jsonl", rows.logged_parameters, parameter));
  RETURN_IF_ERROR(CheckRows("model_parameters.jsonl", rows.model_parameters, parameter));
  RETURN_IF_ERROR(CheckRows(
      "model_metrics.jsonl", rows.model_metrics, [](const LoggedModelMetricRow& row) -> std::vector<Bound> {
        return {{"name", row.name, limits::kMlflowKeyRunes},
                {"dataset_name", row.dataset_name, limits::kMlflowDatasetNameRunes},
                {"dataset_digest", row.dataset_digest, limits::kMlflowDatasetDigestRunes},
                {"run_id", row.run_id, limits::kMlflowKeyRunes}};
      }));
  return CheckRecords(rows.task_records);
}

absl::Status ChooseModelIds(ImportedRun& import) {
  std::vector<std::string> given;
  for (const LoggedModelRow& model : import.rows.models) given.push_back(model.model_id);
  if (given.empty()) return absl::OkStatus();
  LoggedModelRows taken;
  const Deps& deps = import.context.deps;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    taken.clear();
    RETURN_IF_ERROR(LoggedModelsFindLater(tx, given, &taken));
    return tx.Finish();
  }));
  for (const std::string& id : given) {
    bool is_free = taken.count(id) == 0 && CheckNewId("model_id", id).ok();
    if (is_free) {
      // Files of a model that was deleted stay, and must not become those of another.
      const auto folder =
          ContentUriOfMlflow(ModelArtifactUri(deps.default_experiment_id, import.experiment, id));
      is_free = !folder.has_value() || absl::IsNotFound(deps.content.Stat(*folder).status());
    }
    if (!is_free) import.model_ids[id] = NewLoggedModelId(import.context);
  }
  return absl::OkStatus();
}

absl::Status FindKnownDatasets(db::Tx& tx, const ImportedRun& import, ImportedArtifacts* artifacts) {
  ASSIGN_OR_RETURN(const DatasetIds known,
                   DatasetsFind(tx, import.experiment.experiment_id, import.rows.datasets));
  std::map<std::pair<std::string, std::string>, int64_t> first;
  for (const DatasetRow& row : import.rows.datasets) {
    const auto found = known.find({row.name, row.digest});
    const auto [twin, fresh] = first.try_emplace({row.name, row.digest}, row.artifact_id);
    if (found != known.end()) {
      artifacts->ids[row.artifact_id] = found->second;
    } else if (!fresh) {
      artifacts->same[row.artifact_id] = twin->second;
    }
  }
  return absl::OkStatus();
}

void AdaptArtifacts(ImportedRun& import) {
  std::map<int64_t, ArtifactRow*> artifacts;
  for (ArtifactRow& row : import.rows.artifacts) {
    artifacts[row.artifact_id] = &row;
    // So that no import here takes it for one of its own.
    if (!row.import_key.empty()) row.import_key = absl::StrCat(kImportKeyPrefix, row.import_key);
  }
  for (DatasetRow dataset : import.rows.datasets) {
    dataset.experiment_id = import.experiment.experiment_id;
    artifacts.at(dataset.artifact_id)->import_key = DatasetImportKey(dataset);
  }
  for (const LoggedModelRow& model : import.rows.models) {
    if (model.artifact_id == 0) continue;
    if (absl::StartsWith(artifacts.at(model.artifact_id)->uri, kMlflowUri)) {
      const std::string uri = ModelArtifactUri(import.context.deps.default_experiment_id, import.experiment,
                                               import.ModelId(model.model_id));
      import.model_uris[model.artifact_id] = ContentUriOfMlflow(uri).value_or(uri);
    }
    std::string& text = artifacts.at(model.artifact_id)->metadata;
    auto metadata = ParseJson(text);
    if (!metadata.ok() || metadata->value("model_id", Json()) != model.model_id) continue;
    (*metadata)["model_id"] = import.ModelId(model.model_id);
    text = DumpJson(*metadata);
  }
}

absl::Status InsertImportedRecords(db::Tx& tx, const ImportedRun& import,
                                   const ImportedArtifacts& artifacts) {
  RETURN_IF_ERROR(InsertDatasets(tx, import, artifacts));
  RETURN_IF_ERROR(InsertModels(tx, import, artifacts));
  RETURN_IF_ERROR(InsertTags(tx, import, artifacts.uuids));
  return InsertTaskRecords(tx, import);
}

}  // namespace penstock
