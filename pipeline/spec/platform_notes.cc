#include "pipeline/spec/platform_notes.h"

#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/text.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock {
namespace {

constexpr size_t kSettingsNamed = 20;
constexpr size_t kExecutorsNamed = 3;
constexpr char kTaskTimeout[] = "activeDeadlineSeconds";  // of a task; has an effect

// Settings, and the executors that have them; none for one of the whole pipeline.
using Settings = std::map<std::string, std::vector<std::string>>;

void AddPipelineSettings(const ml_pipelines::PipelineConfig& config, Settings* settings) {
  const std::pair<const char*, bool> kKnown[] = {
      {"resourceTtlOnCompletion", config.resource_ttl_on_completion() != 0},
      {"resourceTtlOnSuccess", config.resource_ttl_on_success() != 0},
      {"resourceTtlOnFailure", config.resource_ttl_on_failure() != 0},
      {"activeDeadlineSeconds", config.active_deadline_seconds() != 0},
      {"workspace.size", !config.workspace().size().empty()},
      {"workspace.kubernetes", config.workspace().has_kubernetes()},
  };
  for (const auto& [name, is_set] : kKnown) {
    if (is_set) (*settings)[name];
  }
}

Settings SettingsOf(const PipelineDocument& document) {
  Settings settings;
  if (document.platform.has_value()) {
    for (const auto& [platform, config] : document.platform->platforms()) {
      AddPipelineSettings(config.pipelineconfig(), &settings);
      const auto& executors = config.deployment_spec().executors();
      for (const std::string& label : spec_internal::SortedKeys(executors)) {
        for (const auto& [name, value] : executors.at(label).fields()) {
          if (name != kTaskTimeout) settings[name].push_back(label);
        }
      }
    }
  }
  const auto& executors = document.deployment.executors();
  for (const std::string& label : spec_internal::SortedKeys(executors)) {
    if (executors.at(label).container().resources().has_accelerator()) {
      settings["accelerator"].push_back(label);
    }
  }
  return settings;
}

}  // namespace

std::string PlatformNote(const PipelineDocument& document) {
  std::vector<std::string> named;
  const Settings settings = SettingsOf(document);
  for (const auto& [name, executors] : settings) {
    if (named.size() == kSettingsNamed) break;
    named.push_back(Shorten(name, 100));
    if (!executors.empty()) absl::StrAppend(&named.back(), " (", ListNames(executors, kExecutorsNamed), ")");
  }
  if (named.empty()) return "";
  const size_t more = settings.size() - named.size();
  return absl::StrCat("Without effect, since tasks run as processes of one machine: ",
                      absl::StrJoin(named, ", "), more > 0 ? absl::StrCat(" and ", more, " more") : "");
}

}  // namespace penstock
