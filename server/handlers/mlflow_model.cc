#include "server/handlers/mlflow_model.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/handlers/mlflow_target.h"
#include "server/handlers/page_token.h"
#include "server/mlflow_errors.h"
#include "server/random_name.h"
#include "server/search/run_filter.h"
#include "storage/artifact_store.h"
#include "storage/experiment_store.h"
#include "storage/logged_model_search.h"
#include "storage/logged_model_store.h"

namespace penstock {
namespace {

constexpr char kModelSchema[] = "system.Model";
constexpr char kModelVersion[] = "0.0.1";
constexpr char kForbiddenInName[] = "/:.%\"'";
constexpr char kKnownModelKeys[] =
    "metrics.KEY, params.KEY, tags.KEY, and the attributes name, model_id, model_type, status, "
    "source_run_id, "
    "creation_timestamp and last_updated_timestamp";
constexpr size_t kModelsTogether = 200;  // models read with one statement

absl::Status CheckModelName(const std::string& name) {
  RETURN_IF_ERROR(CheckRunes("name", name, limits::kMlflowDatasetNameRunes));
  if (name.find_first_of(kForbiddenInName) == std::string::npos) return absl::OkStatus();
  return error::MlflowKeyWrong("a model", name, absl::StrCat("must not hold any of ", kForbiddenInName));
}

absl::StatusOr<MlflowTexts> ModelParamsFrom(
    const google::protobuf::RepeatedPtrField<mlflow::KeyValue>& params) {
  MlflowTexts checked;
  for (const mlflow::KeyValue& param : params) {
    RETURN_IF_ERROR(CheckMlflowKey("a parameter", param.key()));
    ASSIGN_OR_RETURN(checked[param.key()],
                     CutMlflowValue("a parameter's value", param.value(), limits::kMlflowParamRunes));
  }
  if (checked.size() > limits::kMlflowParams) {
    return error::MlflowTooMany("parameters", static_cast<int64_t>(checked.size()), limits::kMlflowParams);
  }
  return checked;
}

absl::Status SetModelParams(db::Tx& tx, const std::string& model_id, const MlflowTexts& params) {
  for (const auto& [name, value] : params) {
    ASSIGN_OR_RETURN(const std::string kept, LoggedModelParameterSet(tx, model_id, name, value));
    if (kept != value) return error::MlflowParamChanged(name, kept, value);
  }
  return absl::OkStatus();
}

absl::Status SetModelTags(db::Tx& tx, const std::string& model_id, const MlflowTags& tags) {
  const std::string owner = LoggedModelTagOwner(model_id);
  ASSIGN_OR_RETURN(const TypedTags known, TypedTagsRead(tx, owner));
  auto count = static_cast<int64_t>(known.size());
  for (const auto& [name, value] : tags) {
    count += known.contains(name) ? 0 : 1;
    RETURN_IF_ERROR(TagSet(tx, owner, name, {TagType::kString, value}));
  }
  return count > limits::kTypedTags ? error::TagsTooMany(count, limits::kTypedTags) : absl::OkStatus();
}

// The artifact of a new model, and its link with the run that it comes from.
absl::Status InsertArtifact(RequestContext& context, db::Tx& tx, const ExperimentRow& experiment,
                            const std::optional<MlflowTarget>& source, LoggedModelRow& model) {
  ASSIGN_OR_RETURN(model.artifact_id, ArtifactIdReserve(tx, 1));
  ArtifactRow artifact;
  artifact.artifact_id = model.artifact_id;
  artifact.uuid = context.deps.ids.NewId();
  if (source.has_value()) artifact.run_id = source->run.run_id;
  artifact.namespace_ = experiment.namespace_;
  artifact.name = model.name;
  artifact.schema_title = kModelSchema;
  artifact.schema_version = kModelVersion;
  const std::string uri = ModelArtifactUri(context.deps.default_experiment_id, experiment, model.model_id);
  artifact.uri = ContentUriOfMlflow(uri).value_or(uri);
  artifact.metadata = DumpJson({{"model_id", model.model_id}, {"model_type", model.model_type}});
  artifact.created_at = model.created_at;
  RETURN_IF_ERROR(ArtifactInsert(tx, artifact));
  if (!source.has_value()) return absl::OkStatus();
  ArtifactTaskRow link;
  link.run_id = source->run.run_id;
  link.task_id = source->task_id();
  link.direction = Direction::kOutput;
  link.name = model.name;
  link.artifact_id = model.artifact_id;
  link.io_type = "OUTPUT";
  return ArtifactTaskRecord(tx, link);
}

// Adds models to an answer in their order. `add` gives the place of the next one.
absl::Status ReadModels(RequestContext& context, db::Tx& tx, const std::vector<std::string>& ids,
                        const std::function<mlflow::LoggedModel*()>& add) {
  for (size_t from = 0; from < ids.size(); from += kModelsTogether) {
    const std::vector<std::string> some(
        ids.begin() + static_cast<ptrdiff_t>(from),
        ids.begin() + static_cast<ptrdiff_t>(std::min(ids.size(), from + kModelsTogether)));
    std::vector<std::string> owners;
    for (const std::string& id : some) owners.push_back(LoggedModelTagOwner(id));
    LoggedModelRows models;
    std::map<std::string, TypedTags> tags;
    LoggedModelParameters params;
    LoggedModelMetrics metrics;
    RETURN_IF_ERROR(LoggedModelsFindLater(tx, some, &models));
    RETURN_IF_ERROR(TypedTagsReadLater(tx, owners, &tags));
    RETURN_IF_ERROR(LoggedModelParametersLater(tx, some, &params));
    RETURN_IF_ERROR(LoggedModelMetricsLater(tx, some, &metrics));
    RETURN_IF_ERROR(tx.Flush());
    std::set<std::string> experiment_ids;
    for (const auto& [id, model] : models) experiment_ids.insert(model.experiment_id);
    ExperimentRows experiments;
    RETURN_IF_ERROR(ExperimentsFindLater(tx, {experiment_ids.begin(), experiment_ids.end()}, &experiments));
    RETURN_IF_ERROR(tx.Flush());
    for (const std::string& id : some) {
      const LoggedModelRow& model = models[id];
      const auto experiment = experiments.find(model.experiment_id);
      LoggedModelToMlflow(context.deps.default_experiment_id,
                          {&model, experiment == experiments.end() ? nullptr : &experiment->second,
                           &tags[LoggedModelTagOwner(id)], &params[id], &metrics[id]},
                          add());
    }
  }
  return absl::OkStatus();
}

// Changes a model, and answers with what it is then.
template <typename Change>
absl::Status ChangeModel(RequestContext& context, const std::string& model_id, mlflow::LoggedModel* reply,
                         Change change) {
  if (model_id.empty()) return error::MlflowFieldMissing("model_id");
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(LoggedModelRow model, LoggedModelGet(tx, model_id));
    model.updated_at = now;
    RETURN_IF_ERROR(change(tx, model));
    RETURN_IF_ERROR(LoggedModelUpdate(tx, model));
    if (reply == nullptr) return absl::OkStatus();
    reply->Clear();
    return ReadModels(context, tx, {model_id}, [reply] { return reply; });
  });
}

// --- Search ---

std::optional<std::pair<ModelSubject, SearchKind>> ModelSubjectOf(absl::string_view entity,
                                                                  absl::string_view key) {
  if (entity == "metrics") return std::pair(ModelSubject::kMetric, SearchKind::kNumber);
  if (entity == "params") return std::pair(ModelSubject::kParameter, SearchKind::kTextList);
  if (entity == "tags") return std::pair(ModelSubject::kTag, SearchKind::kTextList);
  if (!entity.empty() && entity != "attributes") return std::nullopt;
  if (key == "name") return std::pair(ModelSubject::kName, SearchKind::kTextList);
  if (key == "model_id") return std::pair(ModelSubject::kId, SearchKind::kTextList);
  if (key == "model_type") return std::pair(ModelSubject::kType, SearchKind::kTextList);
  if (key == "status") return std::pair(ModelSubject::kStatus, SearchKind::kTextList);
  if (key == "source_run_id") return std::pair(ModelSubject::kSourceRun, SearchKind::kTextList);
  if (absl::StartsWith(key, "creation_time")) return std::pair(ModelSubject::kCreated, SearchKind::kNumber);
  if (absl::StartsWith(key, "last_updated_time")) {
    return std::pair(ModelSubject::kUpdated, SearchKind::kNumber);
  }
  return std::nullopt;
}

absl::StatusOr<ModelOrder> ModelOrderFrom(const mlflow::SearchLoggedModelsRequest::OrderBy& given) {
  ASSIGN_OR_RETURN(const SearchOrder parsed, ParseSearchOrder(given.field_name()));
  const auto subject = ModelSubjectOf(parsed.entity, parsed.key);
  if (!subject.has_value()) {
    return error::MlflowOrderWrong(given.field_name(), absl::StrCat("known are ", kKnownModelKeys));
  }
  ModelOrder order = {subject->first, parsed.key, given.has_ascending() && !given.ascending(), {}};
  if (!given.dataset_name().empty()) order.datasets.push_back({given.dataset_name(), given.dataset_digest()});
  return order;
}

absl::StatusOr<ModelSearchQuery> ModelQueryOf(RequestContext& context,
                                              const mlflow::SearchLoggedModelsRequest& request) {
  ModelSearchQuery query;
  if (request.experiment_ids_size() > limits::kSearchExperiments) {
    return error::MlflowTooMany("experiment_ids", request.experiment_ids_size(), limits::kSearchExperiments);
  }
  if (request.order_by_size() > limits::kSearchOrders || request.datasets_size() > limits::kFilterValues) {
    return error::MlflowTooMany("order_by clauses or datasets",
                                std::max(request.order_by_size(), request.datasets_size()),
                                limits::kSearchOrders);
  }
  std::set<std::string> ids;
  for (const std::string& id : request.experiment_ids()) {
    ids.insert(ExperimentIdFromMlflow(context.deps.default_experiment_id, id));
  }
  query.experiment_ids.assign(ids.begin(), ids.end());
  ASSIGN_OR_RETURN(const std::vector<SearchComparison> comparisons, ParseSearchFilter(request.filter()));
  for (const SearchComparison& comparison : comparisons) {
    const auto subject = ModelSubjectOf(comparison.entity, comparison.key);
    if (!subject.has_value()) return SearchKeyUnknownAt(comparison, kKnownModelKeys);
    RETURN_IF_ERROR(CheckComparison(comparison, subject->second));
    query.conditions.push_back(
        {subject->first, comparison.key, comparison.op, TextsOf(comparison), NumberOf(comparison)});
  }
  for (const auto& dataset : request.datasets()) {
    if (dataset.dataset_name().empty()) return error::MlflowFieldMissing("datasets.dataset_name");
    query.datasets.push_back({dataset.dataset_name(), dataset.dataset_digest()});
  }
  for (const auto& order : request.order_by()) {
    ASSIGN_OR_RETURN(query.orders.emplace_back(), ModelOrderFrom(order));
  }
  std::optional<int64_t> wanted;
  if (request.has_max_results()) wanted = request.max_results();
  ASSIGN_OR_RETURN(query.limit, MlflowPageSize(wanted, limits::kMlflowModelPageDefault, limits::kMlflowPage));
  ASSIGN_OR_RETURN(query.after,
                   ReadSearchToken(context, request, request.page_token(), ModelSearchKeys(query.orders)));
  return query;
}

}  // namespace

std::string NewLoggedModelId(RequestContext& context) {
  return absl::StrCat("m-", absl::StrReplaceAll(context.deps.ids.NewId(), {{"-", ""}}));
}

absl::Status LoggedModelCreate(RequestContext& context, const mlflow::CreateLoggedModelRequest& request,
                               mlflow::CreateLoggedModelResponse* reply) {
  RETURN_IF_ERROR(CheckModelName(request.name()));
  RETURN_IF_ERROR(CheckRunes("model_type", request.model_type(), limits::kMlflowDatasetNameRunes));
  ASSIGN_OR_RETURN(const MlflowTexts params, ModelParamsFrom(request.params()));
  ASSIGN_OR_RETURN(const MlflowTags tags, MlflowTagsFrom(request.tags()));
  LoggedModelRow model;
  model.model_id = NewLoggedModelId(context);
  model.name = request.name().empty() ? NameForId(model.model_id) : request.name();
  model.model_type = request.model_type();
  model.source_run_id = request.source_run_id();
  model.status = "PENDING";
  model.created_at = context.deps.clock.Now();
  model.updated_at = model.created_at;
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ExperimentRow experiment,
                     MlflowExperimentFind(context, tx, request.experiment_id()));
    RETURN_IF_ERROR(CheckActive(context, experiment));
    model.experiment_id = experiment.experiment_id;
    std::optional<MlflowTarget> source;
    if (!model.source_run_id.empty()) {
      ASSIGN_OR_RETURN(source, MlflowTargetForWrite(tx, model.source_run_id));
    }
    RETURN_IF_ERROR(InsertArtifact(context, tx, experiment, source, model));
    RETURN_IF_ERROR(LoggedModelInsert(tx, model));
    RETURN_IF_ERROR(SetModelParams(tx, model.model_id, params));
    RETURN_IF_ERROR(SetModelTags(tx, model.model_id, tags));
    reply->Clear();
    return ReadModels(context, tx, {model.model_id}, [reply] { return reply->mutable_model(); });
  });
}

absl::Status LoggedModelGet(RequestContext& context, const mlflow::GetLoggedModelRequest& request,
                            mlflow::GetLoggedModelResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(LoggedModelGet(tx, request.model_id()).status());
    return ReadModels(context, tx, {request.model_id()}, [reply] { return reply->mutable_model(); });
  });
}

absl::Status LoggedModelFinalize(RequestContext& context, const mlflow::FinalizeLoggedModelRequest& request,
                                 mlflow::FinalizeLoggedModelResponse* reply) {
  const absl::string_view status = ModelStatusFromMlflow(request.status());
  if (status.empty()) {
    return error::MlflowEnumWrong("status",
                                  "LOGGED_MODEL_READY, LOGGED_MODEL_UPLOAD_FAILED and LOGGED_MODEL_PENDING");
  }
  return ChangeModel(context, request.model_id(), reply->mutable_model(),
                     [&](db::Tx&, LoggedModelRow& model) {
                       model.status = std::string(status);
                       return absl::OkStatus();
                     });
}

absl::Status LoggedModelDelete(RequestContext& context, const mlflow::DeleteLoggedModelRequest& request) {
  return context.deps.store.Write([&](db::Tx& tx) { return LoggedModelDelete(tx, request.model_id()); });
}

absl::Status LoggedModelTagsSet(RequestContext& context, const mlflow::SetLoggedModelTagsRequest& request,
                                mlflow::SetLoggedModelTagsResponse* reply) {
  ASSIGN_OR_RETURN(const MlflowTags tags, MlflowTagsFrom(request.tags()));
  return ChangeModel(
      context, request.model_id(), reply->mutable_model(),
      [&](db::Tx& tx, LoggedModelRow& model) { return SetModelTags(tx, model.model_id, tags); });
}

absl::Status LoggedModelTagDelete(RequestContext& context,
                                  const mlflow::DeleteLoggedModelTagRequest& request) {
  return ChangeModel(
      context, request.model_id(), nullptr, [&](db::Tx& tx, LoggedModelRow& model) -> absl::Status {
        ASSIGN_OR_RETURN(const bool removed,
                         TagRemove(tx, LoggedModelTagOwner(model.model_id), request.tag_key()));
        if (removed) return absl::OkStatus();
        return error::MlflowTagNotFound(absl::StrCat("logged model ", model.model_id), request.tag_key());
      });
}

absl::Status LoggedModelParamsLog(RequestContext& context,
                                  const mlflow::LogLoggedModelParamsRequest& request) {
  ASSIGN_OR_RETURN(const MlflowTexts params, ModelParamsFrom(request.params()));
  return ChangeModel(context, request.model_id(), nullptr, [&](db::Tx& tx, LoggedModelRow& model) {
    return SetModelParams(tx, model.model_id, params);
  });
}

absl::Status LoggedModelSearch(RequestContext& context, const mlflow::SearchLoggedModelsRequest& request,
                               mlflow::SearchLoggedModelsResponse* reply) {
  ASSIGN_OR_RETURN(const ModelSearchQuery query, ModelQueryOf(context, request));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const ModelSearchPage page, ModelSearch(tx, query));
    if (page.next.has_value()) reply->set_next_page_token(MakeSearchToken(context, request, *page.next));
    return ReadModels(context, tx, page.model_ids, [reply] { return reply->add_models(); });
  });
}

}  // namespace penstock
