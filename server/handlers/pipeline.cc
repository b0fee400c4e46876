#include "server/handlers/pipeline.h"

#include "absl/container/flat_hash_map.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/spec/package.h"
#include "common/status_macros.h"
#include "server/convert/pipeline.h"
#include "server/handlers/list.h"
#include "server/validate.h"
#include "storage/pipeline_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

using Document = std::shared_ptr<const PipelineDocument>;

// Name and display name, each standing in for the other. INVALID_ARGUMENT if both are empty or one is too
// long.
absl::Status FillNames(std::string& name, std::string& display_name, int64_t name_limit_bytes) {
  if (name.empty()) name = display_name;
  if (display_name.empty()) display_name = name;
  if (name.empty()) return error::FieldRequired("name", "give a name or a display_name");
  RETURN_IF_ERROR(CheckName("name", name, name_limit_bytes));
  return CheckName("display_name", display_name, limits::kDisplayNameBytes);
}

absl::StatusOr<Document> ReadPackage(const std::string& file_name, const std::string& content) {
  ASSIGN_OR_RETURN(const std::string text, ExtractPackage(file_name, content));
  ASSIGN_OR_RETURN(Document document, ParsePipelineText(text));
  RETURN_IF_ERROR(CheckPipelineName(document->spec.pipeline_info().name()));
  RETURN_IF_ERROR(CheckSupported(*document));
  return document;
}

absl::Status InsertVersion(db::Tx& tx, const PipelineVersionRow& row, const PipelineDocument& document) {
  RETURN_IF_ERROR(SpecPut(tx, document.sha256_hex, document.canonical_json));
  return PipelineVersionInsert(tx, row);
}

std::optional<Tags> TagsToSet(const google::protobuf::Map<std::string, std::string>& tags, bool clear) {
  if (tags.empty() && !clear) return std::nullopt;
  return TagsFrom(tags);
}

absl::Status ReadVersion(db::Tx& tx, absl::string_view pipeline_version_id, api::PipelineVersion* reply) {
  ASSIGN_OR_RETURN(const PipelineVersionRow row, PipelineVersionGet(tx, pipeline_version_id));
  ASSIGN_OR_RETURN(const std::string spec, SpecGet(tx, row.spec_sha256));
  reply->Clear();
  ToApi(row, reply);
  return SpecToApi(spec, reply->mutable_pipeline_spec());
}

}  // namespace

absl::Status PipelineCreate(Deps& deps, const api::CreatePipelineRequest& request, api::Pipeline* reply) {
  const api::Pipeline& given = request.pipeline();
  PipelineRow row;
  row.name = given.name();
  row.display_name = given.display_name();
  RETURN_IF_ERROR(FillNames(row.name, row.display_name, limits::kNameBytes));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  row.tags = TagsFrom(given.tags());
  RETURN_IF_ERROR(CheckTags(row.tags));
  row.pipeline_id = deps.ids.NewId();
  row.description = given.description();
  row.created_at = deps.clock.Now();
  RETURN_IF_ERROR(deps.store.Write([&](db::Tx& tx) { return PipelineInsert(tx, row); }));
  ToApi(row, reply);
  return absl::OkStatus();
}

absl::Status PipelineGet(Deps& deps, const api::GetPipelineRequest& request, api::Pipeline* reply) {
  return deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGet(tx, request.pipeline_id()));
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineGetByName(Deps& deps, const api::GetPipelineByNameRequest& request,
                               api::Pipeline* reply) {
  return deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGetByName(tx, "", request.name()));
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineList(Deps& deps, const api::ListPipelinesRequest& request,
                          api::ListPipelinesResponse* reply) {
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(deps, PipelineResource(), request, std::nullopt));
  Page<PipelineRow> page;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) { return PipelineList(tx, query, page); }));
  for (const PipelineRow& row : page.rows) ToApi(row, reply->add_pipelines());
  reply->set_total_size(static_cast<int32_t>(page.total_size));
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status PipelineUpdate(Deps& deps, const api::UpdatePipelineRequest& request, bool clear_tags,
                            api::Pipeline* reply) {
  const api::Pipeline& given = request.pipeline();
  RETURN_IF_ERROR(CheckText("display_name", given.display_name(), limits::kDisplayNameBytes));
  const std::optional<Tags> tags = TagsToSet(given.tags(), clear_tags);
  if (tags.has_value()) RETURN_IF_ERROR(CheckTags(*tags));
  return deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineUpdate(tx, given.pipeline_id(), given.display_name(), tags));
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGet(tx, given.pipeline_id()));
    reply->Clear();
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineDelete(Deps& deps, const api::DeletePipelineRequest& request, google::protobuf::Empty*) {
  return deps.store.Write(
      [&](db::Tx& tx) { return PipelineDelete(tx, request.pipeline_id(), request.cascade()); });
}

// As KFP's server: the pipeline id of the path does not matter, the version's own id names it.
absl::Status PipelineVersionGet(Deps& deps, const api::GetPipelineVersionRequest& request,
                                api::PipelineVersion* reply) {
  return deps.store.Read([&](db::Tx& tx) { return ReadVersion(tx, request.pipeline_version_id(), reply); });
}

absl::Status PipelineVersionList(Deps& deps, const api::ListPipelineVersionsRequest& request,
                                 api::ListPipelineVersionsResponse* reply) {
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(deps, PipelineVersionResource(), request,
                                                        ListScope{"pipeline_id", request.pipeline_id()}));
  Page<PipelineVersionRow> page;
  absl::flat_hash_map<std::string, std::string> specs;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineVersionList(tx, request.pipeline_id(), query, page));
    for (const PipelineVersionRow& row : page.rows) {
      if (specs.contains(row.spec_sha256)) continue;
      ASSIGN_OR_RETURN(specs[row.spec_sha256], SpecGet(tx, row.spec_sha256));
    }
    return absl::OkStatus();
  }));
  for (const PipelineVersionRow& row : page.rows) {
    api::PipelineVersion* version = reply->add_pipeline_versions();
    ToApi(row, version);
    RETURN_IF_ERROR(SpecToApi(specs[row.spec_sha256], version->mutable_pipeline_spec()));
  }
  reply->set_total_size(static_cast<int32_t>(page.total_size));
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status PipelineVersionUpdate(Deps& deps, const api::UpdatePipelineVersionRequest& request,
                                   bool clear_tags, api::PipelineVersion* reply) {
  const api::PipelineVersion& given = request.pipeline_version();
  RETURN_IF_ERROR(CheckText("display_name", given.display_name(), limits::kDisplayNameBytes));
  const std::optional<Tags> tags = TagsToSet(given.tags(), clear_tags);
  if (tags.has_value()) RETURN_IF_ERROR(CheckTags(*tags));
  return deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineVersionUpdate(tx, given.pipeline_version_id(), given.display_name(), tags));
    return ReadVersion(tx, given.pipeline_version_id(), reply);
  });
}

absl::Status PipelineVersionDelete(Deps& deps, const api::DeletePipelineVersionRequest& request,
                                   google::protobuf::Empty*) {
  return deps.store.Write(
      [&](db::Tx& tx) { return PipelineVersionDelete(tx, request.pipeline_version_id()); });
}

absl::Status PipelineUpload(Deps& deps, const penstock::v1::UploadPipelineRequest& request,
                            api::Pipeline* reply) {
  PipelineRow pipeline;
  pipeline.name = request.name();
  pipeline.display_name = request.display_name();
  if (pipeline.name.empty() && pipeline.display_name.empty()) pipeline.name = request.file_name();
  RETURN_IF_ERROR(FillNames(pipeline.name, pipeline.display_name, limits::kNameBytes));
  RETURN_IF_ERROR(CheckText("namespace", request.namespace_(), limits::kNamespaceBytes));
  RETURN_IF_ERROR(CheckDescription(request.description()));
  RETURN_IF_ERROR(CheckText("code_source_url", request.code_source_url(), limits::kUrlBytes));
  pipeline.tags = TagsFrom(request.tags());
  RETURN_IF_ERROR(CheckTags(pipeline.tags));
  ASSIGN_OR_RETURN(const Document document, ReadPackage(request.file_name(), request.content()));

  pipeline.pipeline_id = deps.ids.NewId();
  pipeline.description = request.description();
  pipeline.created_at = deps.clock.Now();
  PipelineVersionRow version;
  version.pipeline_version_id = deps.ids.NewId();
  version.pipeline_id = pipeline.pipeline_id;
  version.name = pipeline.name;
  version.display_name = pipeline.display_name;
  version.description = pipeline.description;
  version.code_source_url = request.code_source_url();
  version.spec_sha256 = document->sha256_hex;
  version.created_at = pipeline.created_at;
  RETURN_IF_ERROR(deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineInsert(tx, pipeline));
    return InsertVersion(tx, version, *document);
  }));
  deps.documents.Put(document->sha256_hex, document);
  ToApi(pipeline, reply);
  return absl::OkStatus();
}

absl::Status PipelineVersionUpload(Deps& deps, const penstock::v1::UploadPipelineVersionRequest& request,
                                   api::PipelineVersion* reply) {
  PipelineVersionRow version;
  version.name = request.name();
  version.display_name = request.display_name();
  if (version.name.empty() && version.display_name.empty()) version.name = request.file_name();
  RETURN_IF_ERROR(FillNames(version.name, version.display_name, limits::kVersionNameBytes));
  if (request.pipeline_id().empty()) {
    return error::FieldRequired("pipelineid", "name the pipeline that the new version belongs to");
  }
  RETURN_IF_ERROR(CheckDescription(request.description()));
  RETURN_IF_ERROR(CheckText("code_source_url", request.code_source_url(), limits::kUrlBytes));
  version.tags = TagsFrom(request.tags());
  RETURN_IF_ERROR(CheckTags(version.tags));
  ASSIGN_OR_RETURN(const Document document, ReadPackage(request.file_name(), request.content()));

  version.pipeline_version_id = deps.ids.NewId();
  version.pipeline_id = request.pipeline_id();
  version.description = request.description();
  version.code_source_url = request.code_source_url();
  version.spec_sha256 = document->sha256_hex;
  version.created_at = deps.clock.Now();
  RETURN_IF_ERROR(deps.store.Write([&](db::Tx& tx) { return InsertVersion(tx, version, *document); }));
  deps.documents.Put(document->sha256_hex, document);
  ToApi(version, reply);
  return SpecToApi(document->canonical_json, reply->mutable_pipeline_spec());
}

}  // namespace penstock
