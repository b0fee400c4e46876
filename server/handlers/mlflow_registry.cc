#include "server/handlers/mlflow_registry.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/handlers/mlflow_target.h"
#include "server/mlflow_errors.h"
#include "server/validate.h"
#include "storage/experiment_store.h"
#include "storage/logged_model_store.h"
#include "storage/model_registry_store.h"

namespace penstock {
namespace {

constexpr char kModelsScheme[] = "models:/";
constexpr char kNoStage[] = "None";
constexpr char kLatest[] = "latest";

absl::Status CheckRegisteredName(const std::string& name) {
  if (name.empty()) return error::MlflowFieldMissing("name");
  RETURN_IF_ERROR(CheckText("name", name, limits::kDisplayNameBytes));
  // Where it stands in models:/NAME/VERSION these would mean something else.
  if (name.find_first_of("/:") == std::string::npos) return absl::OkStatus();
  return error::MlflowKeyWrong("a registered model", name, "must hold neither '/' nor ':'");
}

absl::Status CheckRegistryTag(absl::string_view key, absl::string_view value) {
  if (key.empty()) return error::MlflowFieldMissing("key");
  RETURN_IF_ERROR(CheckRunes("The key of a tag", key, limits::kMlflowKeyRunes));
  return CheckRunes("The value of a tag", value, limits::kMlflowRegistryTagRunes);
}

absl::Status CheckAlias(const std::string& alias) {
  bool good = !alias.empty() && alias.size() <= limits::kMlflowAliasBytes;
  for (const char c : alias) good &= absl::ascii_isalnum(c) || c == '_' || c == '-';
  const absl::string_view digits = absl::StripPrefix(absl::StripPrefix(alias, "v"), "V");
  const bool is_number = digits.size() < alias.size() && !digits.empty() &&
                         digits.find_first_not_of("0123456789") == absl::string_view::npos;
  if (good && !is_number && absl::AsciiStrToLower(alias) != kLatest) return absl::OkStatus();
  return error::MlflowKeyWrong(
      "an alias", alias,
      "must consist of letters, digits, '_' and '-', and be neither 'latest' nor a number "
      "behind a 'v'");
}

absl::StatusOr<int64_t> VersionOf(const std::string& name, const std::string& version) {
  int64_t number = 0;
  if (version.empty()) return error::MlflowFieldMissing("version");
  if (!absl::SimpleAtoi(version, &number) || number < 1) return error::ModelVersionNotFound(name, version);
  return number;
}

absl::Status ReadVersion(db::Tx& tx, const ModelVersionRow& row, mlflow::ModelVersion* out) {
  out->set_name(row.name);
  out->set_version(absl::StrCat(row.version));
  out->set_creation_timestamp(MlflowMillis(row.created_at));
  out->set_last_updated_timestamp(MlflowMillis(row.updated_at));
  out->set_current_stage(kNoStage);
  out->set_description(row.description);
  out->set_source(row.source);
  out->set_run_id(row.run_id);
  out->set_run_link(row.run_link);
  out->set_model_id(row.model_id);
  out->set_status(mlflow::READY);
  ASSIGN_OR_RETURN(const Tags tags, ModelTagList(tx, row.name, row.version));
  for (const auto& [key, value] : tags) {
    mlflow::KeyValue* tag = out->add_tags();
    tag->set_key(key);
    tag->set_value(value);
  }
  ASSIGN_OR_RETURN(const ModelAliases aliases, ModelAliasList(tx, row.name));
  for (const auto& [alias, version] : aliases) {
    if (version == row.version) out->add_aliases(alias);
  }
  return absl::OkStatus();
}

absl::Status ReadModel(db::Tx& tx, const RegisteredModelRow& row, mlflow::RegisteredModel* out) {
  out->set_name(row.name);
  out->set_creation_timestamp(MlflowMillis(row.created_at));
  out->set_last_updated_timestamp(MlflowMillis(row.updated_at));
  out->set_description(row.description);
  ASSIGN_OR_RETURN(const Tags tags, ModelTagList(tx, row.name, 0));
  for (const auto& [key, value] : tags) {
    mlflow::KeyValue* tag = out->add_tags();
    tag->set_key(key);
    tag->set_value(value);
  }
  ASSIGN_OR_RETURN(const ModelAliases aliases, ModelAliasList(tx, row.name));
  for (const auto& [alias, version] : aliases) {
    mlflow::RegisteredModelAlias* one = out->add_aliases();
    one->set_alias(alias);
    one->set_version(absl::StrCat(version));
  }
  ASSIGN_OR_RETURN(const auto latest, ModelVersionLatest(tx, row.name));
  return latest.has_value() ? ReadVersion(tx, *latest, out->add_latest_versions()) : absl::OkStatus();
}

// Changes a model in a write, which is noted, and answers with it if `reply` is there.
template <typename Change>
absl::Status ChangeRegistered(RequestContext& context, const std::string& name,
                              mlflow::RegisteredModel* reply, Change change) {
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(RegisteredModelRow row, RegisteredModelGet(tx, name));
    row.updated_at = now;
    RETURN_IF_ERROR(change(tx, row));
    RETURN_IF_ERROR(RegisteredModelUpdate(tx, row));
    if (reply == nullptr) return absl::OkStatus();
    reply->Clear();
    return ReadModel(tx, row, reply);
  });
}

// The same for a version.
template <typename Change>
absl::Status ChangeVersion(RequestContext& context, const std::string& name, const std::string& version,
                           mlflow::ModelVersion* reply, Change change) {
  ASSIGN_OR_RETURN(const int64_t number, VersionOf(name, version));
  const absl::Time now = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(ModelVersionRow row, ModelVersionGet(tx, name, number));
    row.updated_at = now;
    RETURN_IF_ERROR(change(tx, row));
    RETURN_IF_ERROR(ModelVersionUpdate(tx, row));
    if (reply == nullptr) return absl::OkStatus();
    reply->Clear();
    return ReadVersion(tx, row, reply);
  });
}

// Where the files of a source are: it may name a logged model (models:/m-...) or another version (models:/NAME/VERSION).
absl::StatusOr<std::string> LocationOf(RequestContext& context, db::Tx& tx, const std::string& source) {
  if (!absl::StartsWith(source, kModelsScheme)) return source;
  const std::string rest = source.substr(sizeof(kModelsScheme) - 1);
  const size_t slash = rest.rfind('/');
  if (slash != std::string::npos) {
    ASSIGN_OR_RETURN(const int64_t number, VersionOf(rest.substr(0, slash), rest.substr(slash + 1)));
    ASSIGN_OR_RETURN(const ModelVersionRow other, ModelVersionGet(tx, rest.substr(0, slash), number));
    return other.location;
  }
  ASSIGN_OR_RETURN(const LoggedModelRow model, LoggedModelGet(tx, rest));
  ExperimentRow experiment;
  experiment.experiment_id = model.experiment_id;
  auto found = ExperimentGet(tx, model.experiment_id);
  if (found.ok()) experiment = *std::move(found);
  return ModelArtifactUri(context.deps.default_experiment_id, experiment, model.model_id);
}

absl::StatusOr<Tags> TagsOfRegistry(const google::protobuf::RepeatedPtrField<mlflow::KeyValue>& tags) {
  Tags checked;
  for (const mlflow::KeyValue& tag : tags) {
    RETURN_IF_ERROR(CheckRegistryTag(tag.key(), tag.value()));
    checked[tag.key()] = tag.value();
  }
  const auto count = static_cast<int64_t>(checked.size());
  if (count > limits::kTypedTags) return error::TagsTooMany(count, limits::kTypedTags);
  return checked;
}

absl::Status SetRegistryTag(db::Tx& tx, const std::string& name, int64_t version, const std::string& key,
                            const std::string& value) {
  ASSIGN_OR_RETURN(const Tags known, ModelTagList(tx, name, version));
  const auto count = static_cast<int64_t>(known.size()) + (known.contains(key) ? 0 : 1);
  if (count > limits::kTypedTags) return error::TagsTooMany(count, limits::kTypedTags);
  return ModelTagSet(tx, name, version, key, value);
}

}  // namespace

absl::Status RegisteredModelCreate(RequestContext& context,
                                   const mlflow::CreateRegisteredModelRequest& request,
                                   mlflow::CreateRegisteredModelResponse* reply) {
  RETURN_IF_ERROR(CheckRegisteredName(request.name()));
  RETURN_IF_ERROR(CheckDescription(request.description()));
  ASSIGN_OR_RETURN(const Tags tags, TagsOfRegistry(request.tags()));
  const absl::Time now = context.deps.clock.Now();
  const RegisteredModelRow row = {request.name(), request.description(), 0, now, now};
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RegisteredModelInsert(tx, row));
    for (const auto& [key, value] : tags) RETURN_IF_ERROR(ModelTagSet(tx, row.name, 0, key, value));
    reply->Clear();
    return ReadModel(tx, row, reply->mutable_registered_model());
  });
}

absl::Status RegisteredModelGet(RequestContext& context, const mlflow::GetRegisteredModelRequest& request,
                                mlflow::GetRegisteredModelResponse* reply) {
  RETURN_IF_ERROR(CheckRegisteredName(request.name()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RegisteredModelRow row, RegisteredModelGet(tx, request.name()));
    reply->Clear();
    return ReadModel(tx, row, reply->mutable_registered_model());
  });
}

absl::Status RegisteredModelUpdate(RequestContext& context,
                                   const mlflow::UpdateRegisteredModelRequest& request,
                                   mlflow::UpdateRegisteredModelResponse* reply) {
  RETURN_IF_ERROR(CheckDescription(request.description()));
  return ChangeRegistered(context, request.name(), reply->mutable_registered_model(),
                          [&](db::Tx&, RegisteredModelRow& row) {
                            if (request.has_description()) row.description = request.description();
                            return absl::OkStatus();
                          });
}

absl::Status RegisteredModelRename(RequestContext& context,
                                   const mlflow::RenameRegisteredModelRequest& request,
                                   mlflow::RenameRegisteredModelResponse* reply) {
  RETURN_IF_ERROR(CheckRegisteredName(request.new_name()));
  return ChangeRegistered(context, request.name(), reply->mutable_registered_model(),
                          [&](db::Tx& tx, RegisteredModelRow& row) {
                            const std::string old = std::exchange(row.name, request.new_name());
                            return RegisteredModelRename(tx, old, row.name);
                          });
}

absl::Status RegisteredModelDelete(RequestContext& context,
                                   const mlflow::DeleteRegisteredModelRequest& request) {
  return context.deps.store.Write([&](db::Tx& tx) { return RegisteredModelDelete(tx, request.name()); });
}

// There are no stages here, so the latest version is that of the stage None, which all have.
absl::Status LatestVersionsGet(RequestContext& context, const mlflow::GetLatestVersionsRequest& request,
                               mlflow::GetLatestVersionsResponse* reply) {
  bool wanted = request.stages().empty();
  for (const std::string& stage : request.stages()) wanted |= absl::EqualsIgnoreCase(stage, kNoStage);
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RegisteredModelGet(tx, request.name()).status());
    ASSIGN_OR_RETURN(const auto latest, ModelVersionLatest(tx, request.name()));
    if (!wanted || !latest.has_value()) return absl::OkStatus();
    return ReadVersion(tx, *latest, reply->add_model_versions());
  });
}

absl::Status RegisteredModelTagSet(RequestContext& context,
                                   const mlflow::SetRegisteredModelTagRequest& request) {
  RETURN_IF_ERROR(CheckRegistryTag(request.key(), request.value()));
  return ChangeRegistered(context, request.name(), nullptr, [&](db::Tx& tx, RegisteredModelRow& row) {
    return SetRegistryTag(tx, row.name, 0, request.key(), request.value());
  });
}

absl::Status RegisteredModelTagDelete(RequestContext& context,
                                      const mlflow::DeleteRegisteredModelTagRequest& request) {
  return ChangeRegistered(context, request.name(), nullptr, [&](db::Tx& tx, RegisteredModelRow& row) {
    return ModelTagDelete(tx, row.name, 0, request.key());
  });
}

absl::Status RegisteredModelAliasSet(RequestContext& context,
                                     const mlflow::SetRegisteredModelAliasRequest& request) {
  RETURN_IF_ERROR(CheckAlias(request.alias()));
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(request.name(), request.version()));
  return ChangeRegistered(
      context, request.name(), nullptr, [&](db::Tx& tx, RegisteredModelRow& row) -> absl::Status {
        RETURN_IF_ERROR(ModelVersionGet(tx, row.name, version).status());
        ASSIGN_OR_RETURN(const ModelAliases known, ModelAliasList(tx, row.name));
        const auto count = static_cast<int64_t>(known.size()) + (known.contains(request.alias()) ? 0 : 1);
        if (count > limits::kTypedTags) return error::MlflowTooMany("aliases", count, limits::kTypedTags);
        return ModelAliasSet(tx, row.name, request.alias(), version);
      });
}

absl::Status RegisteredModelAliasDelete(RequestContext& context,
                                        const mlflow::DeleteRegisteredModelAliasRequest& request) {
  return ChangeRegistered(context, request.name(), nullptr, [&](db::Tx& tx, RegisteredModelRow& row) {
    return ModelAliasDelete(tx, row.name, request.alias());
  });
}

absl::Status ModelVersionGetByAlias(RequestContext& context,
                                    const mlflow::GetModelVersionByAliasRequest& request,
                                    mlflow::GetModelVersionByAliasResponse* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    RETURN_IF_ERROR(RegisteredModelGet(tx, request.name()).status());
    ASSIGN_OR_RETURN(const ModelAliases aliases, ModelAliasList(tx, request.name()));
    const auto found = aliases.find(request.alias());
    if (found == aliases.end()) return error::MlflowAliasNotFound(request.name(), request.alias());
    ASSIGN_OR_RETURN(const ModelVersionRow row, ModelVersionGet(tx, request.name(), found->second));
    return ReadVersion(tx, row, reply->mutable_model_version());
  });
}

absl::Status ModelVersionCreate(RequestContext& context, const mlflow::CreateModelVersionRequest& request,
                                mlflow::CreateModelVersionResponse* reply) {
  RETURN_IF_ERROR(CheckRegisteredName(request.name()));
  if (request.source().empty()) return error::MlflowFieldMissing("source");
  RETURN_IF_ERROR(CheckText("source", request.source(), limits::kUrlBytes));
  RETURN_IF_ERROR(CheckText("run_link", request.run_link(), limits::kUrlBytes));
  RETURN_IF_ERROR(CheckText("run_id", request.run_id(), limits::kNameBytes));
  RETURN_IF_ERROR(CheckText("model_id", request.model_id(), limits::kNameBytes));
  RETURN_IF_ERROR(CheckDescription(request.description()));
  ASSIGN_OR_RETURN(const Tags tags, TagsOfRegistry(request.tags()));
  ModelVersionRow row;
  row.name = request.name();
  row.description = request.description();
  row.source = request.source();
  row.run_link = request.run_link();
  row.created_at = row.updated_at = context.deps.clock.Now();
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    row.run_id = request.run_id();
    row.model_id = request.model_id();
    if (row.model_id.empty() && absl::StartsWith(row.source, absl::StrCat(kModelsScheme, "m-"))) {
      row.model_id = row.source.substr(sizeof(kModelsScheme) - 1);
    }
    if (!row.model_id.empty()) {
      ASSIGN_OR_RETURN(const LoggedModelRow model, LoggedModelGet(tx, row.model_id));
      if (row.run_id.empty()) row.run_id = model.source_run_id;
    }
    ASSIGN_OR_RETURN(row.location, LocationOf(context, tx, row.source));
    ASSIGN_OR_RETURN(row.version, ModelVersionReserve(tx, row.name));
    RETURN_IF_ERROR(ModelVersionInsert(tx, row));
    for (const auto& [key, value] : tags) RETURN_IF_ERROR(ModelTagSet(tx, row.name, row.version, key, value));
    ASSIGN_OR_RETURN(RegisteredModelRow model, RegisteredModelGet(tx, row.name));
    model.updated_at = row.created_at;
    RETURN_IF_ERROR(RegisteredModelUpdate(tx, model));
    reply->Clear();
    return ReadVersion(tx, row, reply->mutable_model_version());
  });
}

absl::Status ModelVersionGet(RequestContext& context, const mlflow::GetModelVersionRequest& request,
                             mlflow::GetModelVersionResponse* reply) {
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(request.name(), request.version()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    ASSIGN_OR_RETURN(const ModelVersionRow row, ModelVersionGet(tx, request.name(), version));
    return ReadVersion(tx, row, reply->mutable_model_version());
  });
}

absl::Status ModelVersionUpdate(RequestContext& context, const mlflow::UpdateModelVersionRequest& request,
                                mlflow::UpdateModelVersionResponse* reply) {
  RETURN_IF_ERROR(CheckDescription(request.description()));
  return ChangeVersion(context, request.name(), request.version(), reply->mutable_model_version(),
                       [&](db::Tx&, ModelVersionRow& row) {
                         if (request.has_description()) row.description = request.description();
                         return absl::OkStatus();
                       });
}

absl::Status ModelVersionDelete(RequestContext& context, const mlflow::DeleteModelVersionRequest& request) {
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(request.name(), request.version()));
  return ChangeRegistered(context, request.name(), nullptr, [&](db::Tx& tx, RegisteredModelRow& row) {
    return ModelVersionDelete(tx, row.name, version);
  });
}

absl::Status ModelVersionUriGet(RequestContext& context,
                                const mlflow::GetModelVersionDownloadUriRequest& request,
                                mlflow::GetModelVersionDownloadUriResponse* reply) {
  ASSIGN_OR_RETURN(const int64_t version, VersionOf(request.name(), request.version()));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const ModelVersionRow row, ModelVersionGet(tx, request.name(), version));
    reply->set_artifact_uri(row.location);
    return absl::OkStatus();
  });
}

absl::Status ModelVersionTagSet(RequestContext& context, const mlflow::SetModelVersionTagRequest& request) {
  RETURN_IF_ERROR(CheckRegistryTag(request.key(), request.value()));
  return ChangeVersion(context, request.name(), request.version(), nullptr,
                       [&](db::Tx& tx, ModelVersionRow& row) {
                         return SetRegistryTag(tx, row.name, row.version, request.key(), request.value());
                       });
}

absl::Status ModelVersionTagDelete(RequestContext& context,
                                   const mlflow::DeleteModelVersionTagRequest& request) {
  return ChangeVersion(context, request.name(), request.version(), nullptr,
                       [&](db::Tx& tx, ModelVersionRow& row) {
                         return ModelTagDelete(tx, row.name, row.version, request.key());
                       });
}

}  // namespace penstock
