// Searches of runs: the handler of penstock.v1.RunSearchService. See penstock/v1/run_search.proto.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/run_search.pb.h"
#include "server/context.h"

namespace penstock {

// INVALID_ARGUMENT says what is wrong with a filter or order, and where; NOT_FOUND for an experiment that is not there.
absl::Status RunsSearch(RequestContext& context, const penstock::v1::SearchRunsRequest& request,
                        penstock::v1::SearchRunsResponse* reply);

}  // namespace penstock
