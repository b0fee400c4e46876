#include "scheduler/plan/values/executor_input.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock {

std::string ExecutorOutputPath(const ml_pipelines::ComponentSpec& component, const TaskPaths& paths) {
  const bool artifacts = !component.output_definitions().artifacts().empty();
  return absl::StrCat(artifacts ? paths.artifact_dir : paths.work_dir, "/.executor_output.json");
}

ArtifactMap DeclaredOutputArtifacts(const ml_pipelines::ComponentSpec& component, const TaskPaths& paths) {
  ArtifactMap out;
  for (const auto& [name, spec] : component.output_definitions().artifacts()) {
    ArtifactRecord artifact;
    artifact.name = name;
    artifact.schema_title = spec.artifact_type().schema_title();
    artifact.schema_version = spec.artifact_type().schema_version();
    artifact.uri = absl::StrCat(paths.artifact_uri_prefix, "/", PathComponent(name));
    if (IsObjectUri(artifact.uri)) {
      artifact.content_path = absl::StrCat(paths.artifact_dir, "/", PathComponent(name));
    }
    absl::StatusOr<Json> metadata = JsonFromStruct(spec.metadata());
    if (metadata.ok()) {  // a compiled pipeline holds nothing that JSON could not
      artifact.metadata = *std::move(metadata);
    }
    out[name] = {std::move(artifact)};
  }
  return out;
}

Json ArtifactJson(const UriMount& map, const ArtifactRecord& artifact) {
  Json type = Json::object();
  if (artifact.schema_title.empty()) {
    type["instanceSchema"] = "";  // the SDK then goes by the annotation of the function
  } else {
    type["schemaTitle"] = artifact.schema_title;
    type["schemaVersion"] = artifact.schema_version;
  }
  Json out = Json::object();
  out["name"] = artifact.name.empty() ? artifact.artifact_id : artifact.name;
  out["type"] = std::move(type);
  // The SDK knows no other path for most URIs than the URI itself.
  out["uri"] = artifact.content_path.empty() ? TaskUri(map, artifact) : artifact.content_path;
  out["metadata"] = artifact.metadata;
  if (artifact.custom_path.has_value() && !artifact.custom_path->empty()) {
    out["customPath"] = LocalUri(map, *artifact.custom_path);
  }
  return out;
}

Json ArtifactListJson(const UriMount& map, const std::vector<ArtifactRecord>& artifacts) {
  Json list = Json::array();
  for (const ArtifactRecord& artifact : artifacts) list.push_back(ArtifactJson(map, artifact));
  return list;
}

Json BuildExecutorInput(const ml_pipelines::ComponentSpec& component, const TaskInputs& inputs,
                        const TaskPaths& paths, const UriMount& map) {
  Json parameter_values = Json::object();
  for (const auto& [name, value] : inputs.parameters) {
    if (!value.is_null()) parameter_values[name] = value;
  }
  const auto artifact_lists = [&map](const ArtifactMap& artifacts) {
    Json lists = Json::object();
    for (const auto& [name, list] : artifacts) {
      lists[name] = Json::object({{"artifacts", ArtifactListJson(map, list)}});
    }
    return lists;
  };
  Json output_parameters = Json::object();
  for (const auto& [name, spec] : component.output_definitions().parameters()) {
    output_parameters[name] = Json::object({{"outputFile", ParameterFilePath(paths, name)}});
  }

  Json out = Json::object();
  out["inputs"]["parameterValues"] = std::move(parameter_values);
  out["inputs"]["artifacts"] = artifact_lists(inputs.artifacts);
  out["outputs"]["parameters"] = std::move(output_parameters);
  out["outputs"]["artifacts"] = artifact_lists(DeclaredOutputArtifacts(component, paths));
  out["outputs"]["outputFile"] = ExecutorOutputPath(component, paths);
  return out;
}

}  // namespace penstock
