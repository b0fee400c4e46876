#include "server/handlers/mlflow_experiment.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/handlers/mlflow_target.h"
#include "server/mlflow_errors.h"
#include "server/validate.h"
#include "storage/experiment_archive.h"
#include "storage/experiment_store.h"
#include "storage/run_store.h"

namespace penstock {
namespace {

absl::Status CheckExperimentName(absl::string_view field, absl::string_view name) {
  if (name.empty()) return error::MlflowFieldMissing(field);
  RETURN_IF_ERROR(CheckRunes(field, name, limits::kMlflowExperimentNameRunes));
  return CheckName(field, name, 4 * limits::kMlflowExperimentNameRunes);
}

absl::Status CheckExperimentTag(absl::string_view key, absl::string_view value) {
  if (key.empty()) return error::MlflowFieldMissing("key");
  RETURN_IF_ERROR(CheckRunes("The key of a tag", key, limits::kMlflowKeyRunes));
  return CheckRunes("The value of a tag", value, limits::kMlflowExperimentTagRunes);
}

// Reads the experiment again in a write, hands it to `change`, and notes that it was changed.
template <typename Change>
absl::Status ChangeExperiment(RequestContext& context, const std::string& experiment_id, Change change) {
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(ExperimentRow row, MlflowExperimentFind(context, tx, experiment_id));
    row.updated_at = now;
    RETURN_IF_ERROR(change(tx, row));
    return ExperimentUpdate(tx, row);
  });
}

absl::Status SetTagOfExperiment(db::Tx& tx, const std::string& key, const std::string& value,
                                ExperimentRow& row) {
  if (key == kMlflowNote) {
    row.description = value;
    return absl::OkStatus();
  }
  return TagSet(tx, ExperimentTagOwner(row.experiment_id), key, {TagType::kString, value});
}

}  // namespace

absl::Status MlflowExperimentCreate(RequestContext& context, const mlflow::CreateExperimentRequest& request,
                                    mlflow::CreateExperimentResponse* reply) {
  RETURN_IF_ERROR(CheckExperimentName("name", request.name()));
  RETURN_IF_ERROR(CheckText("artifact_location", request.artifact_location(), limits::kUrlBytes));
  if (request.tags_size() > limits::kTypedTags) {
    return error::TagsTooMany(request.tags_size(), limits::kTypedTags);
  }
  for (const mlflow::KeyValue& tag : request.tags()) {
    RETURN_IF_ERROR(CheckExperimentTag(tag.key(), tag.value()));
  }
  ExperimentRow row;
  row.experiment_id = context.deps.ids.NewId();
  row.name = request.name();
  row.artifact_location = request.artifact_location();
  row.created_at = context.deps.clock.Now();
  row.last_run_created_at = absl::UnixEpoch();
  for (const mlflow::KeyValue& tag : request.tags()) {
    if (tag.key() == kMlflowNote) row.description = tag.value();
  }
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(ExperimentInsert(tx, row));
    for (const mlflow::KeyValue& tag : request.tags()) {
      RETURN_IF_ERROR(SetTagOfExperiment(tx, tag.key(), tag.value(), row));
    }
    return absl::OkStatus();
  }));
  reply->set_experiment_id(row.experiment_id);
  return absl::OkStatus();
}

absl::Status MlflowExperimentGet(RequestContext& context, const mlflow::GetExperimentRequest& request,
                                 mlflow::GetExperimentResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ExperimentRow row, MlflowExperimentFind(context, tx, request.experiment_id()));
    ASSIGN_OR_RETURN(const TypedTags tags, TypedTagsRead(tx, ExperimentTagOwner(row.experiment_id)));
    reply->Clear();
    ExperimentToMlflow(context.deps.default_experiment_id, row, tags, reply->mutable_experiment());
    return absl::OkStatus();
  });
}

absl::Status MlflowExperimentGetByName(RequestContext& context,
                                       const mlflow::GetExperimentByNameRequest& request,
                                       mlflow::GetExperimentByNameResponse* reply) {
  if (request.experiment_name().empty()) return error::MlflowFieldMissing("experiment_name");
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto row, ExperimentFindByName(tx, "", request.experiment_name()));
    if (!row.has_value()) return error::MlflowExperimentNameNotFound(request.experiment_name());
    ASSIGN_OR_RETURN(const TypedTags tags, TypedTagsRead(tx, ExperimentTagOwner(row->experiment_id)));
    reply->Clear();
    ExperimentToMlflow(context.deps.default_experiment_id, *row, tags, reply->mutable_experiment());
    return absl::OkStatus();
  });
}

absl::Status MlflowExperimentUpdate(RequestContext& context, const mlflow::UpdateExperimentRequest& request) {
  if (request.has_new_name()) RETURN_IF_ERROR(CheckExperimentName("new_name", request.new_name()));
  return ChangeExperiment(context, request.experiment_id(), [&](db::Tx&, ExperimentRow& row) -> absl::Status {
    RETURN_IF_ERROR(CheckActive(context, row));
    if (request.has_new_name()) row.name = request.new_name();
    return absl::OkStatus();
  });
}

absl::Status MlflowExperimentDelete(RequestContext& context, const mlflow::DeleteExperimentRequest& request) {
  return ChangeExperiment(context, request.experiment_id(),
                          [&](db::Tx& tx, ExperimentRow& row) -> absl::Status {
                            if (row.storage_state != StorageState::kAvailable) {
                              return error::MlflowExperimentGone(request.experiment_id());
                            }
                            return ExperimentArchive(tx, row.experiment_id, row.updated_at);
                          });
}

absl::Status MlflowExperimentRestore(RequestContext& context,
                                     const mlflow::RestoreExperimentRequest& request) {
  return ChangeExperiment(context, request.experiment_id(),
                          [&](db::Tx& tx, ExperimentRow& row) -> absl::Status {
                            if (row.storage_state == StorageState::kAvailable) {
                              return error::MlflowExperimentNotDeleted(request.experiment_id());
                            }
                            RETURN_IF_ERROR(ExperimentUnarchive(tx, row.experiment_id));
                            return RunsUnarchive(tx, row.experiment_id);
                          });
}

absl::Status MlflowExperimentTagSet(RequestContext& context, const mlflow::SetExperimentTagRequest& request) {
  RETURN_IF_ERROR(CheckExperimentTag(request.key(), request.value()));
  return ChangeExperiment(
      context, request.experiment_id(), [&](db::Tx& tx, ExperimentRow& row) -> absl::Status {
        RETURN_IF_ERROR(CheckActive(context, row));
        ASSIGN_OR_RETURN(const TypedTags known, TypedTagsRead(tx, ExperimentTagOwner(row.experiment_id)));
        const auto count = static_cast<int64_t>(known.size()) + (known.contains(request.key()) ? 0 : 1);
        if (count > limits::kTypedTags) return error::TagsTooMany(count, limits::kTypedTags);
        return SetTagOfExperiment(tx, request.key(), request.value(), row);
      });
}

absl::Status MlflowExperimentTagDelete(RequestContext& context,
                                       const mlflow::DeleteExperimentTagRequest& request) {
  return ChangeExperiment(
      context, request.experiment_id(), [&](db::Tx& tx, ExperimentRow& row) -> absl::Status {
        RETURN_IF_ERROR(CheckActive(context, row));
        bool removed = false;
        if (request.key() == kMlflowNote) {
          removed = !row.description.empty();
          row.description.clear();
        } else {
          ASSIGN_OR_RETURN(removed, TagRemove(tx, ExperimentTagOwner(row.experiment_id), request.key()));
        }
        return removed ? absl::OkStatus()
                       : error::MlflowTagNotFound(absl::StrCat("experiment ", request.experiment_id()),
                                                  request.key());
      });
}

absl::Status MlflowDatasetSearch(RequestContext& context, const mlflow::SearchDatasetsRequest& request,
                                 mlflow::SearchDatasetsResponse* reply) {
  if (request.experiment_ids_size() > limits::kSearchExperiments) {
    return error::MlflowTooMany("experiment_ids", request.experiment_ids_size(), limits::kSearchExperiments);
  }
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    for (const std::string& id : request.experiment_ids()) {
      const int room = limits::kMlflowDatasetSummaries - reply->dataset_summaries_size();
      if (room <= 0) break;
      ASSIGN_OR_RETURN(const auto uses,
                       DatasetUses(tx, ExperimentIdFromMlflow(context.deps.default_experiment_id, id), room));
      for (const DatasetUse& use : uses) {
        mlflow::DatasetSummary* summary = reply->add_dataset_summaries();
        summary->set_experiment_id(id);
        summary->set_name(use.dataset.name);
        summary->set_digest(use.dataset.digest);
        summary->set_context(use.context);
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace penstock
