#include "server/handlers/pipeline.h"

#include "absl/container/flat_hash_map.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/pipeline.h"
#include "server/handlers/list.h"
#include "server/handlers/pipeline_package.h"
#include "server/validate.h"
#include "storage/pipeline_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

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

absl::Status PipelineCreate(RequestContext& context, const api::CreatePipelineRequest& request,
                            api::Pipeline* reply) {
  const api::Pipeline& given = request.pipeline();
  PipelineRow row;
  row.name = given.name();
  row.display_name = given.display_name();
  RETURN_IF_ERROR(FillPipelineNames(limits::kNameBytes, &row.name, &row.display_name));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  row.tags = TagsFrom(given.tags());
  RETURN_IF_ERROR(CheckTags(row.tags));
  row.pipeline_id = context.deps.ids.NewId();
  row.description = given.description();
  row.created_at = context.deps.clock.Now();
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) { return PipelineInsert(tx, row); }));
  ToApi(row, reply);
  return absl::OkStatus();
}

absl::Status PipelineGet(RequestContext& context, const api::GetPipelineRequest& request,
                         api::Pipeline* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGet(tx, request.pipeline_id()));
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineGetByName(RequestContext& context, const api::GetPipelineByNameRequest& request,
                               api::Pipeline* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGetByName(tx, "", request.name()));
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineList(RequestContext& context, const api::ListPipelinesRequest& request,
                          api::ListPipelinesResponse* reply) {
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(context, PipelineResource(), request, std::nullopt));
  Page<PipelineRow> page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) { return PipelineList(tx, query, page); }));
  for (const PipelineRow& row : page.rows) ToApi(row, reply->add_pipelines());
  reply->set_total_size(static_cast<int32_t>(page.total_size));
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

absl::Status PipelineUpdate(RequestContext& context, const api::UpdatePipelineRequest& request,
                            bool clear_tags, api::Pipeline* reply) {
  const api::Pipeline& given = request.pipeline();
  RETURN_IF_ERROR(CheckText("display_name", given.display_name(), limits::kDisplayNameBytes));
  const std::optional<Tags> tags = TagsToSet(given.tags(), clear_tags);
  if (tags.has_value()) RETURN_IF_ERROR(CheckTags(*tags));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineUpdate(tx, given.pipeline_id(), given.display_name(), tags));
    ASSIGN_OR_RETURN(const PipelineRow row, PipelineGet(tx, given.pipeline_id()));
    reply->Clear();
    ToApi(row, reply);
    return absl::OkStatus();
  });
}

absl::Status PipelineDelete(RequestContext& context, const api::DeletePipelineRequest& request,
                            google::protobuf::Empty*) {
  return context.deps.store.Write(
      [&](db::Tx& tx) { return PipelineDelete(tx, request.pipeline_id(), request.cascade()); });
}

// As KFP's server: the pipeline id of the path does not matter, the version's own id names it.
absl::Status PipelineVersionGet(RequestContext& context, const api::GetPipelineVersionRequest& request,
                                api::PipelineVersion* reply) {
  return context.deps.store.Read(
      [&](db::Tx& tx) { return ReadVersion(tx, request.pipeline_version_id(), reply); });
}

absl::Status PipelineVersionList(RequestContext& context, const api::ListPipelineVersionsRequest& request,
                                 api::ListPipelineVersionsResponse* reply) {
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(context, PipelineVersionResource(), request,
                                                        ListScope{"pipeline_id", request.pipeline_id()}));
  Page<PipelineVersionRow> page;
  absl::flat_hash_map<std::string, std::string> specs;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
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

absl::Status PipelineVersionUpdate(RequestContext& context, const api::UpdatePipelineVersionRequest& request,
                                   bool clear_tags, api::PipelineVersion* reply) {
  const api::PipelineVersion& given = request.pipeline_version();
  RETURN_IF_ERROR(CheckText("display_name", given.display_name(), limits::kDisplayNameBytes));
  const std::optional<Tags> tags = TagsToSet(given.tags(), clear_tags);
  if (tags.has_value()) RETURN_IF_ERROR(CheckTags(*tags));
  return context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(PipelineVersionUpdate(tx, given.pipeline_version_id(), given.display_name(), tags));
    return ReadVersion(tx, given.pipeline_version_id(), reply);
  });
}

absl::Status PipelineVersionDelete(RequestContext& context, const api::DeletePipelineVersionRequest& request,
                                   google::protobuf::Empty*) {
  return context.deps.store.Write(
      [&](db::Tx& tx) { return PipelineVersionDelete(tx, request.pipeline_version_id()); });
}

}  // namespace penstock
