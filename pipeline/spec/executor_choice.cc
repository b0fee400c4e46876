#include "pipeline/spec/executor_choice.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kVariable[] = "PENSTOCK_EXECUTOR";
constexpr char kLabel[] = "penstock.dev/executor";

// The text below `key`, or the struct; nullptr if it is not there.
const google::protobuf::Value* Find(const google::protobuf::Struct& parent, const char* key) {
  const auto found = parent.fields().find(key);
  return found == parent.fields().end() ? nullptr : &found->second;
}

}  // namespace

absl::StatusOr<std::string> ReadExecutorPlugin(absl::string_view field, const Json& plugin) {
  const bool is_right = plugin.is_object() && plugin.size() == 1 && plugin.contains("name") &&
                        plugin.at("name").is_string() &&
                        !plugin.at("name").get_ref<const std::string&>().empty();
  if (!is_right) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, R"( must be {"name": "kubernetes"}, the name of an executor of the server)"));
  }
  return plugin.at("name").get<std::string>();
}

absl::StatusOr<std::string> ExecutorOfPlugins(const std::string& plugins_input) {
  // Nearly no run names one: its plugins are not parsed for it.
  if (!absl::StrContains(plugins_input, kExecutorPlugin)) return std::string();
  ASSIGN_OR_RETURN(const Json plugins, ParseJson(plugins_input));
  const auto plugin = plugins.find(kExecutorPlugin);
  if (plugin == plugins.end()) return std::string();
  return ReadExecutorPlugin(absl::StrCat("run.plugins_input.", kExecutorPlugin), *plugin);
}

bool AsksForExecutor(const PipelineDocument& document, absl::string_view kind) {
  for (const auto& [label, executor] : document.deployment.executors()) {
    const google::protobuf::Struct* settings = nullptr;
    if (document.platform.has_value()) {
      const auto platform = document.platform->platforms().find(kKubernetes);
      if (platform != document.platform->platforms().end()) {
        const auto& by_label = platform->second.deployment_spec().executors();
        const auto found = by_label.find(label);
        if (found != by_label.end()) settings = &found->second;
      }
    }
    if (ExecutorOfTask(executor, settings) == kind) return true;
  }
  return false;
}

std::string ExecutorOfTask(const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec& executor,
                           const google::protobuf::Struct* settings) {
  for (const auto& variable : executor.container().env()) {
    if (variable.name() == kVariable) return variable.value();
  }
  if (settings == nullptr) return "";
  const google::protobuf::Value* const metadata = Find(*settings, "podMetadata");
  if (metadata == nullptr || !metadata->has_struct_value()) return "";
  const google::protobuf::Value* const labels = Find(metadata->struct_value(), "labels");
  if (labels == nullptr || !labels->has_struct_value()) return "";
  const google::protobuf::Value* const label = Find(labels->struct_value(), kLabel);
  return label == nullptr ? "" : label->string_value();
}

}  // namespace penstock
