// Names for runs to which nobody gave one. Pure.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// An adjective, a noun and a number, such as "calm-heron-417": the same for the same id, and seldom the same for another.
std::string NameForId(absl::string_view id);

}  // namespace penstock
