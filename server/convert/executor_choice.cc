#include "server/convert/executor_choice.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/json.h"
#include "common/status_macros.h"
#include "pipeline/spec/executor_choice.h"
#include "server/errors.h"

namespace penstock {

absl::Status CheckExecutor(absl::string_view field, const PluginInputs& plugins,
                           const std::vector<std::string>& kinds) {
  const auto plugin = plugins.find(kExecutorPlugin);
  if (plugin == plugins.end()) return absl::OkStatus();
  const std::string place = absl::StrCat(field, ".", kExecutorPlugin);
  ASSIGN_OR_RETURN(const Json json, JsonFromStruct(plugin->second));
  ASSIGN_OR_RETURN(const std::string kind, ReadExecutorPlugin(place, json));
  if (std::count(kinds.begin(), kinds.end(), kind) > 0) return absl::OkStatus();
  return error::ExecutorUnknown(absl::StrCat(place, ".name"), kind, absl::StrJoin(kinds, ", "));
}

}  // namespace penstock
