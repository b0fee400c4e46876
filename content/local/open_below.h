// Opening what lies below a directory without being led out of it.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// Opens `path`, which is below `directory`, to which links may lead, with `flags`. From there on none is followed, whoever
// puts one there meanwhile: each step is taken from the directory of the one before. -1 with errno. Thread-safe.
int OpenBelow(const std::string& directory, absl::string_view path, int flags);

}  // namespace penstock
