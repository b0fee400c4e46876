// RerunService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/rerun.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// The tag of a rerun, with the id of the run that it does again.
inline constexpr char kRerunOfTag[] = "penstock.rerun_of";

absl::Status RunRerun(RequestContext& context, const penstock::v1::RerunRunRequest& request, api::Run* reply);
absl::Status RerunReportGet(RequestContext& context, const penstock::v1::GetRerunReportRequest& request,
                            penstock::v1::RerunReport* reply);

}  // namespace penstock
