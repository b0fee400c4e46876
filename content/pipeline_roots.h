// Where runs keep their artifacts: which pipeline roots there may be, and which object stores are known. Constant, hence
// thread-safe.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace penstock {

struct PipelineRootOptions {
  std::string default_root;                 // of runs that name none; empty: the data directory
  std::vector<std::string> file_roots;      // directories of this machine in which roots may lie; absolute
  std::vector<std::string> store_prefixes;  // URIs for which there are settings: "s3://team/"
  std::vector<std::string> schemes;         // for which there are credentials: "s3://"
};

class PipelineRoots {
 public:
  // Only the data directory.
  PipelineRoots() = default;
  // `options.default_root` is what Check gave.
  explicit PipelineRoots(PipelineRootOptions options) : options_(std::move(options)) {}

  // A root as it is kept: without a slash at its end. INVALID_ARGUMENT, with what would be right, if it is neither
  // file:/// with a directory that roots may lie in, nor a bucket, with a prefix or without, of a store that is known.
  absl::StatusOr<std::string> Check(absl::string_view root) const;

  // What a run is given, else what its pipeline says, if that is one of the operator's places; it has no effect
  // otherwise, as in KFP. Empty if neither names a root. Errors are those of Check.
  absl::StatusOr<std::string> Named(absl::string_view given, absl::string_view of_pipeline) const;

  // The root of a run: what is named, else the default. Empty: the data directory.
  absl::StatusOr<std::string> Choose(absl::string_view given, absl::string_view of_pipeline) const;

  // URIs below which content of object stores can be had.
  std::vector<std::string> Reachable() const;

 private:
  bool IsOperators(absl::string_view root) const;

  PipelineRootOptions options_;
};

}  // namespace penstock
