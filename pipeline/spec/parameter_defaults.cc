#include "pipeline/spec/parameter_defaults.h"

namespace penstock {

std::string ParameterDefaults(const PipelineDocument& document) {
  Json defaults = Json::object();
  for (const auto& [name, declared] : document.spec.root().input_definitions().parameters()) {
    if (!declared.has_default_value()) continue;
    auto value = JsonFromValue(declared.default_value());
    if (value.ok() && !value->is_null()) defaults[name] = *std::move(value);
  }
  return DumpJson(defaults);
}

}  // namespace penstock
