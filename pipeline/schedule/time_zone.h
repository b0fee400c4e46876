// Time zones by their IANA names.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace penstock {

// The zone named `name`, for example "Europe/Berlin"; an empty name is UTC. Reads the zone data of this
// machine once a zone. INVALID_ARGUMENT if there is no such zone here. Safe from any thread.
absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name);

}  // namespace penstock
