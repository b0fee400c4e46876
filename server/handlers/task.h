// Tasks of runs as clients of KFP 3.0 read them.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// NOT_FOUND if there is no such run, or the run has no such task. The root has the id of the run.
absl::Status TaskGet(RequestContext& context, const api::GetTaskRequest& request, api::PipelineTask* reply);

// A page of a run's tasks. NOT_FOUND if there is no such run or parent; INVALID_ARGUMENT for a filter, an order or a token
// that is wrong; FAILED_PRECONDITION, naming the bound, for a filter that looks at too many tasks.
absl::Status TaskList(RequestContext& context, const api::ListTasksRequest& request,
                      api::ListTasksResponse* reply);

// Adds the root and all tasks of a run. Takes the memory that it needs.
absl::Status RunTasksRead(RequestContext& context, const std::string& run_id,
                          google::protobuf::RepeatedPtrField<api::PipelineTask>* tasks);

}  // namespace penstock
