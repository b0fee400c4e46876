// What makes a task a loop.
#include "absl/strings/match.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/parameter_type.h"
#include "pipeline/spec/validate_parts.h"

namespace penstock::spec_internal {
namespace {

using ml_pipelines::ArtifactIteratorSpec;
using ml_pipelines::ComponentInputsSpec;
using ml_pipelines::ComponentSpec;
using ml_pipelines::ParameterIteratorSpec;
using ml_pipelines::ParameterType;
using ml_pipelines::PipelineTaskSpec;

// The input of the component that receives an item.
template <typename Declared>
absl::Status CheckItemInput(const std::string& item, const Declared& declared, absl::string_view kind,
                            const DocPath& path) {
  if (item.empty()) return path.Error("is missing; expected the input that receives an item");
  if (!declared.contains(item)) {
    return path.Error("the component of the loop has no input ", kind, " ", QuoteForMessage(item),
                      SuggestName(item, SortedKeys(declared)));
  }
  return absl::OkStatus();
}

absl::Status ValidateRawItems(const std::string& raw, ParameterTypeEnum item_type, const DocPath& path) {
  const absl::StatusOr<Json> items = ParseJson(raw);
  if (!items.ok()) {
    if (absl::StrContains(raw, "{{$")) {  // known once its placeholders are
      return absl::OkStatus();
    }
    return path.Error("expected the JSON text of a list: ", items.status().message());
  }
  if (!items->is_array()) return path.Error("expected the JSON text of a list, found ", JsonKindName(*items));
  for (size_t i = 0; i < items->size(); ++i) {
    const Json& item = (*items)[i];
    const bool is_placeholder =
        item.is_string() && absl::StrContains(item.get_ref<const std::string&>(), "{{$");
    if (!is_placeholder && !ConvertsTo(item, item_type)) {
      return path.Error("item ", i, ": expected ", TypeKindName(item_type),
                        ", as the loop's items are of type ", TypeName(item_type), ", found ",
                        JsonExcerpt(item));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateParameterIterator(const PipelineTaskSpec& task, const ComponentSpec& component,
                                       const DocPath& path) {
  const ParameterIteratorSpec& iterator = task.parameter_iterator();
  const auto& declared = component.input_definitions().parameters();
  RETURN_IF_ERROR(CheckItemInput(iterator.item_input(), declared, "parameter", path.Key("itemInput")));
  const DocPath items_path = path.Key("items");
  if (iterator.items().has_raw()) {
    return ValidateRawItems(iterator.items().raw(), DeclaredType(declared.at(iterator.item_input())),
                            items_path.Key("raw"));
  }
  if (!iterator.items().has_input_parameter()) {
    return items_path.Error("expected one of the fields 'raw' and 'inputParameter'");
  }
  const std::string& input = iterator.items().input_parameter();
  const DocPath input_path = items_path.Key("inputParameter");
  if (!task.inputs().parameters().contains(input)) {
    return input_path.Error("the task has no input parameter ", QuoteForMessage(input),
                            SuggestName(input, SortedKeys(task.inputs().parameters())));
  }
  const ComponentInputsSpec::ParameterSpec* parameter = FindOrNull(declared, input);
  if (parameter != nullptr) {
    const ParameterTypeEnum type = DeclaredType(*parameter);
    if (type != ParameterType::LIST && type != ParameterType::STRING) {
      return input_path.Error("the input ", QuoteForMessage(input), " is a ", TypeName(type),
                              "; a loop goes over a LIST, or a STRING that holds the JSON text of one");
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateArtifactIterator(const PipelineTaskSpec& task, const ComponentSpec& component,
                                      const DocPath& path) {
  const ArtifactIteratorSpec& iterator = task.artifact_iterator();
  const auto& declared = component.input_definitions().artifacts();
  RETURN_IF_ERROR(CheckItemInput(iterator.item_input(), declared, "artifact", path.Key("itemInput")));
  const std::string& input = iterator.items().input_artifact();
  if (!task.inputs().artifacts().contains(input)) {
    const DocPath items_path = path.Key("items");
    return items_path.Key("inputArtifact")
        .Error("the task has no input artifact ", QuoteForMessage(input),
               SuggestName(input, SortedKeys(task.inputs().artifacts())));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ValidateIterator(const PipelineTaskSpec& task, const ComponentSpec& component,
                              const DocPath& path) {
  if (task.iterator_policy().parallelism_limit() < 0) {
    const DocPath policy_path = path.Key("iteratorPolicy");
    return policy_path.Key("parallelismLimit")
        .Error("expected a number that is not negative (0 means no limit), found ",
               task.iterator_policy().parallelism_limit());
  }
  switch (task.iterator_case()) {
    case PipelineTaskSpec::kParameterIterator:
      return ValidateParameterIterator(task, component, path.Key("parameterIterator"));
    case PipelineTaskSpec::kArtifactIterator:
      return ValidateArtifactIterator(task, component, path.Key("artifactIterator"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace penstock::spec_internal
