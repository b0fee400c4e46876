#include "server/handlers/pipeline_package.h"

#include <memory>

#include "absl/strings/match.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/spec/package.h"
#include "server/convert/pipeline.h"
#include "server/memory.h"
#include "server/package_fetch.h"
#include "server/validate.h"
#include "storage/pipeline_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

using Document = std::shared_ptr<const PipelineDocument>;

// The request was taken memory for; this is for what its text becomes beyond that.
absl::Status TakeMemoryForText(RequestContext& context, absl::string_view text, size_t content_bytes) {
  int64_t bytes = 0;
  if (text.size() > content_bytes) bytes += (text.size() - content_bytes) * limits::kRequestMemoryFactor;
  if (absl::StrContains(text, '&') && absl::StrContains(text, '*')) bytes += limits::kAliasMemoryBytes;
  return bytes < limits::kRequestBytesFree ? absl::OkStatus() : TakeMemory(context, bytes);
}

absl::StatusOr<Document> ReadPackage(RequestContext& context, const std::string& file_name,
                                     const std::string& content) {
  ASSIGN_OR_RETURN(const std::string text, ExtractPackage(file_name, content));
  RETURN_IF_ERROR(TakeMemoryForText(context, text, content.size()));
  ASSIGN_OR_RETURN(Document document, ParsePipelineText(text));
  RETURN_IF_ERROR(CheckPipelineName(document->spec.pipeline_info().name()));
  RETURN_IF_ERROR(CheckSupported(*document));
  return document;
}

// What a request says of a version must hold before its package is read.
absl::Status CheckVersion(PipelineVersionRow& version) {
  RETURN_IF_ERROR(FillPipelineNames(limits::kVersionNameBytes, &version.name, &version.display_name));
  RETURN_IF_ERROR(CheckDescription(version.description));
  RETURN_IF_ERROR(CheckText("code_source_url", version.code_source_url, limits::kUrlBytes));
  return CheckTags(version.tags);
}

absl::Status CheckPipeline(PipelineRow& pipeline) {
  RETURN_IF_ERROR(FillPipelineNames(limits::kNameBytes, &pipeline.name, &pipeline.display_name));
  RETURN_IF_ERROR(CheckDescription(pipeline.description));
  return CheckTags(pipeline.tags);
}

absl::Status InsertVersion(db::Tx& tx, const PipelineVersionRow& row, const PipelineDocument& document) {
  RETURN_IF_ERROR(SpecPut(tx, document.sha256_hex, document.canonical_json));
  return PipelineVersionInsert(tx, row);
}

// Stores the version of `document`, and before it the pipeline if there is one to be made.
absl::Status StoreVersion(RequestContext& context, PipelineRow* pipeline, PipelineVersionRow& version,
                          const Document& document) {
  version.pipeline_version_id = context.deps.ids.NewId();
  version.spec_sha256 = document->sha256_hex;
  version.created_at = context.deps.clock.Now();
  if (pipeline != nullptr) {
    pipeline->pipeline_id = version.pipeline_id = context.deps.ids.NewId();
    pipeline->created_at = version.created_at;
  }
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    if (pipeline != nullptr) RETURN_IF_ERROR(PipelineInsert(tx, *pipeline));
    return InsertVersion(tx, version, *document);
  }));
  context.deps.documents.Put(document->sha256_hex, document);
  return absl::OkStatus();
}

// The first version of a pipeline is called as the pipeline is.
void NameAfter(const PipelineRow& pipeline, PipelineVersionRow& version) {
  version.name = pipeline.name;
  version.display_name = pipeline.display_name;
  version.description = pipeline.description;
}

}  // namespace

absl::Status FillPipelineNames(int64_t name_limit_bytes, std::string* name, std::string* display_name) {
  if (name->empty()) *name = *display_name;
  if (display_name->empty()) *display_name = *name;
  if (name->empty()) return error::FieldRequired("name", "give a name or a display_name");
  RETURN_IF_ERROR(CheckName("name", *name, name_limit_bytes));
  return CheckName("display_name", *display_name, limits::kDisplayNameBytes);
}

absl::Status PipelineUpload(RequestContext& context, const penstock::v1::UploadPipelineRequest& request,
                            api::Pipeline* reply) {
  PipelineRow pipeline;
  pipeline.name = request.name();
  pipeline.display_name = request.display_name();
  if (pipeline.name.empty() && pipeline.display_name.empty()) pipeline.name = request.file_name();
  pipeline.description = request.description();
  pipeline.tags = TagsFrom(request.tags());
  RETURN_IF_ERROR(CheckPipeline(pipeline));
  RETURN_IF_ERROR(CheckText("namespace", request.namespace_(), limits::kNamespaceBytes));
  PipelineVersionRow version;
  NameAfter(pipeline, version);
  version.code_source_url = request.code_source_url();
  RETURN_IF_ERROR(CheckText("code_source_url", version.code_source_url, limits::kUrlBytes));
  ASSIGN_OR_RETURN(const Document document, ReadPackage(context, request.file_name(), request.content()));
  RETURN_IF_ERROR(StoreVersion(context, &pipeline, version, document));
  ToApi(pipeline, reply);
  return absl::OkStatus();
}

absl::Status PipelineVersionUpload(RequestContext& context,
                                   const penstock::v1::UploadPipelineVersionRequest& request,
                                   api::PipelineVersion* reply) {
  PipelineVersionRow version;
  version.name = request.name();
  version.display_name = request.display_name();
  if (version.name.empty() && version.display_name.empty()) version.name = request.file_name();
  version.description = request.description();
  version.code_source_url = request.code_source_url();
  version.tags = TagsFrom(request.tags());
  RETURN_IF_ERROR(CheckVersion(version));
  if (request.pipeline_id().empty()) {
    return error::FieldRequired("pipelineid", "name the pipeline that the new version belongs to");
  }
  version.pipeline_id = request.pipeline_id();
  ASSIGN_OR_RETURN(const Document document, ReadPackage(context, request.file_name(), request.content()));
  RETURN_IF_ERROR(StoreVersion(context, nullptr, version, document));
  ToApi(version, reply);
  return SpecToApi(document->canonical_json, reply->mutable_pipeline_spec());
}

absl::Status PipelineAndVersionCreate(RequestContext& context,
                                      const api::CreatePipelineAndVersionRequest& request,
                                      api::Pipeline* reply) {
  const api::Pipeline& given = request.pipeline();
  PipelineRow pipeline;
  pipeline.name = given.name();
  pipeline.display_name = given.display_name();
  pipeline.description = given.description();
  pipeline.tags = TagsFrom(given.tags());
  const bool named = !pipeline.name.empty() || !pipeline.display_name.empty();
  if (named) RETURN_IF_ERROR(CheckPipeline(pipeline));
  PipelineVersionRow version;
  version.package_url = request.pipeline_version().package_url().pipeline_url();
  version.tags = TagsFrom(request.pipeline_version().tags());
  RETURN_IF_ERROR(CheckTags(version.tags));
  ASSIGN_OR_RETURN(const FetchedPackage package,
                   FetchPackage(context.deps.package_urls, version.package_url));
  if (!named) {
    pipeline.name = package.file_name;
    RETURN_IF_ERROR(CheckPipeline(pipeline));
  }
  NameAfter(pipeline, version);
  ASSIGN_OR_RETURN(const Document document, ReadPackage(context, package.file_name, package.content));
  RETURN_IF_ERROR(StoreVersion(context, &pipeline, version, document));
  ToApi(pipeline, reply);
  return absl::OkStatus();
}

absl::Status PipelineVersionCreate(RequestContext& context, const api::CreatePipelineVersionRequest& request,
                                   api::PipelineVersion* reply) {
  const api::PipelineVersion& given = request.pipeline_version();
  // As KFP's server: both are wanted, and the first one counts.
  if (request.pipeline_id().empty() || given.pipeline_id().empty()) {
    return error::FieldRequired(
        request.pipeline_id().empty() ? "pipeline_id" : "pipeline_version.pipeline_id",
        "name the pipeline that the new version belongs to");
  }
  PipelineVersionRow version;
  version.pipeline_id = request.pipeline_id();
  version.name = given.name();
  version.display_name = given.display_name();
  version.description = given.description();
  version.package_url = given.package_url().pipeline_url();
  version.code_source_url = given.code_source_url();
  version.tags = TagsFrom(given.tags());
  RETURN_IF_ERROR(CheckVersion(version));
  // Before the fetch, which may take long. The insert finds out again.
  RETURN_IF_ERROR(
      context.deps.store.Read([&](db::Tx& tx) { return PipelineGet(tx, version.pipeline_id).status(); }));
  ASSIGN_OR_RETURN(const FetchedPackage package,
                   FetchPackage(context.deps.package_urls, version.package_url));
  ASSIGN_OR_RETURN(const Document document, ReadPackage(context, package.file_name, package.content));
  RETURN_IF_ERROR(StoreVersion(context, nullptr, version, document));
  ToApi(version, reply);
  return SpecToApi(document->canonical_json, reply->mutable_pipeline_spec());
}

}  // namespace penstock
