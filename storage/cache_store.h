// The cache of tasks: entries that name a task that succeeded, found by the fingerprint of what it did.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "storage/db/database.h"
#include "storage/model.h"

namespace penstock {

// Keeps the entry, in place of one with the same namespace and fingerprint. Its task must be stored.
absl::Status CacheEntryPut(db::Tx& tx, const CacheEntryRow& row);

// The entries with these fingerprints, by fingerprint, without their fields; those that do not exist are left
// out. One statement for many.
absl::StatusOr<std::map<std::string, CacheEntryRow>> CacheEntries(
    db::Tx& tx, absl::string_view namespace_, const std::vector<std::string>& fingerprints);

// The newest entries of a group, newest first, at most `limit`.
absl::StatusOr<std::vector<CacheEntryRow>> CacheEntriesOfGroup(db::Tx& tx, absl::string_view namespace_,
                                                               absl::string_view group, int limit);

// A decision as it is stored in a task's row, and back. DATA_LOSS for a text that is none.
// HIT, MISS or NOT_ASKED.
absl::string_view Name(CacheResult result);
std::string CacheDecisionText(const CacheDecision& decision);
absl::StatusOr<CacheDecision> CacheDecisionFromText(absl::string_view text);

}  // namespace penstock
