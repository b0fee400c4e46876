// Which of its input artifacts a task reads whose content lies elsewhere: those that importers recorded, and those in
// object stores. Pure.
#pragma once

#include <string>
#include <vector>

#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

struct TaskInputContent {
  enum class Need {
    kFetched,   // http, https, and object stores that are known: it is put at `path`
    kWanted,    // the same, if there is any: a task may have put out no content, as metrics have none
    kPresent,   // the task asks for its path, which has to be there
    kPresumed,  // the task is given everything about it, and may want its URI only
  };
  std::string input;
  std::string uri;
  std::string path;
  Need need;
  std::string sha256;  // as recorded; empty if nothing is
};

// The last name in the path of a URI, as a file's; "content" if it has none.
std::string ContentFileName(absl::string_view uri);

// What the container reads of `inputs`. A container that is given the whole of an input ({{$}}, or
// {{$.inputs.artifacts['x']}}) reads it; one that takes a part of it reads it only if that is the path. Says
// in `inputs` where what is fetched will be, and where what was brought to a workspace is
// (ArtifactRecord::content_path): under `paths.work_dir`, with the name that the URL ends in. Of object stores only what
// lies below a URI of `brought` is fetched, whether it was imported or tasks made it.
std::vector<TaskInputContent> PlanInputContent(
    const ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec& container, const TaskPaths& paths,
    const UriMount& map, const std::vector<std::string>& brought, TaskInputs* inputs);

}  // namespace penstock
