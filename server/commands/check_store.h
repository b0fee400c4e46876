// `penstock check-store`: tries an object store, as tasks and the server will use it.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/config.h"

namespace penstock {

// Becomes penstock-launch, which tries each kind of call below `uri`, or below the pipeline root if it is empty, and
// prints how each went. INVALID_ARGUMENT if there is neither, UNAVAILABLE if the program cannot be run.
absl::Status RunCheckStoreCommand(const std::string& uri, const Config& config);

}  // namespace penstock
