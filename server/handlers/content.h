// The content of artifacts, one function an RPC.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "penstock/v1/artifact_content.pb.h"
#include "server/context.h"

namespace penstock {

// Takes one chunk; false when the reader has gone.
using ArtifactSink = std::function<bool(const penstock::v1::ArtifactChunk&)>;

// The content of an artifact, also of one that a task put out which ended badly; of metrics without a file their
// metadata as JSON. NOT_FOUND if there is no such artifact, or no content; FAILED_PRECONDITION if its content is a folder
// or lies elsewhere; OUT_OF_RANGE for an offset behind its end.
absl::Status ArtifactRead(RequestContext& context, const penstock::v1::ReadArtifactRequest& request,
                          const ArtifactSink& sink);

// What lies in an artifact, or in a folder of it. Errors as of ArtifactRead.
absl::Status ArtifactContentsList(RequestContext& context,
                                  const penstock::v1::ListArtifactContentsRequest& request,
                                  penstock::v1::ListArtifactContentsResponse* reply);

}  // namespace penstock
