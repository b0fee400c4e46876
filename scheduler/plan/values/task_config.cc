#include "scheduler/plan/values/task_config.h"

namespace penstock {

using ml_pipelines::TaskConfigPassthroughType;

namespace {

const ml_pipelines::TaskConfigPassthrough* Find(const ml_pipelines::ComponentSpec& component,
                                                TaskConfigField field) {
  for (const auto& passthrough : component.task_config_passthroughs()) {
    if (passthrough.field() == field) return &passthrough;
  }
  return nullptr;
}

}  // namespace

bool AppliesToTask(const ml_pipelines::ComponentSpec& component, TaskConfigField field) {
  const auto* passthrough = Find(component, field);
  return passthrough == nullptr || passthrough->apply_to_task();
}

Json TaskConfigValue(const ml_pipelines::ComponentSpec& component,
                     const std::vector<std::pair<std::string, std::string>>& env, const Json& resources) {
  Json out = Json::object();
  if (Find(component, TaskConfigPassthroughType::ENV) != nullptr && !env.empty()) {
    out["env"] = Json::array();
    for (const auto& [name, value] : env) out["env"].push_back({{"name", name}, {"value", value}});
  }
  if (Find(component, TaskConfigPassthroughType::RESOURCES) != nullptr && !resources.empty()) {
    out["resources"] = resources;
  }
  return out;
}

}  // namespace penstock
