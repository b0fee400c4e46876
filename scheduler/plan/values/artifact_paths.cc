#include "scheduler/plan/values/artifact_paths.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

// The URI for a task, before custom paths.
std::string PlainUri(const UriMount& map, absl::string_view uri) {
  std::optional<std::string> path = PathOfFileUri(uri);
  return path.has_value() ? *std::move(path) : LocalUri(map, uri);
}

}  // namespace

TaskPaths MakeTaskPaths(const UriMount& outputs, absl::string_view pipeline_name, absl::string_view run_id,
                        absl::string_view task_name, absl::string_view attempt_id,
                        absl::string_view work_dir) {
  const std::string place = ArtifactPlace(pipeline_name, run_id, task_name, attempt_id);
  TaskPaths paths;
  paths.artifact_dir = absl::StrCat(outputs.directory, place);
  paths.artifact_uri_prefix = absl::StrCat(outputs.uri, place);
  paths.work_dir = std::string(work_dir);
  paths.parameter_dir = absl::StrCat(work_dir, "/outputs");
  return paths;
}

std::string ParameterFilePath(const TaskPaths& paths, absl::string_view output_name) {
  return absl::StrCat(paths.parameter_dir, "/", PathComponent(output_name));
}

std::string TaskUri(const UriMount& map, const ArtifactRecord& artifact) {
  const std::string uri = PlainUri(map, artifact.uri);
  if (artifact.custom_path.has_value() && !artifact.custom_path->empty() && absl::StartsWith(uri, "/")) {
    return LocalUri(map, *artifact.custom_path);
  }
  return uri;
}

std::string TaskPath(const UriMount& map, const ArtifactRecord& artifact) {
  if (!artifact.content_path.empty()) return artifact.content_path;
  if (artifact.custom_path.has_value() && !artifact.custom_path->empty()) {
    return LocalUri(map, *artifact.custom_path);
  }
  const std::string uri = PlainUri(map, artifact.uri);
  absl::string_view rest = uri;
  if (absl::ConsumePrefix(&rest, "gs://")) return absl::StrCat("/gcs/", rest);
  if (absl::ConsumePrefix(&rest, "minio://")) return absl::StrCat("/minio/", rest);
  if (absl::ConsumePrefix(&rest, "s3://")) return absl::StrCat("/s3/", rest);
  if (absl::ConsumePrefix(&rest, "oci://")) {
    return absl::StrCat("/oci/", absl::StrReplaceAll(rest, {{"/", "_"}}), "/models");
  }
  return uri;
}

}  // namespace penstock
