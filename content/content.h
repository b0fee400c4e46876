// What lies at a path, told apart by content: a file, or a folder with all that is in it. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

namespace penstock {

struct Content {
  // Of the bytes, with the names in a folder; nothing of times and owners. Empty if nothing is there or if it
  // was not read.
  std::string sha256;
  // As ContentStat gives it, taken before the bytes were read.
  std::string stat;
};

// What ContentStat gives where nothing is.
inline constexpr char kNoContent[] = "none";

// Size, times and inode of all that is at `path`, as one short text. Two equal ones mean that nothing was
// changed in between. Symbolic links in a folder count as what they say and are not followed. Empty if it
// cannot be said: no file and no folder, not readable, or a folder of more than limits::kContentEntries.
std::string ContentStat(const std::string& path);

// The stat, and the hash if there are at most `*bytes_left` bytes to read, which are taken off.
Content ReadContent(const std::string& path, int64_t* bytes_left);

}  // namespace penstock
