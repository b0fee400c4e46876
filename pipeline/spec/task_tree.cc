#include "pipeline/spec/task_tree.h"

#include <utility>

#include "absl/strings/match.h"

namespace penstock {
namespace {

using ml_pipelines::PipelineTaskSpec;

// What the SDK calls the graphs that it makes of its own statements. The longer beginning comes first.
constexpr std::pair<absl::string_view, TaskKind> kComponents[] = {
    {"comp-condition-branches-", TaskKind::kConditionBranches},
    {"comp-condition-", TaskKind::kCondition},
    {"comp-exit-handler-", TaskKind::kExitHandler},
    {"comp-for-loop-", TaskKind::kLoop}};

TaskKind KindOfGraph(const PipelineTaskSpec& task) {
  if (task.iterator_case() != PipelineTaskSpec::ITERATOR_NOT_SET) return TaskKind::kLoop;
  for (const auto& [prefix, kind] : kComponents) {
    if (absl::StartsWith(task.component_ref().name(), prefix)) return kind;
  }
  return TaskKind::kGraph;
}

}  // namespace

TaskPlace RootPlace(const PipelineDocument& document) {
  TaskPlace place;
  place.component = &document.spec.root();
  return place;
}

std::optional<TaskPlace> PlaceWithin(const PipelineDocument& document, const TaskPlace& around,
                                     const std::string& name) {
  const auto& tasks = around.component->dag().tasks();
  const auto task = tasks.find(name);
  if (task == tasks.end()) return std::nullopt;
  const auto component = document.spec.components().find(task->second.component_ref().name());
  if (component == document.spec.components().end()) return std::nullopt;
  TaskPlace place;
  place.graph = &around.component->dag();
  place.task = &task->second;
  place.component = &component->second;
  if (component->second.has_dag()) {
    place.kind = KindOfGraph(task->second);
    return place;
  }
  const auto& executors = document.deployment.executors();
  const auto executor = executors.find(component->second.executor_label());
  if (executor != executors.end()) place.executor = &executor->second;
  const bool imports = place.executor != nullptr && place.executor->has_importer();
  place.kind = imports ? TaskKind::kImporter : TaskKind::kContainer;
  return place;
}

}  // namespace penstock
