// Whether a run may start with the parameters it was given.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"
#include "pipeline/spec/pipeline_spec.h"
#include "pipeline/spec/run_artifacts.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ParameterType;

constexpr size_t kProblemsShown = 10;

// The first problems in words, the others as a number.
class Problems {
 public:
  bool is_full() const { return count_ >= kProblemsShown; }

  template <typename... Pieces>
  void Add(const Pieces&... pieces) {
    if (!is_full()) absl::StrAppend(&text_, count_ > 0 ? "; " : "", pieces...);
    ++count_;
  }

  absl::Status ToStatus() const {
    if (count_ == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        count_ > kProblemsShown ? absl::StrCat(text_, "; and ", count_ - kProblemsShown, " more problems")
                                : text_);
  }

 private:
  std::string text_;
  size_t count_ = 0;
};

void CheckValue(const std::string& name, const Json& value,
                const ComponentInputsSpec::ParameterSpec& parameter, Problems* problems) {
  const ParameterTypeEnum type = DeclaredType(parameter);
  if (value.is_null() && (parameter.is_optional() || parameter.has_default_value())) return;
  if (type == ParameterType::TASK_FINAL_STATUS || type == ParameterType::TASK_CONFIG) {
    problems->Add("the parameter ", QuoteForMessage(name), " is a ", TypeName(type),
                  ", which only the engine gives; leave it out");
  } else if (!IsOfType(value, type)) {
    problems->Add("the parameter ", QuoteForMessage(name), " is a ", TypeName(type), ": expected ",
                  TypeKindName(type), ", found ", JsonKindName(value),
                  value.is_null() ? "" : absl::StrCat(" (", JsonExcerpt(value), ")"));
  } else if (!spec_internal::IsAmongLiterals(value, parameter.literals())) {
    problems->Add("the parameter ", QuoteForMessage(name), " has to be one of ",
                  spec_internal::ListLiterals(parameter.literals()), ", found ", JsonExcerpt(value));
  }
}

void CheckArtifact(const std::string& name, const ComponentInputsSpec::ArtifactSpec& declared,
                   const Json& parameters, Problems* problems) {
  const auto given = parameters.find(name);
  if (given == parameters.end() || given->is_null()) {
    if (declared.is_optional()) return;
    problems->Add("the pipeline takes the artifact ", QuoteForMessage(name),
                  declared.artifact_type().schema_title().empty()
                      ? ""
                      : absl::StrCat(" (", declared.artifact_type().schema_title(), ")"),
                  ", which is required and missing: give runtime_config.parameters[", QuoteForMessage(name),
                  "] the id of an artifact or a URI");
    return;
  }
  const auto read = ReadRunArtifacts(declared, *given);
  if (!read.ok()) problems->Add("the artifact ", QuoteForMessage(name), ": ", read.status().message());
}

}  // namespace

absl::Status CheckRunParameters(const PipelineDocument& document, const Json& parameters) {
  if (!parameters.is_object() && !parameters.is_null()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected the run's parameters as an object, found ", JsonKindName(parameters)));
  }
  const auto& declared = document.spec.root().input_definitions().parameters();
  const std::vector<std::string> names = spec_internal::SortedKeys(declared);
  Problems problems;
  for (const std::string& name : names) {
    const auto& parameter = declared.at(name);
    const auto given = parameters.find(name);
    if (given != parameters.end()) {
      CheckValue(name, *given, parameter, &problems);
    } else if (!parameter.is_optional() && !parameter.has_default_value()) {
      problems.Add("the parameter ", QuoteForMessage(name), " (", TypeName(DeclaredType(parameter)),
                   ") is required and missing");
    }
  }
  const auto& artifacts = document.spec.root().input_definitions().artifacts();
  for (const std::string& name : spec_internal::SortedKeys(artifacts)) {
    CheckArtifact(name, artifacts.at(name), parameters, &problems);
  }
  for (const auto& [name, value] : parameters.items()) {
    if (!declared.contains(name) && !artifacts.contains(name)) {
      problems.Add("the pipeline has no parameter ", QuoteForMessage(name),
                   problems.is_full() ? "" : SuggestName(name, names));
    }
  }
  return problems.ToStatus();
}

}  // namespace penstock
