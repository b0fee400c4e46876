// The inputs of a Python component are one argument of its command: --executor_input JSON. One argument of a
// process has less than 128 KiB on Linux, so longer inputs are handed over in a file. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

struct InputFile {
  std::vector<std::string> argv;  // with the file's path in place of its content
  std::string content;
};

// `argv`, changed so that the SDK's program reads what follows --executor_input from the file `path`. All else
// means the same. Nothing if argv is not the command of a Python component of the SDK.
std::optional<InputFile> InputAsFile(absl::Span<const std::string> argv, absl::string_view path);

}  // namespace penstock
