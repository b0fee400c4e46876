// The parts of ValidatePipeline, one for each level of a pipeline. For use by validate*.cc only.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"
#include "pipeline/spec/doc_path.h"

namespace penstock::spec_internal {

// What every task that uses a component asks of it, found out once: the cost of a document stays in
// proportion to its size however often a large component is used in it. Refers to the components, which must
// outlive it.
class ComponentFacts {
 public:
  struct Required {
    std::vector<std::string> parameters;
    std::vector<std::string> artifacts;
  };

  // The inputs that a task has to give, in order.
  const Required& RequiredInputs(const ml_pipelines::ComponentSpec& component);

  // Whether `value` is one of the parameter's literals, or it has none.
  bool IsAllowed(const ml_pipelines::ComponentInputsSpec::ParameterSpec& parameter, const Json& value);

 private:
  absl::flat_hash_map<const ml_pipelines::ComponentSpec*, Required> required_;
  absl::flat_hash_map<const ml_pipelines::ComponentInputsSpec::ParameterSpec*,
                      absl::flat_hash_set<std::string>>
      literals_;  // in canonical form
};

// The graph being looked at, and what its tasks can refer to.
struct DagScope {
  const ml_pipelines::PipelineSpec& spec;
  const ml_pipelines::ComponentSpec& component;  // whose `dag` it is
  ComponentFacts& facts;
};

// The keys of a map in order, so that errors do not depend on the map's own.
template <typename Map>
std::vector<std::string> SortedKeys(const Map& map) {
  std::vector<std::string> keys;
  keys.reserve(map.size());
  for (const auto& [key, value] : map) keys.push_back(key);
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

// A component, without what it refers to in other components. Its executor is only found, unless it is an
// importer.
absl::Status ValidateComponent(const ml_pipelines::ComponentSpec& component,
                               const ml_pipelines::PipelineDeploymentConfig& deployment, const DocPath& path,
                               const DocPath& deployment_path);

// An executor that some component uses.
absl::Status ValidateExecutor(const ml_pipelines::PipelineDeploymentConfig::ExecutorSpec& executor,
                              const DocPath& path);

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
