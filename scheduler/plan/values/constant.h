// Placeholders in the constants of a compiled pipeline, resolved in the space of values: what is put in keeps
// its meaning whatever quotes or line breaks it holds.
#pragma once

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"
#include "scheduler/plan/values/values.h"

namespace penstock {

// The value of another input of the task, null if it is absent.
// Returns INVALID_ARGUMENT if the task has no such input.
using InputValue = absl::FunctionRef<absl::StatusOr<Json>(const std::string& name)>;

// Whether there is a placeholder in it that ResolveConstant would replace.
bool HasPlaceholder(const Json& constant);

// Whether it is, whole, a placeholder that only the launch can fill: {{$}} or {{$.outputs...}}.
bool IsLaunchPlaceholder(const Json& constant);

// The constant with its placeholders replaced. `native`: a text that is one placeholder for an input, whole,
// becomes the input's value instead of its text form. Inside lists and structs it is always the text form.
// Returns the error of `input_value`, INVALID_ARGUMENT for an input placeholder of another form, two keys of
// a struct that become equal, or a result of more than limits::kOutputParameterBytes.
absl::StatusOr<Json> ResolveConstant(const Json& constant, bool native, const RunFacts& facts,
                                     InputValue input_value);

}  // namespace penstock
