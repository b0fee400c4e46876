#include "scheduler/plan/values/placeholders.h"

#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "scheduler/plan/values/executor_input.h"

namespace penstock {
namespace {

// The keys of some maps, sorted, for a suggestion.
template <typename... Maps>
std::vector<std::string> KeysOf(const Maps&... maps) {
  std::set<std::string> keys;
  const auto add = [&keys](const auto& map) {
    for (const auto& entry : map) keys.insert(entry.first);
  };
  (add(maps), ...);
  return {keys.begin(), keys.end()};
}

absl::Status UnknownName(const Placeholder& placeholder, absl::string_view what, absl::string_view name,
                         const std::vector<std::string>& known) {
  return absl::InvalidArgumentError(absl::StrCat("placeholder ", placeholder.source,
                                                 ": the component has no ", what, " ", QuoteForMessage(name),
                                                 SuggestName(name, known)));
}

absl::Status UnknownPlaceholder(const Placeholder& placeholder) {
  return absl::InvalidArgumentError(absl::StrCat(
      "placeholder ", placeholder.source,
      " is not known; known: {{$}}, {{$.inputs.parameters['x']}}, {{$.inputs.artifacts['x']}} and its .uri, "
      ".path, .name, .metadata and .metadata['key'], the same with outputs.artifacts, "
      "{{$.outputs.parameters['x'].output_file}}, {{$.outputs.output_file}}, {{$.pipeline_job_name}}, "
      "{{$.pipeline_job_resource_name}}, {{$.pipeline_job_uuid}}, {{$.pipeline_task_name}}, "
      "{{$.pipeline_task_uuid}}, {{$.pipeline_job_create_time_utc}}, {{$.pipeline_job_schedule_time_utc}}, "
      "{{$.pipeline_root}}, {{$.workspace_path}}"));
}

absl::StatusOr<std::string> InputParameterText(const Placeholder& placeholder, const std::string& name,
                                               const PlaceholderSources& sources) {
  const auto it = sources.inputs.parameters.find(name);
  if (it != sources.inputs.parameters.end()) return JsonText(it->second);
  const auto& declared = sources.component.input_definitions().parameters();
  if (declared.contains(name)) return std::string();
  return UnknownName(placeholder, "input parameter", name, KeysOf(declared, sources.inputs.parameters));
}

// What follows the name of an artifact, for the artifacts of one input or output.
absl::StatusOr<std::string> ArtifactText(const Placeholder& placeholder,
                                         const std::vector<ArtifactRecord>& artifacts,
                                         const PlaceholderSources& sources) {
  const std::vector<PlaceholderStep>& steps = placeholder.steps;
  if (steps.size() == 3) return DumpJson(ArtifactListJson(sources.map, artifacts));
  const bool metadata = placeholder.IsField(3, "metadata") || placeholder.IsField(3, "properties") ||
                        placeholder.IsField(3, "custom_properties");
  const bool entry = metadata && steps.size() == 5 && steps[4].kind != PlaceholderStep::Kind::kIndex;
  const bool field = steps.size() == 4 && (metadata || placeholder.IsField(3, "uri") ||
                                           placeholder.IsField(3, "path") || placeholder.IsField(3, "name"));
  if (!entry && !field) return UnknownPlaceholder(placeholder);
  if (artifacts.empty()) return std::string();
  const ArtifactRecord& artifact = artifacts.front();
  if (entry) {
    const auto it = artifact.metadata.find(steps[4].text);
    if (it == artifact.metadata.end()) {
      std::vector<std::string> keys;
      for (const auto& item : artifact.metadata.items()) keys.push_back(item.key());
      return absl::InvalidArgumentError(
          absl::StrCat("placeholder ", placeholder.source, ": the artifact has no metadata ",
                       QuoteForMessage(steps[4].text), SuggestName(steps[4].text, keys)));
    }
    return JsonText(*it);
  }
  if (metadata) return DumpJson(artifact.metadata);
  if (placeholder.IsField(3, "name")) return artifact.name.empty() ? artifact.artifact_id : artifact.name;
  return placeholder.IsField(3, "uri") ? TaskUri(sources.map, artifact) : TaskPath(sources.map, artifact);
}

absl::StatusOr<std::string> InputArtifactText(const Placeholder& placeholder, const std::string& name,
                                              const PlaceholderSources& sources) {
  const auto it = sources.inputs.artifacts.find(name);
  if (it != sources.inputs.artifacts.end()) return ArtifactText(placeholder, it->second, sources);
  const auto& declared = sources.component.input_definitions().artifacts();
  if (declared.contains(name)) return ArtifactText(placeholder, {}, sources);
  return UnknownName(placeholder, "input artifact", name, KeysOf(declared, sources.inputs.artifacts));
}

absl::StatusOr<std::string> OutputText(const Placeholder& placeholder, const PlaceholderSources& sources) {
  const auto& outputs = sources.component.output_definitions();
  if (const std::optional<std::string> name = placeholder.NameIn("outputs", "artifacts"); name.has_value()) {
    const ArtifactMap artifacts = DeclaredOutputArtifacts(sources.component, sources.paths);
    const auto it = artifacts.find(*name);
    if (it == artifacts.end()) return UnknownName(placeholder, "output artifact", *name, KeysOf(artifacts));
    return ArtifactText(placeholder, it->second, sources);
  }
  const std::optional<std::string> name = placeholder.NameIn("outputs", "parameters");
  if (name.has_value() && placeholder.steps.size() == 4 && placeholder.IsField(3, "output_file")) {
    if (!outputs.parameters().contains(*name)) {
      return UnknownName(placeholder, "output parameter", *name, KeysOf(outputs.parameters()));
    }
    return ParameterFilePath(sources.paths, *name);
  }
  if (placeholder.steps.size() == 2 && placeholder.IsField(1, "output_file")) {
    return ExecutorOutputPath(sources.component, sources.paths);
  }
  return UnknownPlaceholder(placeholder);
}

// --- Concat and IfPresent ---

// The object that `text` is, if it has the shape of a structure placeholder.
std::optional<Json> ParseStructure(absl::string_view text) {
  absl::string_view rest = absl::StripLeadingAsciiWhitespace(text);
  if (!absl::ConsumePrefix(&rest, "{")) return std::nullopt;
  rest = absl::StripLeadingAsciiWhitespace(rest);
  if (!absl::StartsWith(rest, "\"Concat\"") && !absl::StartsWith(rest, "\"IfPresent\"")) return std::nullopt;
  absl::StatusOr<Json> json = ParseJson(text);
  if (!json.ok() || json->size() != 1) return std::nullopt;
  const auto concat = json->find("Concat");
  if (concat != json->end()) return concat->is_array() ? std::optional<Json>(*std::move(json)) : std::nullopt;
  const auto condition = json->find("IfPresent");
  if (condition == json->end() || !condition->is_object() || !condition->contains("InputName") ||
      !condition->contains("Then")) {
    return std::nullopt;
  }
  return *std::move(json);
}

class StructureResolver {
 public:
  explicit StructureResolver(const PlaceholderSources& sources) : sources_(sources) {}

  // Appends what `element` stands for to `out`. Recursion is bounded by limits::kSpecDepth, as the JSON was.
  absl::Status Append(const Json& element, std::vector<std::string>* out) {
    if (element.is_null()) return absl::OkStatus();
    if (element.is_array()) {
      for (const Json& item : element) RETURN_IF_ERROR(Append(item, out));
      return absl::OkStatus();
    }
    if (!element.is_object()) {
      ASSIGN_OR_RETURN(std::string text, ResolveText(JsonText(element), sources_));
      return Add(std::move(text), out);
    }
    if (element.size() == 1 && element.contains("Concat") && element["Concat"].is_array()) {
      std::vector<std::string> pieces;
      RETURN_IF_ERROR(Append(element["Concat"], &pieces));
      bytes_ -= TotalBytes(pieces);  // they count once, as the argument that they make
      return Add(absl::StrJoin(pieces, ""), out);
    }
    if (element.size() == 1 && element.contains("IfPresent") && element["IfPresent"].is_object()) {
      return AppendIfPresent(element["IfPresent"], out);
    }
    return absl::InvalidArgumentError(
        absl::StrCat("neither a text nor a well-formed Concat or IfPresent: ", JsonExcerpt(element)));
  }

 private:
  static int64_t TotalBytes(const std::vector<std::string>& texts) {
    int64_t bytes = 0;
    for (const std::string& text : texts) bytes += static_cast<int64_t>(text.size());
    return bytes;
  }

  // A short Concat may hold many large values: the bound is checked while it grows.
  absl::Status Add(std::string text, std::vector<std::string>* out) {
    bytes_ += static_cast<int64_t>(text.size());
    if (bytes_ > limits::kArgumentsBytes) {
      return absl::InvalidArgumentError(absl::StrCat("a Concat or IfPresent gives more than ",
                                                     limits::kArgumentsBytes,
                                                     " bytes (the bound kArgumentsBytes)"));
    }
    out->push_back(std::move(text));
    return absl::OkStatus();
  }

  absl::Status AppendIfPresent(const Json& condition, std::vector<std::string>* out) {
    const auto name = condition.find("InputName");
    const auto then = condition.find("Then");
    if (name == condition.end() || !name->is_string() || then == condition.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("an IfPresent needs InputName and Then: ", JsonExcerpt(condition)));
    }
    ASSIGN_OR_RETURN(const bool present, IsPresent(name->get_ref<const std::string&>()));
    if (present) return Append(*then, out);
    const auto otherwise = condition.find("Else");
    return otherwise == condition.end() ? absl::OkStatus() : Append(*otherwise, out);
  }

  // An input is present if it was passed and is not null; a declared output always is.
  absl::StatusOr<bool> IsPresent(const std::string& name) const {
    const auto& declared = sources_.component.input_definitions();
    const auto& outputs = sources_.component.output_definitions();
    const auto parameter = sources_.inputs.parameters.find(name);
    if (parameter != sources_.inputs.parameters.end()) {
      return !parameter->second.is_null() && sources_.inputs.defaulted.count(name) == 0;
    }
    if (sources_.inputs.artifacts.count(name) > 0 || outputs.parameters().contains(name) ||
        outputs.artifacts().contains(name)) {
      return true;
    }
    if (declared.parameters().contains(name) || declared.artifacts().contains(name)) return false;
    return absl::InvalidArgumentError(
        absl::StrCat("IfPresent: the component has no input ", QuoteForMessage(name),
                     SuggestName(name, KeysOf(declared.parameters(), declared.artifacts()))));
  }

  const PlaceholderSources& sources_;
  int64_t bytes_ = 0;
};

}  // namespace

absl::StatusOr<std::string> PlaceholderText(const Placeholder& placeholder,
                                            const PlaceholderSources& sources) {
  if (placeholder.steps.empty()) return std::string(sources.executor_input);
  if (placeholder.IsField(0, "outputs")) return OutputText(placeholder, sources);
  std::optional<std::string> name = placeholder.NameIn("inputs", "parameters");
  if (name.has_value() && placeholder.steps.size() == 3) {
    return InputParameterText(placeholder, *name, sources);
  }
  name = placeholder.NameIn("inputs", "artifacts");
  if (name.has_value()) return InputArtifactText(placeholder, *name, sources);
  if (placeholder.steps.size() == 1 && placeholder.IsField(0, "outputMetadataUri")) {
    return ExecutorOutputPath(sources.component, sources.paths);
  }
  ASSIGN_OR_RETURN(std::optional<std::string> fact, RunPlaceholderValue(placeholder, sources.facts));
  if (fact.has_value()) return *std::move(fact);
  return UnknownPlaceholder(placeholder);
}

absl::StatusOr<std::string> ResolveText(absl::string_view text, const PlaceholderSources& sources) {
  return ReplacePlaceholders(
      text, limits::kArgumentBytes,
      [&sources](const Placeholder& placeholder) -> absl::StatusOr<std::optional<std::string>> {
        ASSIGN_OR_RETURN(std::string value, PlaceholderText(placeholder, sources));
        return std::optional<std::string>(std::move(value));
      });
}

absl::StatusOr<std::vector<std::string>> ResolveArgument(absl::string_view text,
                                                         const PlaceholderSources& sources) {
  std::vector<std::string> out;
  const std::optional<Json> structure = ParseStructure(text);
  if (structure.has_value()) {
    RETURN_IF_ERROR(StructureResolver(sources).Append(*structure, &out));
    return out;
  }
  ASSIGN_OR_RETURN(std::string resolved, ResolveText(text, sources));
  out.push_back(std::move(resolved));
  return out;
}

int PythonSourceIndex(const std::vector<absl::string_view>& command) {
  for (size_t i = 0; i + 1 < command.size(); ++i) {
    if (absl::StrContains(command[i], "> \"$program_path/ephemeral_component.py\"") &&
        absl::StrContains(command[i], "executor_main")) {
      return static_cast<int>(i) + 1;
    }
  }
  return -1;
}

}  // namespace penstock
