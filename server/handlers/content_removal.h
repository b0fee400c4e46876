// What became of the content of deleted runs, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/content_removal.pb.h"
#include "server/context.h"

namespace penstock {

absl::Status ContentRemovalList(RequestContext& context,
                                const penstock::v1::ListContentRemovalsRequest& request,
                                penstock::v1::ListContentRemovalsResponse* reply);
// NOT_FOUND.
absl::Status ContentRemovalGet(RequestContext& context, const penstock::v1::GetContentRemovalRequest& request,
                               penstock::v1::ContentRemoval* reply);

}  // namespace penstock
