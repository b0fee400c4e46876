// AttemptRecordService, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/attempt_record.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status AttemptRecordList(RequestContext& context,
                               const penstock::v1::ListAttemptRecordsRequest& request,
                               penstock::v1::ListAttemptRecordsResponse* reply);
absl::Status AttemptRecordGet(RequestContext& context, const penstock::v1::GetAttemptRecordRequest& request,
                              penstock::v1::AttemptRecord* reply);

}  // namespace penstock
