// What was recorded of attempts, from storage to the wire.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "penstock/v1/attempt_record.pb.h"
#include "storage/attempt_record_store.h"
#include "storage/model.h"

namespace penstock {

// The documents as AttemptTextPut has stored them. DATA_LOSS if they cannot be read.
absl::Status SetupToApi(absl::string_view sha256, absl::string_view text, penstock::v1::AttemptSetup* out);
absl::Status PlaceToApi(absl::string_view sha256, absl::string_view text, penstock::v1::AttemptPlace* out);

// The attempt with its documents, as far as they are among `setups` and `places`. In the command the ids of run, task and
// attempt stand where they stood when it ran. DATA_LOSS as above.
absl::Status AttemptToApi(const TaskAttemptRow& row, const AttemptTexts& setups, const AttemptTexts& places,
                          penstock::v1::AttemptRecord* out);

}  // namespace penstock
