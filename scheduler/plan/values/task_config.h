// dsl.TaskConfig: settings of a task that its program takes as an input, to hand them on to what it starts.
// Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

using TaskConfigField = ml_pipelines::TaskConfigPassthroughType::TaskConfigPassthroughTypeEnum;

// Whether the task itself has the setting: those that are passed through only if they say so.
bool AppliesToTask(const ml_pipelines::ComponentSpec& component, TaskConfigField field);

// The input's value: of the fields that the component passes through those that there are on this machine,
// environment variables and resources, in their Kubernetes form. `resources` is {limits, requests}.
Json TaskConfigValue(const ml_pipelines::ComponentSpec& component,
                     const std::vector<std::pair<std::string, std::string>>& env, const Json& resources);

}  // namespace penstock
