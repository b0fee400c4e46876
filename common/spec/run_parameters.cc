// Whether a run may start with the parameters it was given.
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/spec/parameter_type.h"
#include "common/spec/pipeline_spec.h"
#include "common/spec/validate_parts.h"
#include "common/text.h"

namespace penstock {
namespace {

using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ParameterType;

constexpr size_t kProblemsShown = 10;

// What is wrong with the value, or "".
std::string ProblemOf(const std::string& name, const Json& value,
                      const ComponentInputsSpec::ParameterSpec& parameter) {
  const ParameterTypeEnum type = DeclaredType(parameter);
  if (value.is_null() && parameter.is_optional()) {
    return "";
  }
  if (type == ParameterType::TASK_FINAL_STATUS || type == ParameterType::TASK_CONFIG) {
    return absl::StrCat("the parameter ", QuoteForMessage(name), " is a ", TypeName(type),
                        ", which only the engine gives; leave it out");
  }
  if (!IsOfType(value, type)) {
    return absl::StrCat("the parameter ", QuoteForMessage(name), " is a ", TypeName(type), ": expected ",
                        TypeKindName(type), ", found ", JsonKindName(value),
                        value.is_null() ? "" : absl::StrCat(" (", JsonExcerpt(value), ")"));
  }
  if (!spec_internal::IsAmongLiterals(value, parameter.literals())) {
    return absl::StrCat("the parameter ", QuoteForMessage(name), " has to be one of ",
                        spec_internal::ListLiterals(parameter.literals()), ", found ", JsonExcerpt(value));
  }
  return "";
}

}  // namespace

absl::Status CheckRunParameters(const PipelineDocument& document, const Json& parameters) {
  if (!parameters.is_object() && !parameters.is_null()) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected the run's parameters as an object, found ", JsonKindName(parameters)));
  }
  const auto& declared = document.spec.root().input_definitions().parameters();
  const std::vector<std::string> names = spec_internal::SortedKeys(declared);
  std::vector<std::string> problems;
  for (const std::string& name : names) {
    const auto& parameter = declared.at(name);
    const auto given = parameters.find(name);
    if (given != parameters.end()) {
      if (std::string problem = ProblemOf(name, *given, parameter); !problem.empty()) {
        problems.push_back(std::move(problem));
      }
    } else if (!parameter.is_optional() && !parameter.has_default_value()) {
      problems.push_back(absl::StrCat("the parameter ", QuoteForMessage(name), " (",
                                      TypeName(DeclaredType(parameter)), ") is required and missing"));
    }
  }
  for (const auto& [name, value] : parameters.items()) {
    if (!declared.contains(name)) {
      problems.push_back(
          absl::StrCat("the pipeline has no parameter ", QuoteForMessage(name), SuggestName(name, names)));
    }
  }
  if (problems.empty()) {
    return absl::OkStatus();
  }
  const size_t more = problems.size() > kProblemsShown ? problems.size() - kProblemsShown : 0;
  problems.resize(problems.size() - more);
  return absl::InvalidArgumentError(absl::StrCat(
      absl::StrJoin(problems, "; "), more > 0 ? absl::StrCat("; and ", more, " more problems") : ""));
}

}  // namespace penstock
