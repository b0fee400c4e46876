// What the parts of the scheduler share. For use by engine*.cc and recurring/ only.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "executor/executor.h"

namespace penstock::engine_internal {

// As it is stored.
absl::string_view OutcomeName(AttemptOutcome outcome);

// The database is away or full: the same thing may work later.
inline bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsAborted(status);
}

}  // namespace penstock::engine_internal
