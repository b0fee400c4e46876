#include "pipeline/spec/dag_graph.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/status_macros.h"
#include "common/text.h"

namespace penstock {
namespace {

using ml_pipelines::PipelineTaskSpec;

// Calls `visit` with the name of each task that `task` waits for; a name may come more than once.
template <typename Visit>
absl::Status ForEachProducer(const PipelineTaskSpec& task, Visit visit) {
  for (const std::string& name : task.dependent_tasks()) RETURN_IF_ERROR(visit(name));
  for (const auto& [key, input] : task.inputs().parameters()) {
    if (input.has_task_output_parameter()) {
      RETURN_IF_ERROR(visit(input.task_output_parameter().producer_task()));
    } else if (input.has_task_final_status()) {
      RETURN_IF_ERROR(visit(input.task_final_status().producer_task()));
    }
  }
  for (const auto& [key, input] : task.inputs().artifacts()) {
    if (input.has_task_output_artifact()) {
      RETURN_IF_ERROR(visit(input.task_output_artifact().producer_task()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Graph> GraphOfDag(const ml_pipelines::DagSpec& dag) {
  std::vector<std::string> names;
  names.reserve(dag.tasks().size());
  for (const auto& [name, task] : dag.tasks()) names.push_back(name);
  // By name: protobuf's maps have no order, and equal pipelines are to give equal graphs.
  std::sort(names.begin(), names.end());
  absl::flat_hash_map<absl::string_view, int> index;
  for (size_t i = 0; i < names.size(); ++i) index.emplace(names[i], static_cast<int>(i));
  std::vector<Graph::Edge> edges;
  for (const auto& [name, task] : dag.tasks()) {
    const int to = index.at(name);
    RETURN_IF_ERROR(ForEachProducer(task, [&, &name = name](const std::string& producer) {
      const auto it = index.find(producer);
      if (it == index.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("the task ", QuoteForMessage(name), " waits for ", QuoteForMessage(producer),
                         ", which is not in its graph", SuggestName(producer, names)));
      }
      edges.push_back({it->second, to});
      return absl::OkStatus();
    }));
  }
  // The index refers to texts in `names`, and is not used after they move.
  return Graph::Create(std::move(names), edges);
}

}  // namespace penstock
