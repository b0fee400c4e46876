// `penstock migrate`: shows or changes the schema of a database.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/config.h"

namespace penstock {

// Does what `action` says (plan, apply, dry-run, validate or revert) to the database of `config` and prints
// what it did. INVALID_ARGUMENT for another action, FAILED_PRECONDITION if `validate` finds a difference, or
// see Store::Open and Migrator.
absl::Status RunMigrateCommand(const std::string& action, const Config& config);

}  // namespace penstock
