// RunOperationsService, one function an RPC.
#pragma once

#include <functional>

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

// Both read at intervals and send what differs, at most limits::kWatchers of them at once
// (RESOURCE_EXHAUSTED). `send` is false when the reader has gone; the context is asked for it between
// two reads.
absl::Status RunWatch(RequestContext& context, const penstock::v1::WatchRunRequest& request,
                      const std::function<bool(const api::Run&)>& send);
absl::Status RunsWatch(RequestContext& context, const penstock::v1::WatchRunsRequest& request,
                       const std::function<bool(const penstock::v1::RunListChange&)>& send);

}  // namespace penstock
