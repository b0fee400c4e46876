// What to start for one attempt of a container task: everything an executor needs, and nothing about how it
// does it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "scheduler/plan/values/artifact_paths.h"
#include "scheduler/plan/values/input_content.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// As in Kubernetes, a request that is not given equals the limit. Zero means not given.
struct TaskResources {
  int64_t cpu_request_millicores = 0;
  int64_t cpu_limit_millicores = 0;
  int64_t memory_request_bytes = 0;
  int64_t memory_limit_bytes = 0;
  std::string accelerator_type;  // such as "nvidia.com/gpu"; empty if none is asked for
  int64_t accelerator_count = 0;
  Json pod = Json::object();  // {limits, requests} as given, for dsl.TaskConfig
};

// Which arguments are of one attempt alone: by position.
struct ArgumentMarks {
  std::vector<int> executor_inputs;  // those that are {{$}} and nothing else
  std::vector<int> filled;           // others in which placeholders were replaced
};

struct TaskLaunch {
  std::string image;
  std::vector<std::string> argv;  // the command, then the arguments
  ArgumentMarks marks;            // of argv
  size_t command_size =
      0;  // how much of argv is the command; 0: the image's own entry point takes the arguments
  std::vector<std::pair<std::string, std::string>> env;  // each name once
  std::vector<std::string> directories;                  // to be made before the start, parents first
  std::string executor_output_path;
  std::vector<std::pair<std::string, std::string>> parameter_files;  // output parameter name, path
  std::vector<TaskInputContent> contents;                            // to be there before the start
  TaskResources resources;
  std::string executor_input;    // the JSON text of {{$}}
  ArtifactMap output_artifacts;  // the declared ones, as they are before the task runs
};

// Returns INVALID_ARGUMENT with a sentence that names the task and the field or argument: a placeholder that
// refers to nothing, a resource that is not a quantity, an environment variable without a proper name, a zero
// byte, or more than limits::kArgumentBytes in one argument or limits::kArgumentsBytes in all; of the executor
// input of a Python component, more than limits::kExecutorInputBytes.
absl::StatusOr<TaskLaunch> BuildLaunch(
    const ml_pipelines::PipelineDeploymentConfig::PipelineContainerSpec& container,
    const ml_pipelines::ComponentSpec& component, const TaskInputs& inputs, const TaskPaths& paths,
    const UriMount& map, const std::vector<std::string>& brought, const RunFacts& facts);

// $(NAME) in `text` replaced by the variable of that name, as Kubernetes does: unknown names and unfinished
// references stay, "$$" is a dollar sign, values are not expanded again. Stops early when the result has more
// than `max_bytes`.
std::string ExpandEnv(absl::string_view text, const std::map<std::string, std::string>& variables,
                      int64_t max_bytes);

}  // namespace penstock
