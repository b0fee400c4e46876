// Content told apart from other content: a file, or a folder with all that is in it. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace penstock {

struct Content {
  // Of the bytes, with the names in a folder; nothing of times and owners. Empty if nothing is there or if it
  // was not read.
  std::string sha256;
  std::optional<int64_t> size_bytes;  // of the files
  // Its version (ContentInfo::version), taken before the bytes were read.
  std::string stat;
};

// The version of what is not there.
inline constexpr char kNoContent[] = "none";

}  // namespace penstock
