// RunOperationsService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/run_operations.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status RunCreateOnce(RequestContext& context, const penstock::v1::CreateRunRequest& request,
                           api::Run* reply);
absl::Status RunRecordGet(RequestContext& context, const penstock::v1::GetRunRecordRequest& request,
                          penstock::v1::RunRecord* reply);
absl::Status RunUpdate(RequestContext& context, const penstock::v1::UpdateRunRequest& request,
                       penstock::v1::RunRecord* reply);
absl::Status RunsApply(RequestContext& context, const penstock::v1::ApplyToRunsRequest& request,
                       penstock::v1::ApplyToRunsResponse* reply);

}  // namespace penstock
