// The types of parameters: what they are called, and what may become what. Pure functions, safe from any
// thread.
#pragma once

#include "absl/strings/string_view.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

using ParameterTypeEnum = ml_pipelines::ParameterType::ParameterTypeEnum;

// The declared type; of a declaration that only has the deprecated primitive type, its equivalent.
ParameterTypeEnum DeclaredType(const ml_pipelines::ComponentInputsSpec::ParameterSpec& parameter);
ParameterTypeEnum DeclaredType(const ml_pipelines::ComponentOutputsSpec::ParameterSpec& parameter);

// Such as "NUMBER_INTEGER".
absl::string_view TypeName(ParameterTypeEnum type);

// What a value of the type is in JSON, for error messages: "a number", "a list".
absl::string_view TypeKindName(ParameterTypeEnum type);

// Whether `value` is of the type as it stands: numbers need not be integers, structs are the value of STRUCT,
// TASK_FINAL_STATUS and TASK_CONFIG, nothing is of an unspecified type, null is of none.
bool IsOfType(const Json& value, ParameterTypeEnum type);

// Whether a task input of the type takes `value`: as IsOfType, but STRING takes anything, as text.
bool ConvertsTo(const Json& value, ParameterTypeEnum type);

// Whether a value declared as `from` can be one that an input of type `to` takes. An unspecified `from` may
// be.
bool TypeConvertsTo(ParameterTypeEnum from, ParameterTypeEnum to);

}  // namespace penstock
