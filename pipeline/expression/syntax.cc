#include "pipeline/expression/syntax.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/text.h"

namespace penstock::expression {

absl::string_view Syntax::Source(const Node& node) const {
  return absl::string_view(text).substr(node.begin, node.end - node.begin);
}

std::string PositionOf(absl::string_view text, size_t offset) {
  const absl::string_view before = text.substr(0, offset);
  const size_t line_end = before.rfind('\n');
  const absl::string_view line = line_end == absl::string_view::npos ? before : before.substr(line_end + 1);
  const auto column = 1 + std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
  if (text.find('\n') == absl::string_view::npos) return absl::StrCat("column ", column);
  return absl::StrCat("line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ", column);
}

std::string QuoteSource(absl::string_view source, size_t bytes_max) {
  std::string shown = ReplaceInvalidUtf8(Shorten(source, bytes_max));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); },
      ' ');
  return absl::StrCat("\"", shown, "\"");
}

absl::Status SyntaxError(absl::string_view text, size_t offset, absl::string_view message) {
  return absl::InvalidArgumentError(
      absl::StrCat(PositionOf(text, offset), " of the expression ", QuoteSource(text), ": ", message));
}

}  // namespace penstock::expression
