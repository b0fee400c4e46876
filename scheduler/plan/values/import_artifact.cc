#include "scheduler/plan/values/import_artifact.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "scheduler/plan/values/constant.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentSpec;
using ImporterSpec = ml_pipelines::PipelineDeploymentConfig::ImporterSpec;

// The input that the SDK's importer takes its URI by.
constexpr char kUriInput[] = "uri";

class Importer {
 public:
  Importer(const ImporterSpec& importer, const ComponentSpec& component, const TaskInputs& inputs,
           const RunFacts& facts)
      : importer_(importer), component_(component), inputs_(inputs), facts_(facts) {}

  absl::StatusOr<TaskOutputs> Run() {
    const auto& declared = component_.output_definitions().artifacts();
    if (declared.size() != 1) return Error("an importer puts out exactly one artifact");
    const auto& [name, output] = *declared.begin();
    ArtifactRecord artifact;
    artifact.name = name;
    const auto& type =
        importer_.type_schema().schema_title().empty() ? output.artifact_type() : importer_.type_schema();
    artifact.schema_title = type.schema_title();
    artifact.schema_version = type.schema_version();
    artifact.imported = true;
    ASSIGN_OR_RETURN(const std::string uri, Uri());
    artifact.uri = facts_.uris.Stored(uri);
    if (importer_.has_metadata()) {
      absl::StatusOr<Json> metadata = JsonFromStruct(importer_.metadata());
      if (metadata.ok()) metadata = Resolve(*metadata);
      if (!metadata.ok()) return Error(absl::StrCat("metadata: ", metadata.status().message()));
      artifact.metadata = *std::move(metadata);
    }
    TaskOutputs outputs;
    outputs.artifacts[name] = {std::move(artifact)};
    return outputs;
  }

 private:
  absl::Status Error(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat("task ", QuoteForMessage(facts_.task_name), " (an importer): ", what));
  }

  absl::StatusOr<std::string> Uri() {
    const auto& source = importer_.artifact_uri();
    std::string uri;
    if (source.has_runtime_parameter()) {
      ASSIGN_OR_RETURN(const Json value, Input(source.runtime_parameter()));
      uri = value.is_null() ? "" : JsonText(value);
    } else if (absl::StrContains(source.constant().string_value(), "{{channel:")) {
      // Of a text with a variable in it the SDK leaves its own notation here, and the text in the input.
      ASSIGN_OR_RETURN(const Json value, Input(kUriInput));
      uri = JsonText(value);
    } else {
      ASSIGN_OR_RETURN(const Json value, Constant(Json(source.constant().string_value()), /*native=*/false));
      uri = JsonText(value);
    }
    if (uri.empty()) return Error("it is given no URI");
    if (uri.size() > static_cast<size_t>(limits::kUrlBytes)) {
      return Error(absl::StrCat("its URI has ", uri.size(), " bytes; the bound is ", limits::kUrlBytes,
                                " (kUrlBytes)"));
    }
    if (absl::StrContains(uri, '\0') || !IsUtf8(uri)) {
      return Error(absl::StrCat("its URI ", QuoteForMessage(uri), " holds what no URI can"));
    }
    return uri;
  }

  // --- Metadata ---

  // Recursion is bounded by limits::kSpecDepth, as the document was when it was read.
  absl::StatusOr<Json> Resolve(const Json& value) {
    if (value.is_array()) {
      Json out = Json::array();
      for (const Json& item : value) {
        ASSIGN_OR_RETURN(Json resolved, Resolve(item));
        out.push_back(std::move(resolved));
      }
      return out;
    }
    if (value.is_object()) {
      Json out = Json::object();
      for (const auto& item : value.items()) {
        ASSIGN_OR_RETURN(const Json key, Constant(Json(item.key()), /*native=*/false));
        const std::string text = JsonText(key);
        if (out.contains(text)) {
          return absl::InvalidArgumentError(absl::StrCat("with the placeholders replaced, the key ",
                                                         QuoteForMessage(text), " is there twice"));
        }
        ASSIGN_OR_RETURN(out[text], Resolve(item.value()));
      }
      return out;
    }
    return value.is_string() ? Constant(value, /*native=*/true) : value;
  }

  absl::StatusOr<Json> Constant(const Json& text, bool native) {
    if (!HasPlaceholder(text)) return text;
    ASSIGN_OR_RETURN(Json value, ResolveConstant(text, native, facts_,
                                                 [this](const std::string& name) { return Input(name); }));
    bytes_ += static_cast<int64_t>(DumpJson(value).size());
    if (bytes_ > limits::kOutputParameterBytes) {
      return absl::InvalidArgumentError(absl::StrCat("with the placeholders replaced, it has more than ",
                                                     limits::kOutputParameterBytes,
                                                     " bytes (the bound kOutputParameterBytes)"));
    }
    return value;
  }

  // Null for one that is declared and was not given.
  absl::StatusOr<Json> Input(const std::string& name) const {
    const auto it = inputs_.parameters.find(name);
    if (it != inputs_.parameters.end()) return it->second;
    if (component_.input_definitions().parameters().contains(name)) return Json(nullptr);
    return absl::InvalidArgumentError(absl::StrCat("there is no input ", QuoteForMessage(name)));
  }

  const ImporterSpec& importer_;
  const ComponentSpec& component_;
  const TaskInputs& inputs_;
  const RunFacts& facts_;
  int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<TaskOutputs> ImportedOutputs(const ImporterSpec& importer, const ComponentSpec& component,
                                            const TaskInputs& inputs, const RunFacts& facts) {
  return Importer(importer, component, inputs, facts).Run();
}

std::string ImportIdentity(const ArtifactRecord& artifact) {
  return DumpJson(Json::array({artifact.schema_title, artifact.schema_version, artifact.uri,
                               artifact.metadata, artifact.custom_path.value_or("")}));
}

}  // namespace penstock
