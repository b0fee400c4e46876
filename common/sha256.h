// SHA-256 of a text. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// As 64 hexadecimal digits.
std::string Sha256Hex(absl::string_view text);

}  // namespace penstock
