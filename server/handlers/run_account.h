// Reads what explains the results of runs.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/context.h"
#include "server/convert/run_account.h"

namespace penstock {

struct RunsRead {
  std::vector<RunAccount> runs;  // in the order of the ids
  AttemptDocuments documents;
};

// All runs at one time. Of each at most `tasks_max` tasks are read, those that were created first. NOT_FOUND names the
// first run that is not there.
absl::StatusOr<RunsRead> ReadRunAccounts(RequestContext& context, const std::vector<std::string>& run_ids,
                                         int tasks_max);

}  // namespace penstock
