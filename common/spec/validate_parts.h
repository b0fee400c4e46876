// The parts of ValidatePipeline, one for each level of a pipeline. For use by validate*.cc only.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "common/spec/doc_path.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock::spec_internal {

// The graph being looked at, and what its tasks can refer to.
struct DagScope {
  const ml_pipelines::PipelineSpec& spec;
  const ml_pipelines::ComponentSpec& component;  // whose `dag` it is
};

// The keys of a map in order, so that errors do not depend on the map's own.
template <typename Map>
std::vector<std::string> SortedKeys(const Map& map) {
  std::vector<std::string> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) {
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

template <typename Map>
const typename Map::mapped_type* FindOrNull(const Map& map, const std::string& key) {
  const auto it = map.find(key);
  return it == map.end() ? nullptr : &it->second;
}

// Null if the task is not in the graph, or its component not in the spec.
const ml_pipelines::ComponentSpec* ComponentOfTask(const DagScope& scope, const std::string& task);

// A name of a task, component, input or output (`what`): it becomes part of paths and columns.
absl::Status CheckName(absl::string_view name, absl::string_view what, const DocPath& path);

// A component, without what it refers to in other components.
absl::Status ValidateComponent(const ml_pipelines::ComponentSpec& component,
                               const ml_pipelines::PipelineDeploymentConfig& deployment, const DocPath& path,
                               const DocPath& deployment_path);

// The executor of a component.
absl::Status ValidateExecutor(const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec& executor,
                              const ml_pipelines::ComponentSpec& component, const DocPath& path);

// The graph of a component: its tasks, their order, and where its outputs come from. `path` is the graph's.
absl::Status ValidateDag(const DagScope& scope, const DocPath& path);

// One task of a graph. `path` is the task's.
absl::Status ValidateTask(const DagScope& scope, const std::string& name,
                          const ml_pipelines::PipelineTaskSpec& task, const DocPath& path);

// What makes a task a loop, and how many iterations run at a time.
absl::Status ValidateIterator(const ml_pipelines::PipelineTaskSpec& task,
                              const ml_pipelines::ComponentSpec& component, const DocPath& path);

// Whether `value` is one of `literals`, or there are none.
bool IsAmongLiterals(const Json& value,
                     const google::protobuf::RepeatedPtrField<google::protobuf::Value>& literals);

// "5, \"x\" or true" for an error message.
std::string ListLiterals(const google::protobuf::RepeatedPtrField<google::protobuf::Value>& literals);

// A dynamic value of the spec as JSON; null for one that JSON cannot hold, which a parsed document has not.
Json ToJson(const google::protobuf::Value& value);

}  // namespace penstock::spec_internal
