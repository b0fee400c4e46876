// Runs side by side. Pure.
#pragma once

#include <vector>

#include "penstock/v1/run_comparison.pb.h"
#include "server/convert/run_account.h"

namespace penstock {

struct ComparisonOptions {
  bool all = false;                // also what does not differ, and what is for information
  bool surroundings_only = false;  // sections code, packages and infrastructure alone
};

// Rows and bytes are bounded by limits::kComparisonRows and limits::kComparisonBytes, and so is a value, by
// limits::kComparisonValueBytes; what is left out was compared and is counted.
penstock::v1::RunComparison CompareRuns(const std::vector<RunAccount>& runs,
                                        const AttemptDocuments& documents, const ComparisonOptions& options);

}  // namespace penstock
