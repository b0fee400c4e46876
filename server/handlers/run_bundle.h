// RunBundleService: runs as files, one function an RPC.
#pragma once

#include "absl/status/status.h"
#include "penstock/v1/run_bundle.pb.h"
#include "server/bundle/bundle_archive.h"
#include "server/context.h"

namespace penstock {

// Sends the bundle of a run that has ended.
absl::Status RunExport(RequestContext& context, const penstock::v1::ExportRunRequest& request,
                       const ByteSink& sink);

// Takes the run of a bundle over: all of it, or nothing.
absl::Status RunImport(RequestContext& context, const penstock::v1::ImportRunOptions& options,
                       const ByteSource& source, penstock::v1::ImportRunResponse* reply);

}  // namespace penstock
