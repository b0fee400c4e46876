#include "scheduler/plan/values/resolve_inputs.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/author_terms.h"
#include "pipeline/spec/parameter_type.h"
#include "scheduler/plan/values/constant.h"
#include "scheduler/plan/values/parameter_type.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ComponentSpec;
using ml_pipelines::ParameterType;
using ml_pipelines::PipelineTaskSpec;
using ml_pipelines::TaskInputsSpec;
using ParameterSource = TaskInputsSpec::InputParameterSpec;
using ArtifactSource = TaskInputsSpec::InputArtifactSpec;

template <typename Map>
std::vector<std::string> SortedKeys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& entry : map) keys.push_back(entry.first);
  std::sort(keys.begin(), keys.end());
  return keys;
}

// The default of an input, null if it has none.
Json DefaultOf(const ComponentInputsSpec::ParameterSpec& declared) {
  if (!declared.has_default_value()) return nullptr;
  absl::StatusOr<Json> value = JsonFromValue(declared.default_value());
  return value.ok() ? *std::move(value) : Json(nullptr);
}

// Resolves the inputs of one task. Used once.
class InputResolver {
 public:
  InputResolver(const PipelineTaskSpec& task, const ComponentSpec& component, const TaskInputs& scope,
                OutputLookup lookup, const RunFacts& facts, const Selectors& selectors,
                const ParameterMap& final_statuses)
      : task_(task),
        component_(component),
        scope_(scope),
        lookup_(lookup),
        facts_(facts),
        selectors_(selectors),
        final_statuses_(final_statuses) {}

  absl::StatusOr<TaskInputs> Run() {
    const auto& sources = task_.inputs().parameters();
    std::vector<std::string> later;  // constants that refer to other inputs
    for (const std::string& name : SortedKeys(sources)) {
      ASSIGN_OR_RETURN(std::optional<Json> value, SourceValue(name, sources.at(name)));
      if (value.has_value() && sources.at(name).has_runtime_value() && HasPlaceholder(*value) &&
          !IsLaunchPlaceholder(*value)) {
        pending_[name] = *std::move(value);
        later.push_back(name);
        continue;
      }
      RETURN_IF_ERROR(Select(name, &value));
      RETURN_IF_ERROR(Settle(name, std::move(value)));
    }
    for (const std::string& name : later) {
      ASSIGN_OR_RETURN(std::optional<Json> value, PendingValue(name));
      RETURN_IF_ERROR(Select(name, &value));
      RETURN_IF_ERROR(Settle(name, std::move(value)));
    }
    for (const std::string& name : SortedKeys(component_.input_definitions().parameters())) {
      if (!sources.contains(name) && name != task_.parameter_iterator().item_input()) {
        RETURN_IF_ERROR(SettleAbsent(name, "nothing is passed to it"));
      }
    }
    RETURN_IF_ERROR(ResolveArtifacts());
    return std::move(out_);
  }

 private:
  absl::Status Error(absl::string_view input, absl::string_view what) const {
    const std::string made = AuthorName(input);  // by the compiler, for a group of tasks
    return absl::InvalidArgumentError(
        absl::StrCat("task ", QuoteForMessage(facts_.task_name), made.empty() ? ", input " : ", its use of ",
                     made.empty() ? QuoteForMessage(input) : made, ": ", InAuthorTerms(what)));
  }

  const ComponentInputsSpec::ParameterSpec* Declared(const std::string& name) const {
    const auto& declared = component_.input_definitions().parameters();
    const auto it = declared.find(name);
    return it == declared.end() ? nullptr : &it->second;
  }

  bool WaitsForCompletionOnly() const {
    return task_.trigger_policy().strategy() == PipelineTaskSpec::TriggerPolicy::ALL_UPSTREAM_TASKS_COMPLETED;
  }

  // --- Where a value comes from ---

  // The value before conversion; nothing if the producer has no such output and need not have.
  absl::StatusOr<std::optional<Json>> SourceValue(const std::string& name, const ParameterSource& source) {
    switch (source.kind_case()) {
      case ParameterSource::kComponentInputParameter: {
        const std::string& outer = source.component_input_parameter();
        const auto it = scope_.parameters.find(outer);
        if (it == scope_.parameters.end()) return Error(name, UnknownOuter(outer));
        if (scope_.launch_placeholders.count(outer) > 0) out_.launch_placeholders.insert(name);
        return it->second;
      }
      case ParameterSource::kTaskOutputParameter:
        return TaskOutput(name, source.task_output_parameter());
      case ParameterSource::kRuntimeValue:
        return Constant(name, source.runtime_value());
      case ParameterSource::kTaskFinalStatus: {
        const auto it = final_statuses_.find(source.task_final_status().producer_task());
        if (it == final_statuses_.end()) {
          return Error(name, absl::StrCat("the final status of task ",
                                          QuoteForMessage(source.task_final_status().producer_task()),
                                          " is not known"));
        }
        return it->second;
      }
      case ParameterSource::KIND_NOT_SET:
        break;
    }
    return Error(name, "the compiled pipeline does not say where its value comes from");
  }

  std::string UnknownOuter(const std::string& outer) const {
    return absl::StrCat(
        "it takes the input ", QuoteForMessage(outer), " of the enclosing graph, which has no such input",
        SuggestName(outer, SortedKeys(scope_.parameters)),
        IsLoopItem(outer)
            ? "; the kfp compiler writes this for a text that holds a loop's item: pass the item as "
              "an argument of its own, and make the text in the component"
            : "");
  }

  absl::StatusOr<std::optional<Json>> TaskOutput(const std::string& name,
                                                 const ParameterSource::TaskOutputParameterSpec& source) {
    const TaskOutputs* outputs = lookup_(source.producer_task());
    if (outputs != nullptr) {
      const auto it = outputs->parameters.find(source.output_parameter_key());
      if (it != outputs->parameters.end()) return it->second;
    }
    missing_ =
        MissingOutput(source.producer_task(), source.output_parameter_key(),
                      outputs == nullptr ? std::vector<std::string>() : SortedKeys(outputs->parameters));
    if (WaitsForCompletionOnly()) return std::nullopt;
    return Error(name, missing_);
  }

  static std::string MissingOutput(const std::string& producer, const std::string& key,
                                   const std::vector<std::string>& known) {
    return absl::StrCat("it takes the output ", QuoteForMessage(key), " of task ", QuoteForMessage(producer),
                        ", which has no such output", SuggestName(key, known));
  }

  absl::StatusOr<std::optional<Json>> Constant(const std::string& name,
                                               const ml_pipelines::ValueOrRuntimeParameter& value) {
    if (!value.has_constant()) {
      return Error(name,
                   "of the values known when the pipeline is compiled, only a constant can be an input");
    }
    absl::StatusOr<Json> constant = JsonFromValue(value.constant());
    if (!constant.ok()) return Error(name, constant.status().message());
    if (IsLaunchPlaceholder(*constant)) out_.launch_placeholders.insert(name);
    return *std::move(constant);
  }

  // --- Constants with placeholders ---

  absl::StatusOr<Json> PendingValue(const std::string& name) {
    const ComponentInputsSpec::ParameterSpec* declared = Declared(name);
    const bool native = declared != nullptr && DeclaredType(*declared) != ParameterType::STRING;
    absl::StatusOr<Json> value = ResolveConstant(
        pending_[name], native, facts_, [this](const std::string& other) { return OtherInput(other); });
    if (!value.ok()) return Error(name, value.status().message());
    return value;
  }

  absl::StatusOr<Json> OtherInput(const std::string& name) const {
    const auto it = out_.parameters.find(name);
    if (it != out_.parameters.end()) return it->second;
    if (pending_.count(name) > 0) {
      return absl::InvalidArgumentError(absl::StrCat("the constant refers to the input ",
                                                     QuoteForMessage(name),
                                                     ", which is itself a constant with placeholders"));
    }
    const auto& sources = task_.inputs().parameters();
    if (sources.contains(name) || Declared(name) != nullptr) return Json(nullptr);
    return absl::InvalidArgumentError(absl::StrCat("the constant refers to the input ", QuoteForMessage(name),
                                                   ", which the task does not have",
                                                   SuggestName(name, SortedKeys(sources))));
  }

  // --- From a value to an input ---

  // Takes the part of the value that the input's selector names, if it has one. What is absent stays so.
  absl::Status Select(const std::string& name, std::optional<Json>* value) {
    const ParameterSource& source = task_.inputs().parameters().at(name);
    if (source.parameter_expression_selector().empty() || !value->has_value() ||
        ((*value)->is_null() && source.has_component_input_parameter())) {
      return absl::OkStatus();
    }
    const auto selector = selectors_.find(name);
    if (selector == selectors_.end()) return absl::InternalError("Penstock bug: a selector was not parsed");
    absl::StatusOr<Json> part = EvaluateSelector(selector->second, **value);
    if (!part.ok()) {
      return Error(name, absl::StrCat("its selector ", selector->second.Quoted(), " has no value for ",
                                      JsonExcerpt(**value), ": ", part.status().message()));
    }
    *value = *std::move(part);
    out_.launch_placeholders.erase(name);
    return absl::OkStatus();
  }

  absl::Status Settle(const std::string& name, std::optional<Json> value) {
    const ComponentInputsSpec::ParameterSpec* declared = Declared(name);
    if (declared == nullptr) {
      out_.parameters[name] = value.has_value() ? *std::move(value) : Json(nullptr);
      return absl::OkStatus();
    }
    if (!value.has_value()) return SettleAbsent(name, missing_);
    const bool from_scope = task_.inputs().parameters().at(name).has_component_input_parameter();
    const bool needed = !declared->is_optional() && DefaultOf(*declared).is_null();
    if (value->is_null() && (from_scope || !needed)) {
      return SettleAbsent(name, "the value passed to it is null");
    }
    RETURN_IF_ERROR(CheckLiterals(name, *declared, *value));
    const ParameterTypeEnum type = DeclaredType(*declared);
    // The compiler takes the items of a list of unknown type for texts, whatever they are.
    const bool is_item =
        from_scope && IsLoopItem(task_.inputs().parameters().at(name).component_input_parameter());
    absl::StatusOr<Json> converted = is_item && value->is_string() && type != ParameterType::STRING
                                         ? ParseLoopItem(value->get_ref<const std::string&>(), type)
                                         : ConvertParameter(*std::move(value), type);
    if (!converted.ok()) return Error(name, converted.status().message());
    out_.parameters[name] = *std::move(converted);
    return absl::OkStatus();
  }

  absl::Status CheckLiterals(const std::string& name, const ComponentInputsSpec::ParameterSpec& declared,
                             const Json& value) const {
    if (declared.literals().empty()) return absl::OkStatus();
    std::string allowed;
    for (const google::protobuf::Value& literal : declared.literals()) {
      const absl::StatusOr<Json> json = JsonFromValue(literal);
      if (json.ok() && *json == value) return absl::OkStatus();
      absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", json.ok() ? DumpJson(*json) : "null");
    }
    return Error(name, absl::StrCat("the value ", JsonExcerpt(value),
                                    " is not one of those allowed: ", Shorten(allowed, 200)));
  }

  // A declared parameter that has no value. `why` is for the error.
  absl::Status SettleAbsent(const std::string& name, absl::string_view why) {
    const ComponentInputsSpec::ParameterSpec& declared = *Declared(name);
    out_.launch_placeholders.erase(name);
    Json default_value = DefaultOf(declared);
    if (!default_value.is_null()) {
      out_.parameters[name] = std::move(default_value);
      out_.defaulted.insert(name);
    } else if (component_.has_dag() && (declared.is_optional() || !AuthorName(name).empty())) {
      // Of a group that the compiler made: its conditions are decided, and a task in it that needs the value fails.
      out_.parameters[name] = nullptr;
    } else if (declared.parameter_type() == ParameterType::TASK_CONFIG) {
      out_.parameters[name] = Json::object();  // the engine's to fill, not the pipeline's
      out_.defaulted.insert(name);
    } else if (!declared.is_optional()) {
      return Error(name, absl::StrCat("a value of type ", ParameterTypeName(DeclaredType(declared)),
                                      " is required, there is no default, and ", why));
    }
    return absl::OkStatus();
  }

  // --- Artifacts ---

  absl::Status ResolveArtifacts() {
    const auto& sources = task_.inputs().artifacts();
    const auto& declared = component_.input_definitions().artifacts();
    for (const std::string& name : SortedKeys(sources)) {
      const auto it = declared.find(name);
      const bool optional = it != declared.end() && it->second.is_optional();
      const bool list = it == declared.end() || it->second.is_artifact_list();
      const bool from_task = sources.at(name).has_task_output_artifact();
      std::string why;
      const std::vector<ArtifactRecord>* artifacts = SourceArtifacts(sources.at(name), &why);
      if (artifacts == nullptr) {
        if (!optional || (from_task && !WaitsForCompletionOnly())) return Error(name, why);
      } else if (!artifacts->empty() || list) {
        out_.artifacts[name] = *artifacts;
      } else if (!optional) {
        return Error(name, "an artifact is required, and the list passed to it is empty");
      }
    }
    for (const std::string& name : SortedKeys(declared)) {
      if (!sources.contains(name) && !declared.at(name).is_optional() &&
          name != task_.artifact_iterator().item_input()) {
        return Error(name, "an artifact is required, and nothing is passed to it");
      }
    }
    return absl::OkStatus();
  }

  // nullptr if there are none; `why` then says so.
  const std::vector<ArtifactRecord>* SourceArtifacts(const ArtifactSource& source, std::string* why) const {
    switch (source.kind_case()) {
      case ArtifactSource::kComponentInputArtifact: {
        const auto it = scope_.artifacts.find(source.component_input_artifact());
        if (it != scope_.artifacts.end()) return &it->second;
        *why = absl::StrCat("an artifact is required, and the enclosing graph got none for its input ",
                            QuoteForMessage(source.component_input_artifact()));
        return nullptr;
      }
      case ArtifactSource::kTaskOutputArtifact: {
        const auto& output = source.task_output_artifact();
        const TaskOutputs* outputs = lookup_(output.producer_task());
        if (outputs != nullptr) {
          const auto it = outputs->artifacts.find(output.output_artifact_key());
          if (it != outputs->artifacts.end()) return &it->second;
        }
        *why =
            MissingOutput(output.producer_task(), output.output_artifact_key(),
                          outputs == nullptr ? std::vector<std::string>() : SortedKeys(outputs->artifacts));
        return nullptr;
      }
      case ArtifactSource::KIND_NOT_SET:
        break;
    }
    *why = "the compiled pipeline does not say where its artifact comes from";
    return nullptr;
  }

  const PipelineTaskSpec& task_;
  const ComponentSpec& component_;
  const TaskInputs& scope_;
  OutputLookup lookup_;
  const RunFacts& facts_;
  const Selectors& selectors_;
  const ParameterMap& final_statuses_;
  std::string missing_;   // about the last output that a producer did not have
  ParameterMap pending_;  // constants with placeholders, not replaced yet
  TaskInputs out_;
};

}  // namespace

absl::StatusOr<TaskInputs> ResolveInputs(const PipelineTaskSpec& task, const ComponentSpec& component,
                                         const TaskInputs& scope_inputs, OutputLookup lookup,
                                         const RunFacts& facts, const Selectors& selectors,
                                         const ParameterMap& final_statuses) {
  return InputResolver(task, component, scope_inputs, lookup, facts, selectors, final_statuses).Run();
}

absl::StatusOr<Selectors> ParseSelectors(const PipelineTaskSpec& task) {
  Selectors selectors;
  for (const auto& [name, source] : task.inputs().parameters()) {
    if (source.parameter_expression_selector().empty()) continue;
    ASSIGN_OR_RETURN(Expression selector, Expression::Parse(source.parameter_expression_selector()));
    selectors.emplace(name, std::move(selector));
  }
  return selectors;
}

TaskInputs RootInputs(const ComponentSpec& root, const Json& run_parameters) {
  TaskInputs out;
  for (const auto& [name, declared] : root.input_definitions().parameters()) {
    if (run_parameters.is_object()) {
      const auto it = run_parameters.find(name);
      if (it != run_parameters.end() && !it->is_null()) {
        out.parameters[name] = *it;
        continue;
      }
    }
    out.parameters[name] = DefaultOf(declared);
    if (!out.parameters[name].is_null()) out.defaulted.insert(name);
  }
  return out;
}

}  // namespace penstock
