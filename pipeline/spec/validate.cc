#include "pipeline/spec/validate.h"

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/graph.h"
#include "pipeline/spec/parameter_type.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock {

using ml_pipelines::ComponentSpec;
using ml_pipelines::PipelineDeploymentConfig;
using ml_pipelines::PipelineSpec;

namespace spec_internal {

constexpr size_t kLiteralsShown = 10;

const ComponentSpec* ComponentOfTask(const DagScope& scope, const std::string& task) {
  const auto* found = FindOrNull(scope.component.dag().tasks(), task);
  return found == nullptr ? nullptr : FindOrNull(scope.spec.components(), found->component_ref().name());
}

absl::Status CheckName(absl::string_view name, absl::string_view what, const DocPath& path) {
  if (name.empty()) return path.Error("the name of ", what, " is empty");
  if (name.size() > static_cast<size_t>(limits::kSpecNameBytes)) {
    return path.Error("the name of ", what, " is longer than ", limits::kSpecNameBytes,
                      " bytes (the bound kSpecNameBytes)");
  }
  for (const char c : name) {
    if (c == '/' || absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return path.Error("the name of ", what, " holds a slash or a control character");
    }
  }
  if (name == "." || name == "..") return path.Error("the name of ", what, " may not be '.' or '..'");
  return absl::OkStatus();
}

Json ToJson(const google::protobuf::Value& value) {
  absl::StatusOr<Json> json = JsonFromValue(value);
  return json.ok() ? *std::move(json) : Json();
}

bool IsAmongLiterals(const Json& value,
                     const google::protobuf::RepeatedPtrField<google::protobuf::Value>& literals) {
  return literals.empty() || std::any_of(literals.begin(), literals.end(),
                                         [&](const auto& literal) { return ToJson(literal) == value; });
}

// Found out once for each component: thousands of tasks may use it.
const ComponentFacts::Required& ComponentFacts::RequiredInputs(const ComponentSpec& component) {
  const auto [it, is_new] = required_.try_emplace(&component);
  Required& required = it->second;
  if (is_new) {
    const auto& inputs = component.input_definitions();
    for (const std::string& name : SortedKeys(inputs.parameters())) {
      const auto& parameter = inputs.parameters().at(name);
      if (!parameter.is_optional() && !parameter.has_default_value() &&
          DeclaredType(parameter) != ml_pipelines::ParameterType::TASK_CONFIG) {
        required.parameters.push_back(name);
      }
    }
    for (const std::string& name : SortedKeys(inputs.artifacts())) {
      if (!inputs.artifacts().at(name).is_optional()) required.artifacts.push_back(name);
    }
  }
  return required;
}

bool ComponentFacts::IsAllowed(const ml_pipelines::ComponentInputsSpec::ParameterSpec& parameter,
                               const Json& value) {
  if (parameter.literals().empty()) return true;
  const auto [it, is_new] = literals_.try_emplace(&parameter);
  // By canonical texts: a set finds one among many literals at once.
  if (is_new) {
    for (const auto& literal : parameter.literals()) it->second.insert(DumpJson(ToJson(literal)));
  }
  return it->second.contains(DumpJson(value));
}

std::string ListLiterals(const google::protobuf::RepeatedPtrField<google::protobuf::Value>& literals) {
  std::string text;
  for (int i = 0; i < literals.size(); ++i) {
    if (i == static_cast<int>(kLiteralsShown)) {
      return absl::StrCat(text, " and ", literals.size() - i, " more");
    }
    absl::StrAppend(&text, i > 0 ? ", " : "", JsonExcerpt(ToJson(literals[i])));
  }
  return text;
}

}  // namespace spec_internal

namespace {

using spec_internal::DagScope;
using spec_internal::SortedKeys;

constexpr absl::string_view kSchemaVersion = "2.1.0";

// KFP itself writes names such as namespace/n/pipeline/p: every part of them is a name.
absl::Status CheckQualifiedName(const std::string& name, const DocPath& path) {
  if (name.size() > static_cast<size_t>(limits::kSpecNameBytes)) {
    return spec_internal::CheckName(name, "the pipeline", path);
  }
  for (const absl::string_view part : absl::StrSplit(name, '/')) {
    RETURN_IF_ERROR(
        spec_internal::CheckName(part, part.size() == name.size() ? "the pipeline" : "a part", path));
  }
  return absl::OkStatus();
}

absl::Status ValidateHeader(const PipelineSpec& spec, const DocPath& path) {
  if (spec.schema_version() != kSchemaVersion) {
    const DocPath version_path = path.Key("schemaVersion");
    if (spec.schema_version().empty()) {
      return version_path.Error("is missing; expected \"", kSchemaVersion, "\"");
    }
    return version_path.Error("expected \"", kSchemaVersion, "\", found ",
                              QuoteForMessage(spec.schema_version()), "; compile the pipeline with kfp 2");
  }
  const DocPath info_path = path.Key("pipelineInfo");
  if (spec.pipeline_info().name().empty()) {
    return info_path.Key("name").Error("is missing; expected the name of the pipeline");
  }
  RETURN_IF_ERROR(CheckQualifiedName(spec.pipeline_info().name(), info_path.Key("name")));
  if (!spec.has_root()) {
    return path.Key("root").Error("is missing; expected the component that a run executes");
  }
  if (!spec.root().has_dag()) return path.Key("root").Error("expected a graph of tasks (the field 'dag')");
  return absl::OkStatus();
}

// How much a component holds once every task is replaced by what it runs, loops running once.
struct Extent {
  int64_t tasks = 0;
  int nesting = 0;
};

// The root and every component as nodes, what contains another before what it contains.
absl::StatusOr<Graph> GraphOfComponents(const PipelineSpec& spec, const std::vector<std::string>& names) {
  std::vector<std::string> nodes = {""};  // the root: nothing can refer to it, so it is in no cycle
  nodes.insert(nodes.end(), names.begin(), names.end());
  std::vector<Graph::Edge> edges;
  const auto add = [&](int from, const ComponentSpec& component) {
    for (const auto& [key, task] : component.dag().tasks()) {
      const auto it = std::lower_bound(names.begin(), names.end(), task.component_ref().name());
      if (it != names.end() && *it == task.component_ref().name()) {
        edges.push_back({from, static_cast<int>(it - names.begin()) + 1});
      }
    }
  };
  add(0, spec.root());
  for (size_t i = 0; i < names.size(); ++i) add(static_cast<int>(i) + 1, spec.components().at(names[i]));
  return Graph::Create(std::move(nodes), edges);
}

// No component contains itself, and the whole is of a size that can be run.
absl::Status ValidateExtent(const PipelineSpec& spec, const std::vector<std::string>& names,
                            const DocPath& path) {
  const absl::StatusOr<Graph> graph = GraphOfComponents(spec, names);
  if (!graph.ok()) {
    return path.Key("components").Error(graph.status().message(), "; a component may not contain itself");
  }
  std::vector<Extent> extents(graph->size());
  const absl::Span<const int> order = graph->topological_order();
  // What is contained comes before what contains it, so each component is summed up once however often it is
  // used. The sum is cut, since graphs in graphs multiply.
  for (auto it = order.rbegin(); it != order.rend(); ++it) {
    const ComponentSpec& component = *it == 0 ? spec.root() : spec.components().at(names[*it - 1]);
    Extent& extent = extents[*it];
    extent.nesting = component.has_dag() ? 1 : 0;
    for (const auto& [key, task] : component.dag().tasks()) {
      const size_t index =
          std::lower_bound(names.begin(), names.end(), task.component_ref().name()) - names.begin();
      const Extent& inner = extents[index + 1];
      extent.tasks = std::min<int64_t>(extent.tasks + 1 + inner.tasks, limits::kSpecTasks + 1);
      extent.nesting = std::max(extent.nesting, inner.nesting + 1);
    }
  }
  if (extents[0].tasks > limits::kSpecTasks) {
    return path.Key("root").Error("the pipeline has more than ", limits::kSpecTasks,
                                  " tasks, counted as often as their graphs are used (the bound kSpecTasks)");
  }
  if (extents[0].nesting > limits::kSpecNesting) {
    return path.Key("root").Error("graphs are nested more than ", limits::kSpecNesting,
                                  " levels deep (the bound kSpecNesting)");
  }
  return absl::OkStatus();
}

// The executors that components use; others may be anything.
absl::Status ValidateExecutors(const PipelineSpec& spec, const PipelineDeploymentConfig& deployment,
                               const DocPath& path) {
  absl::flat_hash_set<std::string> used;
  for (const auto& [name, component] : spec.components()) used.insert(component.executor_label());
  const DocPath executors_path = path.Key("executors");
  for (const std::string& label : SortedKeys(deployment.executors())) {
    if (used.contains(label)) {
      RETURN_IF_ERROR(
          spec_internal::ValidateExecutor(deployment.executors().at(label), executors_path.Key(label)));
    }
  }
  return absl::OkStatus();
}

// What each component is in itself: the tasks of every graph then rely on it.
absl::Status ValidateComponents(const PipelineSpec& spec, const PipelineDeploymentConfig& deployment,
                                const std::vector<std::string>& names, const DocPath& path) {
  const DocPath deployment_path = path.Key("deploymentSpec");
  RETURN_IF_ERROR(
      spec_internal::ValidateComponent(spec.root(), deployment, path.Key("root"), deployment_path));
  const DocPath components_path = path.Key("components");
  for (const std::string& name : names) {
    const DocPath component_path = components_path.Key(name);
    RETURN_IF_ERROR(spec_internal::CheckName(name, "a component", component_path));
    RETURN_IF_ERROR(spec_internal::ValidateComponent(spec.components().at(name), deployment, component_path,
                                                     deployment_path));
  }
  return ValidateExecutors(spec, deployment, deployment_path);
}

absl::Status ValidateGraphs(const PipelineSpec& spec, const std::vector<std::string>& names,
                            const DocPath& path) {
  spec_internal::ComponentFacts facts;
  const DocPath root_path = path.Key("root");
  RETURN_IF_ERROR(spec_internal::ValidateDag({spec, spec.root(), facts}, root_path.Key("dag")));
  const DocPath components_path = path.Key("components");
  for (const std::string& name : names) {
    const ComponentSpec& component = spec.components().at(name);
    if (component.has_dag()) {
      const DocPath component_path = components_path.Key(name);
      RETURN_IF_ERROR(spec_internal::ValidateDag({spec, component, facts}, component_path.Key("dag")));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidatePipeline(const PipelineSpec& spec, const PipelineDeploymentConfig& deployment,
                              const DocPath& path) {
  RETURN_IF_ERROR(ValidateHeader(spec, path));
  // Each step relies on those before it: tasks on the components that they name, extents on references that
  // lead somewhere.
  const std::vector<std::string> names = SortedKeys(spec.components());
  RETURN_IF_ERROR(ValidateComponents(spec, deployment, names, path));
  RETURN_IF_ERROR(ValidateGraphs(spec, names, path));
  return ValidateExtent(spec, names, path);
}

}  // namespace penstock
