// What tasks left on this machine: logs and artifact content, in chunks.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "penstock/v1/artifact_content.pb.h"
#include "penstock/v1/run_log.pb.h"
#include "server/context.h"

namespace penstock {

// Takes one chunk; false when the reader has gone.
using ChunkSink = std::function<bool(absl::string_view)>;

// The log of a task's attempt. With `follow`, also what is still being written, until the attempt ends or
// its reader has gone. Empty if it wrote nothing. NOT_FOUND if
// there is no such run, task or attempt.
absl::Status TaskLogRead(RequestContext& context, const penstock::v1::ReadTaskLogRequest& request,
                         const ChunkSink& sink);

// The content of an artifact that a task put out, also of one that ended badly; of metrics without a file their
// metadata as JSON. NOT_FOUND if there is no such artifact, or no content; FAILED_PRECONDITION if its content is a directory or lies
// elsewhere.
absl::Status ArtifactRead(RequestContext& context, const penstock::v1::ReadArtifactRequest& request,
                          const ChunkSink& sink);

}  // namespace penstock
