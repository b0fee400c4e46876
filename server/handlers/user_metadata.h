// A user's own key-values and notes: handlers of penstock.v1.UserMetadataService. See penstock/v1/user_metadata.proto.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/user_metadata.pb.h"
#include "server/context.h"

namespace penstock {

// INVALID_ARGUMENT for an owner that is none or more than one, and for keys and values that cannot be; NOT_FOUND for one that
// is not there; RESOURCE_EXHAUSTED past limits::kTypedTags.
absl::Status UserMetadataGet(RequestContext& context, const penstock::v1::GetUserMetadataRequest& request,
                             penstock::v1::UserMetadata* reply);
absl::Status UserMetadataUpdate(RequestContext& context,
                                const penstock::v1::UpdateUserMetadataRequest& request,
                                penstock::v1::UserMetadata* reply);
absl::Status UserMetadataFind(RequestContext& context, const penstock::v1::FindByUserMetadataRequest& request,
                              penstock::v1::FindByUserMetadataResponse* reply);

}  // namespace penstock
