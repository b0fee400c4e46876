// The executor that a run asks for, as the plugin "penstock_executor"; see pipeline/spec/executor_choice.h.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "server/convert/plugins.h"

namespace penstock {

// INVALID_ARGUMENT for another form, or a kind that is not among `kinds`; `field` names what holds the plugins.
absl::Status CheckExecutor(absl::string_view field, const PluginInputs& plugins,
                           const std::vector<std::string>& kinds);

}  // namespace penstock
