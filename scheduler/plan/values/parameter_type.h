// The declared types of parameters: which values they take, and how values are converted to them.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "ml_pipelines/pipeline_spec.pb.h"

namespace penstock {

using ParameterTypeEnum = ml_pipelines::ParameterType::ParameterTypeEnum;

// The name as in compiled pipelines: "NUMBER_INTEGER".
std::string ParameterTypeName(ParameterTypeEnum type);

// The value as an input of that type, by KFP's rules: STRING takes every kind in its text form (a list or
// struct as canonical JSON, null as ""), the other types only their own kind, unchanged; nothing is
// parsed out of a text. Returns INVALID_ARGUMENT, as the end of a sentence about the value, for another kind
// or an unspecified type.
absl::StatusOr<Json> ConvertParameter(Json value, ParameterTypeEnum type);

// INVALID_ARGUMENT as above unless `value` is of the type's own kind; nothing is converted.
absl::Status CheckParameterKind(const Json& value, ParameterTypeEnum type);

// The text of a loop's item as a value of a type other than STRING. Returns INVALID_ARGUMENT, as the end of a
// sentence about the item, if it is none.
absl::StatusOr<Json> ParseLoopItem(const std::string& text, ParameterTypeEnum type);

// The content of an output parameter file as a value: STRING the bytes as they are, which have to be UTF-8;
// numbers and booleans without the white space around them; LIST and STRUCT as JSON. Returns
// INVALID_ARGUMENT, as the end of a sentence about the content, if it is not of the type.
absl::StatusOr<Json> ParseParameterFile(absl::string_view content, ParameterTypeEnum type);

}  // namespace penstock
