#include "scheduler/task_tracking.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace penstock {

void AddTaskTracking(const TaskTracking& tracking, const RunSnapshot& run, int task, LaunchSpec& spec) {
  if (tracking.uri.empty()) return;
  const std::string& experiment_id = run.experiment_id;
  const std::pair<const char*, std::string> variables[] = {
      {"MLFLOW_TRACKING_URI", tracking.uri},
      {"MLFLOW_RUN_ID", absl::StrCat(run.run_id, "_", run.tasks[task].task_id)},
      {"MLFLOW_EXPERIMENT_ID", experiment_id == tracking.default_experiment_id ? "0" : experiment_id}};
  // An author who names another server or experiment means another run there as well.
  const auto is_set = [&spec](absl::string_view name) {
    return std::any_of(spec.env.begin(), spec.env.end(), [&](const auto& one) { return one.first == name; });
  };
  if (is_set("MLFLOW_TRACKING_URI")) return;
  const bool elsewhere = is_set("MLFLOW_EXPERIMENT_ID") || is_set("MLFLOW_EXPERIMENT_NAME");
  for (const auto& [name, value] : variables) {
    if (!is_set(name)) spec.env.emplace_back(name, value);
    if (elsewhere) return;
  }
}

}  // namespace penstock
