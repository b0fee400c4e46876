// Archiving an experiment with what belongs to it. Apart from experiment_store, which runs and recurring runs
// use.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/db/database.h"

namespace penstock {

// Archives the experiment and all its runs, and disables its recurring runs. NOT_FOUND.
absl::Status ExperimentArchive(db::Tx& tx, absl::string_view experiment_id, absl::Time now);

// Makes only the experiment available again. NOT_FOUND.
absl::Status ExperimentUnarchive(db::Tx& tx, absl::string_view experiment_id);

}  // namespace penstock
