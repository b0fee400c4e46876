#include "server/convert/cache.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr char kPlugin[] = "penstock_cache";

}  // namespace

absl::Status CacheFromApi(absl::string_view field, const PluginInputs& plugins, bool* enabled,
                          absl::Duration* max_age) {
  *enabled = true;
  *max_age = absl::ZeroDuration();
  const auto input = plugins.find(kPlugin);
  if (input == plugins.end()) return absl::OkStatus();
  const std::string place = absl::StrCat(field, ".", kPlugin);
  for (const auto& [name, value] : input->second.fields()) {
    if (name == "enabled") {
      if (!value.has_bool_value()) return error::CacheEnabledWrong(absl::StrCat(place, ".enabled"));
      *enabled = value.bool_value();
    } else if (name == "max_age_s") {
      const double seconds = value.number_value();
      if (!value.has_number_value() || seconds < 1 || seconds > limits::kCacheAgeSeconds ||
          seconds != std::floor(seconds)) {
        return error::CacheAgeWrong(absl::StrCat(place, ".max_age_s"), limits::kCacheAgeSeconds);
      }
      *max_age = absl::Seconds(seconds);
    } else {
      return error::CacheInputWrong(place);
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
