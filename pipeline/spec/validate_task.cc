// One task: what it calls, what feeds its inputs, and its policies.
#include <cmath>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/expression/expression.h"
#include "pipeline/spec/author_terms.h"
#include "pipeline/spec/parameter_type.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock::spec_internal {
namespace {

using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ComponentSpec;
using ml_pipelines::ParameterType;
using ml_pipelines::PipelineTaskSpec;
using ml_pipelines::TaskInputsSpec;
using ml_pipelines::ValueOrRuntimeParameter;

constexpr absl::string_view kPlaceholderStart = "{{$";
constexpr size_t kMissingShown = 10;

// Inputs that the compiler adds so that placeholders in constants, images and resources can refer to them.
bool IsInjectedName(absl::string_view name) {
  static const std::set<absl::string_view> kNames = {"base_image",       "cpu_limit",      "cpu_request",
                                                     "memory_limit",     "memory_request", "accelerator_type",
                                                     "accelerator_count"};
  return absl::StartsWith(name, "pipelinechannel--") || kNames.count(name) > 0;
}

// One input parameter of a task and what it is for.
struct Input {
  const std::string& task;
  const std::string& name;
  const TaskInputsSpec::InputParameterSpec& source;
  const ComponentInputsSpec::ParameterSpec* declared;  // null for an injected one
};

absl::Status UnknownTask(const DagScope& scope, const std::string& name, const DocPath& path) {
  return path.Error("there is no task ", QuoteForMessage(name), " in the graph",
                    SuggestName(name, SortedKeys(scope.component.dag().tasks())));
}

// The output `key` of the sibling task `producer`; the two kinds of outputs differ in what is looked up.
template <typename Outputs, typename OtherOutputs>
absl::Status CheckOutput(const std::string& producer, const std::string& key, const Outputs& outputs,
                         const OtherOutputs& others, absl::string_view kind, absl::string_view other_kind,
                         const DocPath& path) {
  if (outputs.contains(key)) return absl::OkStatus();
  if (others.contains(key)) {
    return path.Error("the output ", QuoteForMessage(key), " of the task ", QuoteForMessage(producer), " is ",
                      other_kind, ", not ", kind);
  }
  return path.Error("the task ", QuoteForMessage(producer), " has no output ", QuoteForMessage(key),
                    " that is ", kind, SuggestName(key, SortedKeys(outputs)));
}

// Values of the type `from` reach an input of another type; a selector makes something else of the value
// first.
absl::Status CheckTypes(const Input& input, ParameterTypeEnum from, absl::string_view source,
                        const DocPath& path) {
  if (input.declared == nullptr || !input.source.parameter_expression_selector().empty()) {
    return absl::OkStatus();
  }
  const ParameterTypeEnum to = DeclaredType(*input.declared);
  if (!TypeConvertsTo(from, to)) {
    return path.Error("the input is a ", TypeName(to), ", and ", source, " is a ", TypeName(from),
                      ", which cannot become one");
  }
  return absl::OkStatus();
}

absl::Status ValidateTaskOutput(const DagScope& scope, const Input& input, const DocPath& path) {
  const auto& source = input.source.task_output_parameter();
  const DocPath kind_path = path.Key("taskOutputParameter");
  const ComponentSpec* producer = ComponentOfTask(scope, source.producer_task());
  if (producer == nullptr) return UnknownTask(scope, source.producer_task(), kind_path.Key("producerTask"));
  const auto& outputs = producer->output_definitions();
  RETURN_IF_ERROR(CheckOutput(source.producer_task(), source.output_parameter_key(), outputs.parameters(),
                              outputs.artifacts(), "a parameter", "an artifact",
                              kind_path.Key("outputParameterKey")));
  const ParameterTypeEnum type = DeclaredType(outputs.parameters().at(source.output_parameter_key()));
  // The output of a loop is the list of what its iterations give, whatever is declared.
  const bool is_loop = scope.component.dag().tasks().at(source.producer_task()).iterator_case() !=
                       PipelineTaskSpec::ITERATOR_NOT_SET;
  return CheckTypes(input, is_loop ? ParameterType::LIST : type,
                    absl::StrCat("the output ", QuoteForMessage(source.output_parameter_key()),
                                 " of the task ", QuoteForMessage(source.producer_task())),
                    path);
}

absl::Status ValidateComponentInput(const DagScope& scope, const Input& input, const DocPath& path) {
  const std::string& name = input.source.component_input_parameter();
  const auto& parameters = scope.component.input_definitions().parameters();
  const auto* found = FindOrNull(parameters, name);
  if (found == nullptr) {
    return path.Key("componentInputParameter")
        .Error("the component around the task has no input parameter ", QuoteForMessage(name),
               SuggestName(name, SortedKeys(parameters)),
               IsLoopItem(name)
                   ? "; the kfp compiler writes this where a text with a loop's item in it, such as "
                     "f'{item}', stands in a group within or around the loop (dsl.ParallelFor, dsl.If, "
                     "dsl.ExitHandler): pass the item as an argument of its own, and make the text in the "
                     "component"
                   : "");
  }
  // The compiler takes the items of a list of unknown type for texts; what each is shows when the loop runs.
  if (IsLoopItem(name) && DeclaredType(*found) == ParameterType::STRING) return absl::OkStatus();
  return CheckTypes(input, DeclaredType(*found),
                    absl::StrCat("the component's input ", QuoteForMessage(name)), path);
}

absl::Status ValidateConstant(const DagScope& scope, const Input& input, const DocPath& path) {
  const DocPath value_path = path.Key("runtimeValue");
  const ValueOrRuntimeParameter& source = input.source.runtime_value();
  if (!source.has_constant()) {
    return value_path.Error("expected the field 'constant'; KFP gives a task no other runtime value");
  }
  if (input.declared == nullptr || !input.source.parameter_expression_selector().empty()) {
    return absl::OkStatus();
  }
  const Json value = ToJson(source.constant());
  const ParameterTypeEnum type = DeclaredType(*input.declared);
  const DocPath constant_path = value_path.Key("constant");
  if (value.is_null() && input.declared->is_optional()) return absl::OkStatus();
  // A placeholder stands for a value that is not known yet.
  if (value.is_string() && absl::StrContains(value.get_ref<const std::string&>(), kPlaceholderStart)) {
    return absl::OkStatus();
  }
  if (!ConvertsTo(value, type)) {
    return constant_path.Error("expected ", TypeKindName(type), ", as the input is a ", TypeName(type),
                               ", found ", JsonExcerpt(value));
  }
  if (!scope.facts.IsAllowed(*input.declared, value)) {
    return constant_path.Error("expected one of the input's literals: ",
                               ListLiterals(input.declared->literals()), ", found ", JsonExcerpt(value));
  }
  return absl::OkStatus();
}

absl::Status ValidateFinalStatus(const DagScope& scope, const Input& input, const DocPath& path) {
  const std::string& producer = input.source.task_final_status().producer_task();
  const DocPath kind_path = path.Key("taskFinalStatus");
  if (!scope.component.dag().tasks().contains(producer)) {
    return UnknownTask(scope, producer, kind_path.Key("producerTask"));
  }
  return CheckTypes(input, ParameterType::TASK_FINAL_STATUS, "a task's final status", path);
}

absl::Status ValidateExpression(const std::string& text, const DocPath& path) {
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<Expression> parsed = Expression::Parse(text);
  return parsed.ok() ? absl::OkStatus() : path.Error(parsed.status().message());
}

absl::Status ValidateParameter(const DagScope& scope, const Input& input, const DocPath& path) {
  RETURN_IF_ERROR(ValidateExpression(input.source.parameter_expression_selector(),
                                     path.Key("parameterExpressionSelector")));
  switch (input.source.kind_case()) {
    case TaskInputsSpec::InputParameterSpec::kTaskOutputParameter:
      return ValidateTaskOutput(scope, input, path);
    case TaskInputsSpec::InputParameterSpec::kComponentInputParameter:
      return ValidateComponentInput(scope, input, path);
    case TaskInputsSpec::InputParameterSpec::kRuntimeValue:
      return ValidateConstant(scope, input, path);
    case TaskInputsSpec::InputParameterSpec::kTaskFinalStatus:
      return ValidateFinalStatus(scope, input, path);
    default:
      return path.Error(
          "expected one of the fields 'taskOutputParameter', 'runtimeValue', 'componentInputParameter' and "
          "'taskFinalStatus'");
  }
}

absl::Status ValidateArtifact(const DagScope& scope, const TaskInputsSpec::InputArtifactSpec& source,
                              const DocPath& path) {
  if (source.has_task_output_artifact()) {
    const auto& output = source.task_output_artifact();
    const DocPath kind_path = path.Key("taskOutputArtifact");
    const ComponentSpec* producer = ComponentOfTask(scope, output.producer_task());
    if (producer == nullptr) return UnknownTask(scope, output.producer_task(), kind_path.Key("producerTask"));
    const auto& outputs = producer->output_definitions();
    return CheckOutput(output.producer_task(), output.output_artifact_key(), outputs.artifacts(),
                       outputs.parameters(), "an artifact", "a parameter",
                       kind_path.Key("outputArtifactKey"));
  }
  if (source.kind_case() != TaskInputsSpec::InputArtifactSpec::kComponentInputArtifact) {
    return path.Error("expected one of the fields 'taskOutputArtifact' and 'componentInputArtifact'");
  }
  const auto& artifacts = scope.component.input_definitions().artifacts();
  if (!artifacts.contains(source.component_input_artifact())) {
    return path.Key("componentInputArtifact")
        .Error("the component around the task has no input artifact ",
               QuoteForMessage(source.component_input_artifact()),
               SuggestName(source.component_input_artifact(), SortedKeys(artifacts)));
  }
  return absl::OkStatus();
}

// An input that the component does not declare.
template <typename Declared>
absl::Status CheckDeclared(const std::string& name, const PipelineTaskSpec& task, const Declared& declared,
                           const DocPath& path) {
  if (declared.contains(name) || IsInjectedName(name)) return absl::OkStatus();
  return path.Error("the component ", QuoteForMessage(task.component_ref().name()), " has no such input",
                    SuggestName(name, SortedKeys(declared)));
}

absl::Status ValidateInputs(const DagScope& scope, const std::string& name, const PipelineTaskSpec& task,
                            const ComponentSpec& component, const DocPath& path) {
  const auto& definitions = component.input_definitions();
  const DocPath parameters_path = path.Key("parameters");
  for (const std::string& key : SortedKeys(task.inputs().parameters())) {
    const DocPath input_path = parameters_path.Key(key);
    RETURN_IF_ERROR(CheckName(key, "an input", input_path));
    RETURN_IF_ERROR(CheckDeclared(key, task, definitions.parameters(), input_path));
    const Input input{name, key, task.inputs().parameters().at(key),
                      FindOrNull(definitions.parameters(), key)};
    RETURN_IF_ERROR(ValidateParameter(scope, input, input_path));
  }
  const DocPath artifacts_path = path.Key("artifacts");
  for (const std::string& key : SortedKeys(task.inputs().artifacts())) {
    const DocPath input_path = artifacts_path.Key(key);
    RETURN_IF_ERROR(CheckName(key, "an input", input_path));
    RETURN_IF_ERROR(CheckDeclared(key, task, definitions.artifacts(), input_path));
    RETURN_IF_ERROR(ValidateArtifact(scope, task.inputs().artifacts().at(key), input_path));
  }
  return absl::OkStatus();
}

// Every input that the component requires is fed, by the task or by its iterator.
absl::Status ValidateRequired(const PipelineTaskSpec& task, const ComponentFacts::Required& required,
                              const DocPath& path) {
  const std::string& item = task.has_artifact_iterator() ? task.artifact_iterator().item_input()
                                                         : task.parameter_iterator().item_input();
  std::vector<std::string> missing;
  for (const std::string& name : required.parameters) {
    if (!task.inputs().parameters().contains(name) && name != item) missing.push_back(name);
  }
  for (const std::string& name : required.artifacts) {
    if (!task.inputs().artifacts().contains(name) && name != item) missing.push_back(name);
  }
  if (missing.empty()) return absl::OkStatus();
  return path.Error("the component ", QuoteForMessage(task.component_ref().name()),
                    " requires inputs that the task does not give: ", ListNames(missing, kMissingShown));
}

bool IsNegative(const google::protobuf::Duration& duration) {
  return duration.seconds() < 0 || duration.nanos() < 0;
}

absl::Status ValidateRetry(const PipelineTaskSpec::RetryPolicy& policy, const DocPath& path) {
  if (policy.max_retry_count() < 0) {
    return path.Key("maxRetryCount")
        .Error("expected a number that is not negative, found ", policy.max_retry_count());
  }
  if (policy.max_retry_count() > limits::kSpecRetries) {
    return path.Key("maxRetryCount")
        .Error("expected at most ", limits::kSpecRetries, " (the bound kSpecRetries), found ",
               policy.max_retry_count());
  }
  if (!std::isfinite(policy.backoff_factor()) || policy.backoff_factor() < 0) {
    return path.Key("backoffFactor")
        .Error("expected a number that is not negative, found ", NumberText(policy.backoff_factor()));
  }
  if (IsNegative(policy.backoff_duration())) {
    return path.Key("backoffDuration").Error("expected a duration that is not negative");
  }
  if (IsNegative(policy.backoff_max_duration())) {
    return path.Key("backoffMaxDuration").Error("expected a duration that is not negative");
  }
  return absl::OkStatus();
}

absl::Status ValidateDependencies(const DagScope& scope, const std::string& name,
                                  const PipelineTaskSpec& task, const DocPath& path) {
  for (int i = 0; i < task.dependent_tasks_size(); ++i) {
    const std::string& dependency = task.dependent_tasks(i);
    if (dependency == name) return path.Index(i).Error("the task waits for itself");
    if (!scope.component.dag().tasks().contains(dependency)) {
      return UnknownTask(scope, dependency, path.Index(i));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateTask(const DagScope& scope, const std::string& name, const PipelineTaskSpec& task,
                          const DocPath& path) {
  const std::string& reference = task.component_ref().name();
  const ComponentSpec* component = FindOrNull(scope.spec.components(), reference);
  if (component == nullptr) {
    const DocPath reference_path = path.Key("componentRef");
    return reference.empty()
               ? reference_path.Key("name").Error("is missing; expected the name of a component")
               : reference_path.Key("name").Error(
                     "there is no component ", QuoteForMessage(reference), " in components",
                     SuggestName(reference, SortedKeys(scope.spec.components())));
  }
  RETURN_IF_ERROR(ValidateDependencies(scope, name, task, path.Key("dependentTasks")));
  RETURN_IF_ERROR(ValidateIterator(task, *component, path));
  RETURN_IF_ERROR(ValidateInputs(scope, name, task, *component, path.Key("inputs")));
  RETURN_IF_ERROR(ValidateRequired(task, scope.facts.RequiredInputs(*component), path.Key("inputs")));
  const DocPath trigger_path = path.Key("triggerPolicy");
  RETURN_IF_ERROR(ValidateExpression(task.trigger_policy().condition(), trigger_path.Key("condition")));
  return ValidateRetry(task.retry_policy(), path.Key("retryPolicy"));
}

}  // namespace penstock::spec_internal
