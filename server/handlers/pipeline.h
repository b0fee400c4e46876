// PipelineService without what reads a package, one function an RPC; see pipeline_package.h for the rest.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "kubeflow/pipelines/v2beta1/pipeline.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

absl::Status PipelineCreate(RequestContext& context, const api::CreatePipelineRequest& request,
                            api::Pipeline* reply);
absl::Status PipelineGet(RequestContext& context, const api::GetPipelineRequest& request,
                         api::Pipeline* reply);
absl::Status PipelineGetByName(RequestContext& context, const api::GetPipelineByNameRequest& request,
                               api::Pipeline* reply);
absl::Status PipelineList(RequestContext& context, const api::ListPipelinesRequest& request,
                          api::ListPipelinesResponse* reply);
// `clear_tags`: the caller sent an empty map of tags, which protobuf cannot tell from none.
absl::Status PipelineUpdate(RequestContext& context, const api::UpdatePipelineRequest& request,
                            bool clear_tags, api::Pipeline* reply);
absl::Status PipelineDelete(RequestContext& context, const api::DeletePipelineRequest& request,
                            google::protobuf::Empty*);

absl::Status PipelineVersionGet(RequestContext& context, const api::GetPipelineVersionRequest& request,
                                api::PipelineVersion* reply);
absl::Status PipelineVersionList(RequestContext& context, const api::ListPipelineVersionsRequest& request,
                                 api::ListPipelineVersionsResponse* reply);
absl::Status PipelineVersionUpdate(RequestContext& context, const api::UpdatePipelineVersionRequest& request,
                                   bool clear_tags, api::PipelineVersion* reply);
absl::Status PipelineVersionDelete(RequestContext& context, const api::DeletePipelineVersionRequest& request,
                                   google::protobuf::Empty*);

}  // namespace penstock
