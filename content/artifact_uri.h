// The logical URIs of artifacts on this machine. What lies behind the prefix is a path below
// <data_dir>/artifacts.
#pragma once

#include "absl/strings/string_view.h"

namespace penstock {

inline constexpr absl::string_view kArtifactUriPrefix = "penstock://artifacts";

}  // namespace penstock
