// What an unquoted YAML scalar means.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock {

// By the implicit rules of PyYAML's safe loader (yaml/resolver.py and constructor.py): null, true or false,
// an integer (decimal, 0b, 0x, 0 octal, base 60), a float (with a point; base 60), else the text itself, also
// for timestamps. Note that "1e5" is a text: this float has no point. Returns INVALID_ARGUMENT for NaN,
// infinities and integers of other bases beyond 64 bits.
absl::StatusOr<Json> ResolvePlainScalar(absl::string_view text);

}  // namespace penstock
