// What became of a slot of a recurring run, and why: machine-readable, kept in the tick's row.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace penstock {

// kOverlapped waits: it becomes another one later. All others are final.
enum class TickDecision { kFired, kCaughtUp, kOverlapped, kSkipped, kRefused };

enum class TickReason {
  kDue,              // fired in time
  kLate,             // missed, and run afterwards
  kWaited,           // run after it had waited for another run to end
  kMaxConcurrency,   // waits for a run to end, or was passed over while it did
  kNoCatchup,        // missed, and a later slot is due as well
  kTriggerChanged,   // waited when the schedule was edited
  kNoExperiment,     // the experiment was deleted
  kNoPipeline,       // the pipeline was deleted, or has no version
  kPipelineRefused,  // its latest version cannot be run
  kParameters,       // its latest version does not take the parameters
};

// "FIRED", "MAX_CONCURRENCY" and so on: the text in SQL.
absl::string_view Name(TickDecision decision);
absl::string_view Name(TickReason reason);
std::optional<TickDecision> TickDecisionFromName(absl::string_view name);
std::optional<TickReason> TickReasonFromName(absl::string_view name);

}  // namespace penstock
