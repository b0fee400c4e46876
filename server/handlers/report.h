// ReportService, one function an RPC: what KFP's agents tell of objects in a cluster. The runs and recurring
// runs here are driven by this program, so a report of one is checked and changes nothing.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/report.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// INVALID_ARGUMENT for what is no workflow of a run. UNAVAILABLE for a run that is not known and whose
// workflow is so young that the run may be about to be written, NOT_FOUND for an older one.
absl::Status WorkflowReport(RequestContext& context, const api::ReportWorkflowRequest& request,
                            google::protobuf::Empty*);

// INVALID_ARGUMENT for what is no scheduled workflow, NOT_FOUND if it is none of a recurring run.
absl::Status ScheduledWorkflowReport(RequestContext& context,
                                     const api::ReportScheduledWorkflowRequest& request,
                                     google::protobuf::Empty*);

}  // namespace penstock
