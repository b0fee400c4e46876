// Macros in the string parameters of a run, which are replaced when the run is driven: what the API gives
// back is the text as it was given. Pure.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/json.h"

namespace penstock {

struct RunMacros {
  std::string run_id;       // [[RunUUID]]
  absl::Time current_time;  // [[CurrentTime]], [[CurrentTime.LAYOUT]], {{$.currentTime.strftime('FORMAT')}}
};

// `time` in UTC by a layout of Go ("20060102150405", "2006-01-02", "Jan 2"): what is no part of a time stays.
std::string FormatGoTime(absl::Time time, absl::string_view layout);

// The parameters of a run, an object, with the macros in its texts replaced. Texts in lists and structs, and
// macros that are not known or not finished, stay as they are. RESOURCE_EXHAUSTED if one text becomes longer
// than limits::kRunParametersBytes.
absl::StatusOr<Json> ExpandRunMacros(Json parameters, const RunMacros& macros);

}  // namespace penstock
