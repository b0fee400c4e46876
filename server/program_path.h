// Where the programs lie that come with this one.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// The path that a program of that name has in the folder of this one.
std::string BesideThisProgram(absl::string_view name);

}  // namespace penstock
