// What can be watched of runs: one run, its status, and the first page of a list.
#pragma once

#include <memory>

#include "penstock/v1/run_operations.pb.h"
#include "penstock/v1/run_status.pb.h"
#include "server/watch/watched.h"

namespace penstock {

// kubeflow's Run, each time as a whole.
std::unique_ptr<Watched> WatchedRun(const penstock::v1::WatchRunRequest& request);
// penstock.v1.RunStatusChange.
std::unique_ptr<Watched> WatchedRunStatus(const penstock::v1::WatchRunStatusRequest& request);
// penstock.v1.RunListChange.
std::unique_ptr<Watched> WatchedRuns(const penstock::v1::WatchRunsRequest& request);

}  // namespace penstock
