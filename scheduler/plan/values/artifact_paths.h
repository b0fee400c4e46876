// Where artifacts and output files of a task lie, and how the URIs that storage keeps map to paths that tasks
// open.
//
// Storage keeps logical URIs (penstock://artifacts/<pipeline>/<run>/<task>/<attempt>/<output>), so that the
// data directory may move. Tasks on the machine receive plain absolute paths instead, which every KFP program
// can open; also of file:// URIs. Other URIs (gs://, s3://, ...) and other paths pass unchanged both ways.
#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// Both without a slash at the end. `local_root` is absolute and free of symbolic links, "." and "..".
struct ArtifactPathMap {
  std::string uri_prefix;  // "penstock://artifacts"
  std::string local_root;  // "<data_dir>/artifacts"
};

// The places of one attempt. All paths are absolute.
struct TaskPaths {
  std::string artifact_dir;         // directory of the output artifacts
  std::string artifact_uri_prefix;  // the same place as a logical URI
  std::string work_dir;             // the attempt's own directory
  std::string parameter_dir;        // directory of the output parameter files
};

// The places of an attempt: artifacts under the map's root, everything else under `work_dir`. No name can
// lead out of its directory, whatever its characters.
TaskPaths MakeTaskPaths(const ArtifactPathMap& map, absl::string_view pipeline_name, absl::string_view run_id,
                        absl::string_view task_name, absl::string_view attempt_id,
                        absl::string_view work_dir);

// `name` as one component of a path: letters, digits, "_", "-" and inner "." stay, other bytes become %XX,
// and a very long name ends in a hash. Different names give different components.
std::string PathComponent(absl::string_view name);

// The file for one output parameter.
std::string ParameterFilePath(const TaskPaths& paths, absl::string_view output_name);

// The URI as a task receives it: the local path of a logical URI, anything else unchanged. A logical URI with
// a ".." in it is not ours and passes unchanged, so that the result never leaves the root.
std::string LocalUri(const ArtifactPathMap& map, absl::string_view uri);

// The reverse, for what a task reports: an absolute path under the root as a logical URI, anything else
// unchanged.
std::string LogicalUri(const ArtifactPathMap& map, absl::string_view uri);

// The path that a file: URI names on this machine; nothing for anything else.
std::optional<std::string> PathOfFileUri(absl::string_view uri);

// The URI of an artifact as a task receives it. An artifact with a custom path and a local URI has its custom
// path there, because programs look nowhere else.
std::string TaskUri(const ArtifactPathMap& map, const ArtifactRecord& artifact);

// The path at which a task finds the content: where it is brought for the attempt, else the custom path, else
// the task's URI with gs://, minio://, s3:// and oci:// turned into the mount points that KFP fixes
// (/gcs/...).
std::string TaskPath(const ArtifactPathMap& map, const ArtifactRecord& artifact);

}  // namespace penstock
