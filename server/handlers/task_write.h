// What clients of KFP 3.0 record of tasks that they execute themselves, in runs of either kind.
#pragma once

#include "absl/status/status.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// NOT_FOUND if there is no such run or parent; INVALID_ARGUMENT for what is missing, unknown or too large; ALREADY_EXISTS
// for a root, which every run has.
absl::Status TaskCreate(RequestContext& context, const api::CreateTaskRequest& request,
                        api::PipelineTask* reply);

// Parameters, pods and properties are merged into what is there; other fields that are set are set. FAILED_PRECONDITION
// for a field that may not change, and for a state that does not follow the one before.
absl::Status TaskUpdate(RequestContext& context, const api::UpdateTaskRequest& request,
                        api::PipelineTask* reply);
// All or none.
absl::Status TasksUpdate(RequestContext& context, const api::UpdateTasksBulkRequest& request,
                         api::UpdateTasksBulkResponse* reply);

// Of recorded tasks and those of the engine. An empty answer if there is none.
absl::Status TaskFindCached(RequestContext& context, const api::FindCachedTaskRequest& request,
                            api::PipelineTask* reply);

}  // namespace penstock
