// What a component is in itself: its inputs and outputs, and its executor.

#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock::spec_internal {
namespace {

using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ComponentOutputsSpec;
using ml_pipelines::ComponentSpec;
using ml_pipelines::ParameterType;
using ml_pipelines::PipelineDeploymentConfig;

constexpr absl::string_view kTypesText =
    "NUMBER_INTEGER, NUMBER_DOUBLE, STRING, BOOLEAN, LIST, STRUCT, TASK_FINAL_STATUS or TASK_CONFIG";

bool HasNul(const std::string& text) { return text.find('\0') != std::string::npos; }

absl::Status ValidateInputParameter(const ComponentInputsSpec::ParameterSpec& parameter,
                                    const DocPath& path) {
  const ParameterTypeEnum type = DeclaredType(parameter);
  if (type == ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED) {
    return path.Key("parameterType").Error("is missing; expected ", kTypesText);
  }
  const DocPath literals_path = path.Key("literals");
  for (int i = 0; i < parameter.literals_size(); ++i) {
    const Json literal = ToJson(parameter.literals(i));
    if (!IsOfType(literal, type)) {
      return literals_path.Index(i).Error("expected ", TypeKindName(type), ", as the parameter is a ",
                                          TypeName(type), ", found ", JsonExcerpt(literal));
    }
  }
  if (!parameter.has_default_value()) return absl::OkStatus();
  const Json value = ToJson(parameter.default_value());
  if (value.is_null() && parameter.is_optional()) return absl::OkStatus();
  const DocPath default_path = path.Key("defaultValue");
  if (!ConvertsTo(value, type)) {
    return default_path.Error("expected ", TypeKindName(type), ", as the parameter is a ", TypeName(type),
                              ", found ", JsonExcerpt(value));
  }
  if (!IsAmongLiterals(value, parameter.literals())) {
    return default_path.Error("expected one of the parameter's literals: ",
                              ListLiterals(parameter.literals()), ", found ", JsonExcerpt(value));
  }
  return absl::OkStatus();
}

absl::Status ValidateInputs(const ComponentInputsSpec& inputs, const DocPath& path) {
  const DocPath parameters_path = path.Key("parameters");
  for (const std::string& name : SortedKeys(inputs.parameters())) {
    const DocPath parameter_path = parameters_path.Key(name);
    RETURN_IF_ERROR(CheckName(name, "an input", parameter_path));
    RETURN_IF_ERROR(ValidateInputParameter(inputs.parameters().at(name), parameter_path));
  }
  const DocPath artifacts_path = path.Key("artifacts");
  for (const std::string& name : SortedKeys(inputs.artifacts())) {
    RETURN_IF_ERROR(CheckName(name, "an input", artifacts_path.Key(name)));
  }
  return absl::OkStatus();
}

// An executor's outputs are files named after them.
absl::Status CheckOutputName(const std::string& name, bool is_file, const DocPath& path) {
  RETURN_IF_ERROR(CheckName(name, "an output", path));
  if (is_file && name.size() > static_cast<size_t>(limits::kSpecOutputNameBytes)) {
    return path.Error("the name of an executor's output is longer than ", limits::kSpecOutputNameBytes,
                      " bytes (the bound kSpecOutputNameBytes)");
  }
  return absl::OkStatus();
}

absl::Status ValidateOutputs(const ComponentOutputsSpec& outputs, bool are_files, const DocPath& path) {
  const DocPath parameters_path = path.Key("parameters");
  for (const std::string& name : SortedKeys(outputs.parameters())) {
    const DocPath parameter_path = parameters_path.Key(name);
    RETURN_IF_ERROR(CheckOutputName(name, are_files, parameter_path));
    if (DeclaredType(outputs.parameters().at(name)) == ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED) {
      return parameter_path.Key("parameterType").Error("is missing; expected ", kTypesText);
    }
  }
  const DocPath artifacts_path = path.Key("artifacts");
  for (const std::string& name : SortedKeys(outputs.artifacts())) {
    RETURN_IF_ERROR(CheckOutputName(name, are_files, artifacts_path.Key(name)));
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const google::protobuf::RepeatedPtrField<std::string>& arguments,
                            const DocPath& path) {
  for (int i = 0; i < arguments.size(); ++i) {
    if (HasNul(arguments[i])) {
      return path.Index(i).Error("holds a NUL character, which no program can be given");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateContainer(const PipelineDeploymentConfig::PipelineContainerSpec& container,
                               const DocPath& path) {
  if (container.image().empty()) {
    return path.Key("image").Error("is missing; expected the name of a container image");
  }
  RETURN_IF_ERROR(CheckArguments(container.command(), path.Key("command")));
  RETURN_IF_ERROR(CheckArguments(container.args(), path.Key("args")));
  const DocPath env_path = path.Key("env");
  for (int i = 0; i < container.env_size(); ++i) {
    const std::string& name = container.env(i).name();
    if (name.empty() || name.find('=') != std::string::npos || HasNul(name)) {
      const DocPath variable_path = env_path.Index(i);
      return variable_path.Key("name").Error("expected the name of an environment variable, found ",
                                             QuoteForMessage(name));
    }
    if (HasNul(container.env(i).value())) {
      const DocPath variable_path = env_path.Index(i);
      return variable_path.Key("value").Error("holds a NUL character, which no program can be given");
    }
  }
  const auto& resources = container.resources();
  for (const double amount :
       {resources.cpu_limit(), resources.memory_limit(), resources.cpu_request(), resources.memory_request(),
        static_cast<double>(resources.accelerator().count())}) {
    if (amount < 0) {
      return path.Key("resources")
          .Error("expected amounts that are not negative, found ", NumberText(amount));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateImporter(const PipelineDeploymentConfig::ImporterSpec& importer,
                              const ComponentSpec& component, const DocPath& path) {
  const auto& uri = importer.artifact_uri();
  const DocPath uri_path = path.Key("artifactUri");
  if (uri.value_case() == ml_pipelines::ValueOrRuntimeParameter::VALUE_NOT_SET) {
    return uri_path.Error("is missing; expected 'constant' or 'runtimeParameter'");
  }
  const auto& parameters = component.input_definitions().parameters();
  if (uri.has_runtime_parameter() && !parameters.contains(uri.runtime_parameter())) {
    return uri_path.Key("runtimeParameter")
        .Error("the component has no input parameter ", QuoteForMessage(uri.runtime_parameter()),
               SuggestName(uri.runtime_parameter(), SortedKeys(parameters)));
  }
  if (uri.has_constant() && !ToJson(uri.constant()).is_string()) {
    return uri_path.Key("constant").Error("expected a text, found ", JsonExcerpt(ToJson(uri.constant())));
  }
  if (component.output_definitions().artifacts_size() != 1 ||
      component.output_definitions().parameters_size() != 0) {
    return path.Error("the component of an importer has exactly one output, an artifact; found ",
                      component.output_definitions().artifacts_size(), " artifacts and ",
                      component.output_definitions().parameters_size(), " parameters");
  }
  return absl::OkStatus();
}

absl::Status ValidateExecutorLabel(const ComponentSpec& component, const PipelineDeploymentConfig& deployment,
                                   const DocPath& path, const DocPath& deployment_path) {
  const std::string& label = component.executor_label();
  const auto* executor = FindOrNull(deployment.executors(), label);
  if (executor == nullptr) {
    return path.Key("executorLabel")
        .Error("there is no executor ", QuoteForMessage(label), " in deploymentSpec.executors",
               SuggestName(label, SortedKeys(deployment.executors())));
  }
  if (!executor->has_importer()) return absl::OkStatus();
  const DocPath executors_path = deployment_path.Key("executors");
  const DocPath executor_path = executors_path.Key(label);
  return ValidateImporter(executor->importer(), component, executor_path.Key("importer"));
}

}  // namespace

absl::Status ValidateExecutor(const PipelineDeploymentConfig::ExecutorSpec& executor, const DocPath& path) {
  switch (executor.spec_case()) {
    case PipelineDeploymentConfig::ExecutorSpec::kContainer:
      return ValidateContainer(executor.container(), path.Key("container"));
    case PipelineDeploymentConfig::ExecutorSpec::SPEC_NOT_SET:
      return path.Error("expected one of the fields 'container', 'importer', 'resolver' and 'customJob'");
    default:
      return absl::OkStatus();
  }
}

absl::Status ValidateComponent(const ComponentSpec& component, const PipelineDeploymentConfig& deployment,
                               const DocPath& path, const DocPath& deployment_path) {
  RETURN_IF_ERROR(ValidateInputs(component.input_definitions(), path.Key("inputDefinitions")));
  const bool runs = component.implementation_case() == ComponentSpec::kExecutorLabel;
  RETURN_IF_ERROR(ValidateOutputs(component.output_definitions(), runs, path.Key("outputDefinitions")));
  if (component.implementation_case() == ComponentSpec::IMPLEMENTATION_NOT_SET) {
    return path.Error("expected one of the fields 'dag' and 'executorLabel'");
  }
  return runs ? ValidateExecutorLabel(component, deployment, path, deployment_path) : absl::OkStatus();
}

}  // namespace penstock::spec_internal
