// Attempts as they are stored.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "executor/executor.h"
#include "storage/model.h"

namespace penstock {

// As it is stored.
absl::string_view OutcomeName(AttemptOutcome outcome);

// An attempt that is about to be started on the executor of that name.
TaskAttemptRow BegunAttempt(const LaunchSpec& spec, absl::string_view executor, absl::Time now);

// What is stored at its end. `why_outputs_fail`: why it failed although its program ended well; or empty.
TaskAttemptRow EndedAttempt(const AttemptFinished& event, absl::string_view why_outputs_fail);

}  // namespace penstock
