#include "executor/parts/log_text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

// How many bytes of valid UTF-8 begin at `text`, 0 if none. NUL counts as invalid: text columns do not take
// it.
size_t Utf8Length(absl::string_view text) {
  const auto at = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](size_t i) { return (at(i) & 0xC0) == 0x80; };
  const unsigned lead = at(0);
  if (lead > 0 && lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0 && follows(1)) return 2;
  const bool overlong = (lead == 0xE0 && at(1) < 0xA0) || (lead == 0xF0 && at(1) < 0x90);
  const bool no_character = (lead == 0xED && at(1) >= 0xA0) || (lead == 0xF4 && at(1) >= 0x90);
  if (overlong || no_character || !follows(1) || !follows(2)) return 0;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  return lead >= 0xF0 && lead < 0xF5 && follows(3) ? 4 : 0;
}

}  // namespace

std::string ValidUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8Length(text);
    absl::StrAppend(&out, length > 0 ? text.substr(0, length) : "?");
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string LogTailText(absl::string_view bytes, bool is_cut) {
  const size_t first_line = bytes.find('\n');
  // A line that was cut goes; but a single one that is longer than all stays.
  if (is_cut && first_line != absl::string_view::npos && first_line + 1 < bytes.size()) {
    bytes.remove_prefix(first_line + 1);
  }
  return ValidUtf8(bytes);
}

std::string LogCutLine(int64_t dropped_bytes, int64_t limit_bytes, bool at_line_start) {
  return absl::StrCat(at_line_start ? "" : "\n", "[penstock] The log ends here: its limit is ", limit_bytes,
                      " bytes, ", dropped_bytes, " more were dropped.\n");
}

}  // namespace penstock
