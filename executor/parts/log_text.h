// What programs printed, as text that storage and clients take. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace penstock {

// `text` with "?" in the place of each byte that is not of valid UTF-8, and of NUL, which text columns do not take.
std::string ValidUtf8(absl::string_view text);

// The last whole lines of a log, from its last bytes; `is_cut` says that there was more before them.
std::string LogTailText(absl::string_view bytes, bool is_cut);

// The last line of a log that is kept only up to `limit_bytes`, as of the supervisor's: behind it was more.
std::string LogCutLine(int64_t dropped_bytes, int64_t limit_bytes, bool at_line_start);

}  // namespace penstock
