// `penstock copy`: moves a whole store to another database.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "server/config.h"

namespace penstock {

// Migrates the empty database `target_url`, copies everything of `source_url` into it and prints each table
// with its rows and checksum. Errors: see CopyStore and Store::Open.
absl::Status RunCopyCommand(const std::string& source_url, const std::string& target_url,
                            const Config& config);

}  // namespace penstock
