// What attempts were to run and where they ran: documents in JSON that many attempts share, each kept once by the
// SHA-256 of its text, compressed. Rows of task_attempts name them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/db/database.h"

namespace penstock {

// What stands in a setup for the ids of an attempt.
inline constexpr char kRunIdPlaceholder[] = "{{$.pipeline_job_uuid}}";
inline constexpr char kTaskIdPlaceholder[] = "{{$.pipeline_task_uuid}}";
inline constexpr char kAttemptIdPlaceholder[] = "{{$.attempt_uuid}}";

enum class AttemptText { kSetup, kPlace };

// Stores `text` unless it is there, and notes that it is in use at `now`. `sha256` is the lower-case hex digest of
// `text`.
absl::Status AttemptTextPut(db::Tx& tx, AttemptText kind, absl::string_view sha256, absl::string_view text,
                            absl::Time now);

// Those of `hashes` that are there, by hash. DATA_LOSS if one cannot be read back.
using AttemptTexts = std::map<std::string, std::string>;
absl::StatusOr<AttemptTexts> AttemptTextsGet(db::Tx& tx, AttemptText kind,
                                             const std::vector<std::string>& hashes);

// Looks at the `limit` setups behind `after` by hash, and removes those that no attempt has and that were put last
// before `unused_since`. Returns the last that it looked at; empty: there are no more. Whoever names a setup has put it
// after that time.
absl::StatusOr<std::string> AttemptSetupsSweep(db::Tx& tx, absl::string_view after, int limit,
                                               absl::Time unused_since);

}  // namespace penstock
