#include "server/convert/plugins.h"

#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/errors.h"
#include "server/validate.h"

namespace penstock {
bool NestsDeeperThan(const Json& json, int levels) {
  if (!json.is_structured()) return false;
  if (levels == 0) return true;
  for (const Json& value : json) {
    if (NestsDeeperThan(value, levels - 1)) return true;
  }
  return false;
}

absl::StatusOr<std::string> PluginsFromApi(absl::string_view field, const PluginInputs& plugins) {
  if (plugins.empty()) return std::string();
  if (plugins.size() > limits::kPlugins) {
    return error::PluginsTooMany(field, plugins.size(), limits::kPlugins);
  }
  Json all = Json::object();
  for (const auto& [name, given] : plugins) {
    RETURN_IF_ERROR(CheckText(absl::StrCat(field, ": the name of a plugin"), name, limits::kNameBytes));
    const std::string place = absl::StrCat(field, "[", QuoteForMessage(name), "]");
    ASSIGN_OR_RETURN(Json json, JsonFromStruct(given));
    if (NestsDeeperThan(json, limits::kPluginDepth)) return error::PluginTooDeep(place, limits::kPluginDepth);
    const int64_t bytes = static_cast<int64_t>(DumpJson(json).size());
    if (bytes > limits::kPluginBytes) return error::FieldTooLong(place, bytes, limits::kPluginBytes);
    all[name] = std::move(json);
  }
  std::string text = DumpJson(all);
  if (static_cast<int64_t>(text.size()) > limits::kPluginsBytes) {
    return error::FieldTooLong(field, text.size(), limits::kPluginsBytes);
  }
  return text;
}

absl::Status PluginsToApi(const std::string& stored, PluginInputs* plugins) {
  if (stored.empty()) return absl::OkStatus();
  const auto json = ParseJson(stored);
  if (!json.ok() || !json->is_object()) return absl::DataLossError("a stored plugins_input cannot be read");
  for (const auto& [name, value] : json->items()) JsonToStruct(value, &(*plugins)[name]);
  return absl::OkStatus();
}

}  // namespace penstock
