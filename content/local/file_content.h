// What lies at a path of this machine, told apart by content. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "content/content.h"

namespace penstock {

// Size, times and inode of all that is at `path`, as one short text. Two equal ones mean that nothing was
// changed in between. Symbolic links in a folder count as what they say and are not followed. kNoContent if
// nothing is there. Empty if it cannot be said: no file and no folder, not readable, or a folder of more than
// limits::kContentEntries.
std::string ContentStat(const std::string& path);

// The stat, and the hash if there are at most `*bytes_left` bytes to read, which are taken off.
Content ReadContent(const std::string& path, int64_t* bytes_left);

}  // namespace penstock
