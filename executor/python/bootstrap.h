// What the command of a task does with pip. The KFP SDK wraps the command of a Python component in a shell
// script, here called the bootstrap, that installs packages first:
//
//   sh -c '<find or make pip>; python3 -m pip install ... && ... && "$0" "$@"' COMMAND...
//
// Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"

namespace penstock {

// What an argv does with pip.
struct PipUse {
  bool installs = false;
  bool makes_venv = false;  // a virtual environment of its own with --system-site-packages
};

// Looks into the script of `sh -c SCRIPT ...`, else at argv itself.
PipUse FindPipUse(absl::Span<const std::string> argv);

// One `python3 -m pip install`.
struct PipInstall {
  std::vector<std::string> options;  // those that change what is installed; not the ones about what pip says
  std::vector<std::string> requirements;
  // Whether the same words mean the same packages for another task: no file of this machine, no branch of a
  // repository, no option but those about indexes, archives and versions.
  bool is_shareable = true;
};

struct Bootstrap {
  std::vector<PipInstall> installs;
  bool makes_venv = false;           // and runs the command in it
  std::vector<std::string> command;  // what it runs in the end, not empty
};

// Nothing if argv is not exactly such a bootstrap. Then `command`, run after its installs, means the same as
// argv.
std::optional<Bootstrap> ReadBootstrap(absl::Span<const std::string> argv);

}  // namespace penstock
