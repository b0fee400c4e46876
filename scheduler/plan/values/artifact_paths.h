// Where artifacts and output files of a task lie, as the task sees them; the URIs are those of content/uri.h. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "content/uri.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The places of one attempt. All paths are absolute.
struct TaskPaths {
  std::string artifact_dir;  // directory of the output artifacts
  std::string
      artifact_uri_prefix;  // where they are kept: the same place as a logical URI, or one in an object store
  std::string work_dir;     // the attempt's own directory
  std::string parameter_dir;  // directory of the output parameter files
};

// The places of an attempt: artifacts under the root `outputs`, everything else under `work_dir`. No name can
// lead out of its directory, whatever its characters.
TaskPaths MakeTaskPaths(const UriMount& outputs, absl::string_view pipeline_name, absl::string_view run_id,
                        absl::string_view task_name, absl::string_view attempt_id,
                        absl::string_view work_dir);

// The file for one output parameter.
std::string ParameterFilePath(const TaskPaths& paths, absl::string_view output_name);

// The URI of an artifact as a task receives it. An artifact with a custom path and a local URI has its custom
// path there, because programs look nowhere else.
std::string TaskUri(const UriMount& map, const ArtifactRecord& artifact);

// The path at which a task finds the content: where it is brought for the attempt, else the custom path, else
// the task's URI with gs://, minio://, s3:// and oci:// turned into the mount points that KFP fixes
// (/gcs/...).
std::string TaskPath(const UriMount& map, const ArtifactRecord& artifact);

}  // namespace penstock
