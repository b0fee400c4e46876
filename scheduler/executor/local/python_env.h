// Which Python an attempt runs on, so that KFP's lightweight components work unmodified: their command is a
// shell script that installs packages with pip and then runs `python3 -m kfp.dsl.executor_main`.
//
// The base interpreter (typically a virtual environment that has kfp) goes first on PATH. A command whose pip
// could change the base gets a virtual environment of its own in the attempt's work directory, laid over the
// base: what is installed there satisfies pip, what is missing lands in the overlay, and concurrent attempts
// do not meet.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "scheduler/executor/executor.h"

namespace penstock {

// What the pip commands of an argv ask for.
struct PipUse {
  bool installs = false;
  bool unclear = false;     // asks for something that is not a plain requirement
  bool makes_venv = false;  // a virtual environment of its own with --system-site-packages
  std::vector<std::string> requirements;
};

// Looks into the script of `sh -c SCRIPT ...`, else at argv itself. Pure.
PipUse FindPipUse(absl::Span<const std::string> argv);

struct BasePython {
  std::string version;     // "3.11"
  std::string executable;  // absolute; what stands behind virtual environments and shims
  std::string bin_dir;     // of the interpreter itself
  std::vector<std::string> site_dirs;
  std::string kfp_version;  // empty: not installed
  bool has_pip = false;
  bool externally_managed = false;  // pip refuses to touch it (PEP 668)
};

// Whether the pip commands find all they ask for in `base`, so that they change nothing. When in doubt, no.
// Pure.
bool IsSatisfied(const PipUse& use, const BasePython& base);

// Thread-safe.
class PythonEnvironments {
 public:
  // `python`: absolute path of the base interpreter, or empty for the first python3 on `search_path`.
  PythonEnvironments(std::string python, std::string search_path);

  struct Choice {
    std::vector<std::string> path_prefix;                  // directories for the front of PATH, in order
    std::vector<std::pair<std::string, std::string>> env;  // further variables
  };

  // Chooses for `spec`, whose work directory exists, and makes the overlay there if one is needed. Asks the
  // base interpreter about itself once, when the first attempt uses pip. UNAVAILABLE if it does not answer;
  // an error of the file system if the overlay cannot be made.
  absl::StatusOr<Choice> Choose(const LaunchSpec& spec);

 private:
  absl::StatusOr<BasePython> Base();

  const std::string python_;
  const std::string search_path_;
  absl::Mutex mutex_;
  bool probed_ ABSL_GUARDED_BY(mutex_) = false;
  BasePython base_ ABSL_GUARDED_BY(mutex_);
};

// A virtual environment at `directory` over `base`. Pure but for the files it makes.
absl::Status MakeOverlay(const BasePython& base, const std::string& directory);

}  // namespace penstock
