// `penstock migrate`: shows or changes the schema of a database.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/config.h"

namespace penstock {

// Does what `action` says (plan, apply, dry-run, validate or revert) to the database of `config` and prints
// what it did. INVALID_ARGUMENT for another action, FAILED_PRECONDITION if `validate` finds a difference, or
// see Store::Open and Migrator.
// `revert` takes `steps` migrations back, each with what only it can hold, once the terminal has answered yes or
// `yes` is given: FAILED_PRECONDITION without either, and if fewer are applied.
absl::Status RunMigrateCommand(const std::string& action, int steps, bool yes, const Config& config);

}  // namespace penstock
