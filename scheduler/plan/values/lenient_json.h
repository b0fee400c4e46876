// JSON as Python's json.dumps writes it by default: with the bare words NaN, Infinity and -Infinity for
// numbers.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/json.h"

namespace penstock {

// ParseJson, but the three words are read too: as placeholders that only the functions below understand.
absl::StatusOr<Json> ParseLenientJson(absl::string_view text);

// Whether there is one of the three anywhere in it.
bool HasNonFiniteNumber(const Json& json);

// Replaces the three everywhere in it: NaN by null, an infinity by the largest double of its sign.
void ReplaceNonFiniteNumbers(Json* json);

}  // namespace penstock
