// Pipelines and versions made of a package, which is uploaded or fetched from a URL; one function an RPC.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "kubeflow/pipelines/v2beta1/pipeline.pb.h"
#include "penstock/v1/package_upload.pb.h"
#include "server/context.h"
#include "server/convert/api.h"

namespace penstock {

// A pipeline with its first version, or one more version, from the bytes of a package.
absl::Status PipelineUpload(RequestContext& context, const penstock::v1::UploadPipelineRequest& request,
                            api::Pipeline* reply);
absl::Status PipelineVersionUpload(RequestContext& context,
                                   const penstock::v1::UploadPipelineVersionRequest& request,
                                   api::PipelineVersion* reply);

// The same from package_url, which is fetched first; see FetchPackage for its errors.
absl::Status PipelineAndVersionCreate(RequestContext& context,
                                      const api::CreatePipelineAndVersionRequest& request,
                                      api::Pipeline* reply);
absl::Status PipelineVersionCreate(RequestContext& context, const api::CreatePipelineVersionRequest& request,
                                   api::PipelineVersion* reply);

// Name and display name, each standing in for the other. INVALID_ARGUMENT if both are empty or one is too
// long.
absl::Status FillPipelineNames(int64_t name_limit_bytes, std::string* name, std::string* display_name);

}  // namespace penstock
