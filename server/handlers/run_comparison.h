// RunComparisonService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/run_comparison.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status RunsCompare(RequestContext& context, const penstock::v1::CompareRunsRequest& request,
                         penstock::v1::RunComparison* reply);

}  // namespace penstock
