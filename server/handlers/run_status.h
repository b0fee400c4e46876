// The explanation of a run: penstock.v1.RunStatusService.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/run_status.pb.h"
#include "server/context.h"

namespace penstock {

// NOT_FOUND if there is no such run, or no task of the id or name that the request names.
absl::Status RunStatusGet(RequestContext& context, const penstock::v1::GetRunStatusRequest& request,
                          penstock::v1::RunStatus* reply);

}  // namespace penstock
