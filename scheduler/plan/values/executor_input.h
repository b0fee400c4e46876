// ExecutorInput: what a task's program is told about its inputs and where its outputs go. The {{$}} of its
// arguments.
#pragma once

#include <string>
#include <vector>

#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The file in which the program reports its outputs. The SDK takes its directory for the place of the task's
// artifacts (dsl.get_uri), so it lies among them if there are any, under a name that no output can have.
std::string ExecutorOutputPath(const ml_pipelines::ComponentSpec& component, const TaskPaths& paths);

// The output artifacts that the component declares, as they are before the task runs: logical URI under
// `paths.artifact_uri_prefix`, declared type and metadata, one artifact per output also where a list is
// declared.
ArtifactMap DeclaredOutputArtifacts(const ml_pipelines::ComponentSpec& component, const TaskPaths& paths);

// One artifact as the SDK reads it: name, type, uri, metadata, and customPath if it has one. The uri is the
// task's.
Json ArtifactJson(const UriMount& map, const ArtifactRecord& artifact);

// A list of them.
Json ArtifactListJson(const UriMount& map, const std::vector<ArtifactRecord>& artifacts);

// The message in its JSON form, camelCase. All maps are there even if empty. Parameters that are null are
// left out: to a program they are absent.
Json BuildExecutorInput(const ml_pipelines::ComponentSpec& component, const TaskInputs& inputs,
                        const TaskPaths& paths, const UriMount& map);

}  // namespace penstock
