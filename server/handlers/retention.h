// Retention policies, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "google/protobuf/empty.pb.h"
#include "penstock/v1/retention.pb.h"
#include "server/context.h"

namespace penstock {

// INVALID_ARGUMENT for rules that say nothing, or more than the limits allow; NOT_FOUND if there is no such experiment.
absl::Status RetentionPolicySet(RequestContext& context,
                                const penstock::v1::SetRetentionPolicyRequest& request,
                                penstock::v1::RetentionPolicy* reply);
// NOT_FOUND.
absl::Status RetentionPolicyGet(RequestContext& context,
                                const penstock::v1::GetRetentionPolicyRequest& request,
                                penstock::v1::RetentionPolicy* reply);
absl::Status RetentionPolicyList(RequestContext& context,
                                 const penstock::v1::ListRetentionPoliciesRequest& request,
                                 penstock::v1::ListRetentionPoliciesResponse* reply);
// NOT_FOUND.
absl::Status RetentionPolicyDelete(RequestContext& context,
                                   const penstock::v1::DeleteRetentionPolicyRequest& request,
                                   google::protobuf::Empty* reply);
// NOT_FOUND.
absl::Status RetentionPolicyPreview(RequestContext& context,
                                    const penstock::v1::PreviewRetentionPolicyRequest& request,
                                    penstock::v1::PreviewRetentionPolicyResponse* reply);

}  // namespace penstock
