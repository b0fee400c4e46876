#include "server/handlers/pipeline_source.h"

#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/memory.h"
#include "storage/pipeline_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

using Document = std::shared_ptr<const PipelineDocument>;
using Version = std::shared_ptr<const PipelineVersionRow>;

// The version that the run names, by its id or as the latest of a pipeline.
absl::StatusOr<Version> ReferencedVersion(RequestContext& context,
                                          const api::PipelineVersionReference& reference) {
  Version version = context.deps.versions.Find(reference.pipeline_version_id());
  if (version == nullptr) {
    auto row = std::make_shared<PipelineVersionRow>();
    RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
      if (reference.pipeline_version_id().empty()) {
        ASSIGN_OR_RETURN(*row, PipelineVersionLatest(tx, reference.pipeline_id()));
      } else {
        ASSIGN_OR_RETURN(*row, PipelineVersionGetWithoutTags(tx, reference.pipeline_version_id()));
      }
      return absl::OkStatus();
    }));
    version = std::move(row);
    context.deps.versions.Put(version->pipeline_version_id, version);
  }
  if (!reference.pipeline_id().empty() && reference.pipeline_id() != version->pipeline_id) {
    return error::PipelineVersionOfAnother(version->pipeline_version_id, reference.pipeline_id());
  }
  return version;
}

}  // namespace

absl::StatusOr<Document> StoredDocument(RequestContext& context, const std::string& spec_sha256) {
  if (auto document = context.deps.documents.Find(spec_sha256)) return document;
  std::string text;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(text, SpecGet(tx, spec_sha256));
    return absl::OkStatus();
  }));
  if (static_cast<int64_t>(text.size()) > limits::kRequestBytesFree) {
    RETURN_IF_ERROR(TakeMemory(context, text.size() * limits::kRequestMemoryFactor));
  }
  ASSIGN_OR_RETURN(Document document, LoadStoredPipeline(text));
  context.deps.documents.Put(spec_sha256, document);
  return document;
}

absl::StatusOr<PipelineSource> ResolvePipeline(RequestContext& context,
                                               const api::PipelineVersionReference& reference,
                                               const google::protobuf::Struct* spec) {
  PipelineSource source;
  if (!reference.pipeline_version_id().empty() || !reference.pipeline_id().empty()) {
    ASSIGN_OR_RETURN(const Version version, ReferencedVersion(context, reference));
    source.pipeline_id = version->pipeline_id;
    source.pipeline_version_id = version->pipeline_version_id;
    ASSIGN_OR_RETURN(source.document, StoredDocument(context, version->spec_sha256));
    return source;
  }
  if (spec == nullptr) return error::RunWithoutPipeline();
  ASSIGN_OR_RETURN(Json json, JsonFromStruct(*spec));
  ASSIGN_OR_RETURN(source.document, ParsePipelineJson(std::move(json)));
  RETURN_IF_ERROR(CheckSupported(*source.document));
  return source;
}

absl::StatusOr<std::string> ParametersText(const api::RuntimeConfig& config,
                                           const PipelineDocument& document) {
  Json parameters = Json::object();
  for (const auto& [name, value] : config.parameters()) {
    ASSIGN_OR_RETURN(parameters[name], JsonFromValue(value));
  }
  RETURN_IF_ERROR(CheckRunParameters(document, parameters));
  std::string text = DumpJson(parameters);
  if (static_cast<int64_t>(text.size()) > limits::kRunParametersBytes) {
    return error::FieldTooLong("runtime_config.parameters", text.size(), limits::kRunParametersBytes);
  }
  return text;
}

}  // namespace penstock
