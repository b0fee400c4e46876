// What the attempts of tasks printed, one function an RPC.
#pragma once

#include <functional>

#include "absl/status/status.h"
#include "penstock/v1/run_log.pb.h"
#include "server/context.h"

namespace penstock {

// Takes one chunk; false when the reader has gone.
using LogSink = std::function<bool(const penstock::v1::LogChunk&)>;

// The log of a task's attempt. With `follow`, also what is still being written, until the attempt ends or
// its reader has gone. Empty if it wrote nothing. NOT_FOUND if there is no such run, task or attempt.
absl::Status TaskLogRead(RequestContext& context, const penstock::v1::ReadTaskLogRequest& request,
                         const LogSink& sink);

// The lines of a log that have a text. Errors as of TaskLogRead.
absl::Status TaskLogSearch(RequestContext& context, const penstock::v1::SearchTaskLogRequest& request,
                           penstock::v1::SearchTaskLogResponse* reply);

}  // namespace penstock
