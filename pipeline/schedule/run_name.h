// The names of a recurring run's runs, as KFP makes them. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// With what the names begin: the letters, digits and hyphens of `display_name`, in lower case and shortened,
// and five characters that belong to the id.
std::string RunNameOf(absl::string_view display_name, absl::string_view recurring_run_id);

// The name of run number `index`, counted from 1.
std::string RunDisplayName(absl::string_view run_name, int64_t index);

}  // namespace penstock
