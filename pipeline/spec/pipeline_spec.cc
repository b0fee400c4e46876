#include "pipeline/spec/pipeline_spec.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/author_terms.h"
#include "pipeline/spec/json_to_proto.h"
#include "pipeline/spec/validate.h"
#include "pipeline/spec/yaml.h"

namespace penstock {
namespace {

constexpr absl::string_view kManifestApi = "pipelines.kubeflow.org/";
constexpr absl::string_view kArgoApi = "argoproj.io/";

// The documents of a pipeline, and where each begins in the text it came from.
struct Parts {
  Json spec;
  std::string spec_path;
  Json platform;  // null if there is none
  std::string platform_path;
};

bool HasAnyOf(const Json& object, std::initializer_list<const char*> keys) {
  return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return object.contains(key); });
}

absl::string_view TextAt(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? absl::string_view(it->get_ref<const std::string&>()) : "";
}

bool IsPipelineSpec(const Json& json) {
  return json.is_object() &&
         HasAnyOf(json, {"pipelineInfo", "pipeline_info", "root", "schemaVersion", "schema_version",
                         "deploymentSpec", "deployment_spec", "components"});
}

bool IsPlatformSpec(const Json& json) { return json.is_object() && json.contains("platforms"); }

bool IsWrapped(const Json& json) {
  return json.is_object() && HasAnyOf(json, {"pipeline_spec", "pipelineSpec"});
}

// Moves the value of `key` out of `object`; null if there is none.
Json Take(Json* object, const char* key) {
  const auto it = object->find(key);
  return it == object->end() ? Json() : std::move(*it);
}

absl::Status PutSpec(Json spec, std::string path, Parts* parts) {
  if (!parts->spec.is_null()) {
    return absl::InvalidArgumentError("there are two pipeline specs; a package holds one");
  }
  parts->spec = std::move(spec);
  parts->spec_path = std::move(path);
  return absl::OkStatus();
}

absl::Status PutPlatform(Json platform, std::string path, Parts* parts) {
  if (platform.is_null() || (platform.is_object() && platform.empty())) return absl::OkStatus();
  if (!parts->platform.is_null()) {
    return absl::InvalidArgumentError("there are two platform specs; a package holds at most one");
  }
  parts->platform = std::move(platform);
  parts->platform_path = std::move(path);
  return absl::OkStatus();
}

// {"pipeline_spec": ..., "platform_spec": ...}, also in camelCase. The Kubernetes form has other keys beside
// them.
absl::Status PutWrapped(Json wrapped, absl::string_view path, bool others_allowed, Parts* parts) {
  const bool camel = wrapped.contains("pipelineSpec");
  const char* spec_key = camel ? "pipelineSpec" : "pipeline_spec";
  const char* platform_key = camel ? "platformSpec" : "platform_spec";
  if (!others_allowed) {
    for (const auto& [key, value] : wrapped.get_ref<const Json::object_t&>()) {
      if (key != spec_key && key != platform_key) {
        return absl::InvalidArgumentError(absl::StrCat("unknown field ", QuoteForMessage(key), " beside '",
                                                       spec_key, "'; only '", platform_key,
                                                       "' may be there"));
      }
    }
  }
  const std::string prefix = path.empty() ? "" : absl::StrCat(path, ".");
  RETURN_IF_ERROR(PutSpec(Take(&wrapped, spec_key), absl::StrCat(prefix, spec_key), parts));
  return PutPlatform(Take(&wrapped, platform_key), absl::StrCat(prefix, platform_key), parts);
}

// Kind PipelineVersion holds the spec; kind Pipeline only names it.
absl::Status PutManifest(Json manifest, absl::string_view where, Parts* parts) {
  const std::string kind(TextAt(manifest, "kind"));
  if (kind == "Pipeline") return absl::OkStatus();
  if (kind != "PipelineVersion") {
    return absl::InvalidArgumentError(
        absl::StrCat(where, "expected a manifest of kind Pipeline or PipelineVersion, found kind ",
                     QuoteForMessage(kind)));
  }
  Json spec = Take(&manifest, "spec");
  if (!IsWrapped(spec)) {
    return absl::InvalidArgumentError(absl::StrCat(where, "the PipelineVersion has no spec.pipelineSpec"));
  }
  return PutWrapped(std::move(spec), "spec", /*others_allowed=*/true, parts);
}

// `where` is "" for an only document, else "document 2: ".
absl::Status PutDocument(Json json, absl::string_view where, Parts* parts) {
  if (!json.is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(where, "expected a pipeline spec, found ",
                                                   JsonKindName(json), " (", JsonExcerpt(json), ")"));
  }
  const absl::string_view api = TextAt(json, "apiVersion");
  if (absl::StartsWith(api, kArgoApi)) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, "this is an Argo workflow, as KFP v1 compiled pipelines to; compile it with kfp 2 or later"));
  }
  if (absl::StartsWith(api, kManifestApi)) return PutManifest(std::move(json), where, parts);
  if (IsPipelineSpec(json)) return PutSpec(std::move(json), "", parts);
  if (IsPlatformSpec(json)) return PutPlatform(std::move(json), "", parts);
  // Before what is wrapped, since it has a pipelineSpec as well.
  if (json.contains("runtimeConfig")) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, "this is a PipelineJob; give its pipelineSpec alone, and its parameters to the run"));
  }
  if (IsWrapped(json)) return PutWrapped(std::move(json), "", /*others_allowed=*/false, parts);
  return absl::InvalidArgumentError(absl::StrCat(
      where,
      "this is neither a pipeline spec (with pipelineInfo, root and schemaVersion) nor a platform spec (with "
      "platforms)"));
}

absl::Status CheckPlatform(const ml_pipelines::PlatformSpec& platform, const DocPath& path) {
  if (!platform.platforms().contains("kubernetes")) {
    return path.Key("platforms").Error("expected the platform 'kubernetes', which is the only one known");
  }
  return absl::OkStatus();
}

// The two typed halves of a spec. The deployment is taken out for a moment: read as the Struct that it is
// declared to be, it would cost more than all the rest.
absl::Status Decode(Json* spec, const DocPath& path, bool strict, PipelineDocument* document) {
  if (!spec->is_object()) return path.Error("expected a pipeline spec, found ", JsonKindName(*spec));
  auto& object = spec->get_ref<Json::object_t&>();
  auto node = object.extract("deploymentSpec");
  if (node.empty()) node = object.extract("deployment_spec");
  const absl::Status read = JsonToProto(*spec, path, {.ignore_unknown_fields = !strict}, &document->spec);
  // The other spelling stayed in the spec, and was read with it.
  if (document->spec.has_deployment_spec()) {
    return path.Error("the field 'deploymentSpec' is given twice, also as 'deployment_spec'");
  }
  if (node.empty()) return read;
  const auto position = object.insert(std::move(node)).position;
  RETURN_IF_ERROR(read);
  if (position->second.is_null()) return absl::OkStatus();
  return JsonToProto(position->second, path.Key("deploymentSpec"), {.ignore_unknown_fields = true},
                     &document->deployment);
}

absl::StatusOr<std::shared_ptr<const PipelineDocument>> Build(Parts parts) {
  auto document = std::make_shared<PipelineDocument>();
  const DocPath path(parts.spec_path);
  RETURN_IF_ERROR(Decode(&parts.spec, path, /*strict=*/true, document.get()));
  const bool has_platform = !parts.platform.is_null();
  if (has_platform) {
    const DocPath platform_path(parts.platform_path);
    RETURN_IF_ERROR(JsonToProto(parts.platform, platform_path, {}, &document->platform.emplace()));
    RETURN_IF_ERROR(CheckPlatform(*document->platform, platform_path));
    NormalizeFieldNames(*ml_pipelines::PlatformSpec::descriptor(), &parts.platform);
  }
  RETURN_IF_ERROR(InAuthorTerms(ValidatePipeline(document->spec, document->deployment, path)));
  // One spelling of each name, so that equal pipelines have equal hashes and are stored once.
  NormalizeFieldNames(*ml_pipelines::PipelineSpec::descriptor(), &parts.spec);
  Json canonical = std::move(parts.spec);
  if (has_platform) {
    Json both = Json::object();
    both["pipeline_spec"] = std::move(canonical);
    both["platform_spec"] = std::move(parts.platform);
    canonical = std::move(both);
  }
  document->canonical_json = DumpJson(canonical);
  document->sha256_hex = Sha256Hex(document->canonical_json);
  return document;
}

// It was validated when it came in, so it is only decoded, and fields that this program does not know are
// passed over.
absl::Status DecodeStored(absl::string_view canonical_json, PipelineDocument* document) {
  ASSIGN_OR_RETURN(Json json, ParseJson(canonical_json));
  Json platform;
  if (IsWrapped(json)) {
    platform = Take(&json, "platform_spec");
    Json spec = Take(&json, "pipeline_spec");
    json = std::move(spec);
  }
  RETURN_IF_ERROR(Decode(&json, DocPath(), /*strict=*/false, document));
  if (!platform.is_null()) {
    RETURN_IF_ERROR(
        JsonToProto(platform, DocPath(), {.ignore_unknown_fields = true}, &document->platform.emplace()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<const PipelineDocument>> ParsePipelineText(absl::string_view yaml_or_json) {
  ASSIGN_OR_RETURN(std::vector<Json> documents, ParseYaml(yaml_or_json));
  Parts parts;
  for (size_t i = 0; i < documents.size(); ++i) {
    if (!documents[i].is_null()) {
      const std::string where = documents.size() == 1 ? "" : absl::StrCat("document ", i + 1, ": ");
      RETURN_IF_ERROR(PutDocument(std::move(documents[i]), where, &parts));
    }
  }
  if (parts.spec.is_null()) {
    return absl::InvalidArgumentError(parts.platform.is_null()
                                          ? "the file holds no pipeline spec; it is empty"
                                          : "the file holds a platform spec but no pipeline spec");
  }
  return Build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const PipelineDocument>> ParsePipelineJson(Json json) {
  Parts parts;
  RETURN_IF_ERROR(PutDocument(std::move(json), "", &parts));
  if (parts.spec.is_null()) return absl::InvalidArgumentError("there is no pipeline spec");
  return Build(std::move(parts));
}

absl::StatusOr<std::shared_ptr<const PipelineDocument>> LoadStoredPipeline(absl::string_view canonical_json) {
  auto document = std::make_shared<PipelineDocument>();
  const absl::Status status = DecodeStored(canonical_json, document.get());
  if (!status.ok()) {
    return absl::DataLossError(absl::StrCat("a stored pipeline spec cannot be read: ", status.message()));
  }
  document->canonical_json = std::string(canonical_json);
  document->sha256_hex = Sha256Hex(canonical_json);
  return document;
}

absl::Status CheckPipelineName(absl::string_view name) {
  const auto is_allowed = [](unsigned char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
  };
  if (name.empty() || name[0] == '-' || name.size() > static_cast<size_t>(limits::kNameBytes) ||
      !std::all_of(name.begin(), name.end(), is_allowed)) {
    return absl::InvalidArgumentError(
        absl::StrCat("pipelineInfo.name: ", QuoteForMessage(name),
                     " is not a name that a pipeline may have: expected 1 to ", limits::kNameBytes,
                     " small letters, digits and hyphens, not starting with a hyphen"));
  }
  return absl::OkStatus();
}

}  // namespace penstock
