#include "pipeline/spec/parameter_type.h"

namespace penstock {
namespace {

using ml_pipelines::ParameterType;
using ml_pipelines::PrimitiveType;

// The older field, `type`, counts where there is no newer one.
template <typename Parameter>
ParameterTypeEnum Declared(const Parameter& parameter) {
  if (parameter.parameter_type() != ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED) {
    return parameter.parameter_type();
  }
  switch (parameter.type()) {
    case PrimitiveType::INT:
      return ParameterType::NUMBER_INTEGER;
    case PrimitiveType::DOUBLE:
      return ParameterType::NUMBER_DOUBLE;
    case PrimitiveType::STRING:
      return ParameterType::STRING;
    default:
      return ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED;
  }
}

// One type for all that have values of the same kind.
ParameterTypeEnum Kind(ParameterTypeEnum type) {
  switch (type) {
    case ParameterType::NUMBER_INTEGER:
      return ParameterType::NUMBER_DOUBLE;
    case ParameterType::TASK_FINAL_STATUS:
    case ParameterType::TASK_CONFIG:
      return ParameterType::STRUCT;
    default:
      return type;
  }
}

}  // namespace

ParameterTypeEnum DeclaredType(const ml_pipelines::ComponentInputsSpec::ParameterSpec& parameter) {
  return Declared(parameter);
}

ParameterTypeEnum DeclaredType(const ml_pipelines::ComponentOutputsSpec::ParameterSpec& parameter) {
  return Declared(parameter);
}

absl::string_view TypeName(ParameterTypeEnum type) {
  return ml_pipelines::ParameterType::ParameterTypeEnum_Name(type);
}

absl::string_view TypeKindName(ParameterTypeEnum type) {
  switch (Kind(type)) {
    case ParameterType::NUMBER_DOUBLE:
      return "a number";
    case ParameterType::STRING:
      return "a text";
    case ParameterType::BOOLEAN:
      return "true or false";
    case ParameterType::LIST:
      return "a list";
    case ParameterType::STRUCT:
      return "an object";
    default:
      return "a value of a known type";
  }
}

bool IsOfType(const Json& value, ParameterTypeEnum type) {
  switch (Kind(type)) {
    case ParameterType::NUMBER_DOUBLE:
      return value.is_number();
    case ParameterType::STRING:
      return value.is_string();
    case ParameterType::BOOLEAN:
      return value.is_boolean();
    case ParameterType::LIST:
      return value.is_array();
    case ParameterType::STRUCT:
      return value.is_object();
    default:
      return false;
  }
}

// Whatever it is, it has a text: JsonText.
bool ConvertsTo(const Json& value, ParameterTypeEnum type) {
  return type == ParameterType::STRING || IsOfType(value, type);
}

bool TypeConvertsTo(ParameterTypeEnum from, ParameterTypeEnum to) {
  return from == ParameterType::PARAMETER_TYPE_ENUM_UNSPECIFIED || to == ParameterType::STRING ||
         Kind(from) == Kind(to);
}

}  // namespace penstock
