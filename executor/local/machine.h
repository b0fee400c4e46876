// What this machine says of itself in files. Nothing is run.
#pragma once

#include "absl/strings/string_view.h"
#include "executor/attempt_place.h"

namespace penstock {

// `root` is put before the paths of the files, for tests.
Machine ReadMachine(absl::string_view root = "");

}  // namespace penstock
