#include "server/convert/cache.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kPlugin[] = "penstock_cache";

absl::Status Wrong(absl::string_view field, absl::string_view right) {
  return absl::InvalidArgumentError(
      absl::StrCat("run.plugins_input.", kPlugin, field.empty() ? "" : ".", field, " must be ", right));
}

}  // namespace

absl::Status CacheFromApi(const api::Run& given, RunConfigRow& config) {
  const auto input = given.plugins_input().find(kPlugin);
  if (input == given.plugins_input().end()) return absl::OkStatus();
  for (const auto& [name, value] : input->second.fields()) {
    if (name == "enabled") {
      if (!value.has_bool_value()) return Wrong(name, "true or false");
      config.cache_enabled = value.bool_value();
    } else if (name == "max_age_s") {
      const double seconds = value.number_value();
      if (!value.has_number_value() || seconds < 1 || seconds > limits::kCacheAgeSeconds ||
          seconds != std::floor(seconds)) {
        return Wrong(name, absl::StrCat("a whole number from 1 to ", limits::kCacheAgeSeconds));
      }
      config.cache_max_age = absl::Seconds(seconds);
    } else {
      return Wrong("", "an object with \"enabled\" or \"max_age_s\"");
    }
  }
  return absl::OkStatus();
}

void CacheDecisionsToApi(const std::vector<TaskRow>& tasks, api::Run* out) {
  for (const TaskRow& task : tasks) {
    if (task.cache_decision.empty()) continue;
    const absl::StatusOr<Json> decision = ParseJson(task.cache_decision);
    if (!decision.ok()) continue;
    api::PluginOutput& output = (*out->mutable_plugins_output())[kPlugin];
    output.set_state(api::PLUGIN_SUCCEEDED);
    JsonToValue(*decision, (*output.mutable_entries())[task.task_id].mutable_value());
  }
}

}  // namespace penstock
