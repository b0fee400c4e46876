// On which executor tasks run, as a run or a task says: the name of its kind, "local" or "kubernetes". Pure.
//
//   a run    what it is given for the plugin "penstock_executor": {"name": "kubernetes"}
//   a task   the environment variable PENSTOCK_EXECUTOR in its component, or the pod label penstock.dev/executor
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "google/protobuf/struct.pb.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "pipeline/spec/pipeline_spec.h"

namespace penstock {

inline constexpr char kExecutorPlugin[] = "penstock_executor";

// INVALID_ARGUMENT with a sentence for the user for another form. `field` names the plugin's place.
absl::StatusOr<std::string> ReadExecutorPlugin(absl::string_view field, const Json& plugin);

// The one among the plugins of a run, as they are stored; empty if it names none. An error if they cannot be read.
absl::StatusOr<std::string> ExecutorOfPlugins(const std::string& plugins_input);

inline constexpr char kKubernetes[] = "kubernetes";

// Whether a task of the pipeline says that it runs on that kind.
bool AsksForExecutor(const PipelineDocument& document, absl::string_view kind);

// What a task says, empty if nothing. `settings` are its settings for Kubernetes, nullptr if it has none.
std::string ExecutorOfTask(const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec& executor,
                           const google::protobuf::Struct* settings);

}  // namespace penstock
