// ScheduleService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/schedule.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status ScheduleCreate(RequestContext& context, const penstock::v1::CreateScheduleRequest& request,
                            penstock::v1::Schedule* reply);
absl::Status ScheduleGet(RequestContext& context, const penstock::v1::GetScheduleRequest& request,
                         penstock::v1::Schedule* reply);
absl::Status ScheduleUpdate(RequestContext& context, const penstock::v1::UpdateRecurringRunRequest& request,
                            penstock::v1::Schedule* reply);
absl::Status SchedulePreview(RequestContext& context, const penstock::v1::PreviewScheduleRequest& request,
                             penstock::v1::PreviewScheduleResponse* reply);
absl::Status ScheduleTickList(RequestContext& context, const penstock::v1::ListScheduleTicksRequest& request,
                              penstock::v1::ListScheduleTicksResponse* reply);

}  // namespace penstock
