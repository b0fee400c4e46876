// Directories of attempts. Thread-safe.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace penstock {

// `path` and its missing parents, mode 0700. The error names the path and the reason.
absl::Status MakeDirectories(const std::string& path);

// Removes `path` and all below it, following no symbolic link; read-only directories are opened up first.
// What does not exist is removed already. The error is the first one met; the rest is removed all the same.
absl::Status RemoveTree(const std::string& path);

// The names of the directories in `path`; none if there is no such path.
std::vector<std::string> DirectoriesIn(const std::string& path);

// The parent of an absolute path.
absl::string_view ParentOf(absl::string_view path);

}  // namespace penstock
