// RunOperationsService, one function an RPC.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "penstock/v1/run_operations.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status RunCreateOnce(Deps& deps, const penstock::v1::CreateRunRequest& request, api::Run* reply);
absl::Status RunRecordGet(Deps& deps, const penstock::v1::GetRunRecordRequest& request,
                          penstock::v1::RunRecord* reply);
absl::Status RunUpdate(Deps& deps, const penstock::v1::UpdateRunRequest& request,
                       penstock::v1::RunRecord* reply);
absl::Status RunsApply(Deps& deps, const penstock::v1::ApplyToRunsRequest& request,
                       penstock::v1::ApplyToRunsResponse* reply);

// Both read at intervals and send what differs, at most limits::kWatchers of them at once
// (RESOURCE_EXHAUSTED). `send` is false when the reader has gone, which `gone` asks between two reads.
absl::Status RunWatch(Deps& deps, const penstock::v1::WatchRunRequest& request,
                      const std::function<bool(const api::Run&)>& send, const std::function<bool()>& gone);
absl::Status RunsWatch(Deps& deps, const penstock::v1::WatchRunsRequest& request,
                       const std::function<bool(const penstock::v1::RunListChange&)>& send,
                       const std::function<bool()>& gone);

}  // namespace penstock
