// The command with which KFP's SDK runs a Python component, once packages are installed (bootstrap.h): a lightweight
// component's, a shell script that writes the function's source to a file and runs `python3 -m kfp.dsl.executor_main`
// with it, or a containerized component's, which runs that alone. Pure.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace penstock {

// What such a command runs, by its name in this and in earlier versions of the SDK.
inline constexpr absl::string_view kComponentModules[] = {"kfp.dsl.executor_main",
                                                          "kfp.components.executor_main"};

// The module that `argv` runs, if it is such a command and nothing else.
std::optional<std::string> ComponentModule(absl::Span<const std::string> argv);

// Whether one of these variables of a task may change how an interpreter starts, or what the packages do that are
// imported before the component's own code runs.
bool ChangeTheStartOfPython(const std::vector<std::pair<std::string, std::string>>& variables);

}  // namespace penstock
