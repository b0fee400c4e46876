#include "server/convert/cache.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/errors.h"
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
  for (const auto& [plugin, input] : given.plugins_input()) {
    if (plugin != kPlugin) return error::NotServed(absl::StrCat("run.plugins_input.", plugin));
    for (const auto& [name, value] : input.fields()) {
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
  }
  return absl::OkStatus();
}

void CacheToApi(const RunConfigRow& config, api::Run* out) {
  if (config.cache_enabled && config.cache_max_age == absl::ZeroDuration()) return;
  auto& fields = *(*out->mutable_plugins_input())[kPlugin].mutable_fields();
  fields["enabled"].set_bool_value(config.cache_enabled);
  if (config.cache_max_age > absl::ZeroDuration()) {
    fields["max_age_s"].set_number_value(absl::ToDoubleSeconds(config.cache_max_age));
  }
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
