#include "common/text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace penstock {
namespace {

constexpr size_t kQuotedBytes = 100;
constexpr size_t kComparedBytes = 100;
constexpr size_t kComparedNames = 1000;
constexpr size_t kListedNames = 8;
constexpr size_t kAbbreviationBytes = 3;

bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Levenshtein's distance, one row at a time.
size_t EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

size_t Utf8CharacterLength(absl::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  // C0 and C1 begin nothing but overlong forms, F5 and above nothing at all.
  const size_t length = first >= 0xC2 && first <= 0xDF   ? 2
                        : first >= 0xE0 && first <= 0xEF ? 3
                        : first >= 0xF0 && first <= 0xF4 ? 4
                                                         : 0;
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text[i])) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_large = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

bool IsUtf8(absl::string_view text) {
  while (!text.empty()) {
    const size_t length = Utf8CharacterLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ReplaceInvalidUtf8(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const size_t length = Utf8CharacterLength(text);
    absl::StrAppend(&out, length > 0 ? text.substr(0, length) : kReplacementCharacter);
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return out;
}

std::string Shorten(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  size_t end = max_bytes;
  while (end > 0 && IsContinuation(text[end])) --end;
  return absl::StrCat(text.substr(0, end), "...");
}

absl::string_view EndOf(absl::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  text.remove_prefix(text.size() - max_bytes);
  // The bytes with which a character goes on are 10xxxxxx, at most three.
  for (int i = 0; i < 3 && !text.empty() && (static_cast<unsigned char>(text.front()) & 0xC0) == 0x80; ++i) {
    text.remove_prefix(1);
  }
  return text;
}

absl::string_view FirstRunes(absl::string_view text, int runes) {
  int begun = 0;
  size_t size = 0;
  for (; size < text.size(); ++size) {
    const bool begins = (static_cast<unsigned char>(text[size]) & 0xC0) != 0x80;
    if (begins && ++begun > runes) break;
  }
  return text.substr(0, size);
}

std::string QuoteForMessage(absl::string_view name) {
  std::string shown = ReplaceInvalidUtf8(Shorten(name, kQuotedBytes));
  for (char& c : shown) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return absl::StrCat("'", shown, "'");
}

std::optional<std::string> NearestName(absl::string_view name, absl::Span<const std::string> known) {
  if (name.size() > kComparedBytes) return std::nullopt;
  const std::string lower = absl::AsciiStrToLower(name);
  const std::string* nearest = nullptr;
  size_t best = name.size() / 3 + 2;  // more edits than this make another name
  for (const std::string& candidate : known.subspan(0, kComparedNames)) {
    if (candidate.size() > kComparedBytes) continue;
    const std::string other = absl::AsciiStrToLower(candidate);
    const size_t shorter = std::min(lower.size(), other.size());
    // A name that is cut short, or goes on, counts as one edit.
    const bool begins_alike =
        shorter >= kAbbreviationBytes && lower.compare(0, shorter, other, 0, shorter) == 0;
    const size_t distance =
        begins_alike ? std::min<size_t>(EditDistance(lower, other), 1) : EditDistance(lower, other);
    // As many edits as letters would be another name altogether.
    if (distance < best && distance < std::max(lower.size(), other.size())) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? std::nullopt : std::optional<std::string>(*nearest);
}

std::string ListNames(absl::Span<const std::string> names, size_t max_names) {
  std::string out;
  const size_t shown = std::min(max_names, names.size());
  for (size_t i = 0; i < shown; ++i) absl::StrAppend(&out, i > 0 ? ", " : "", QuoteForMessage(names[i]));
  if (names.size() > shown) absl::StrAppend(&out, " and ", names.size() - shown, " more");
  return out;
}

std::string SuggestName(absl::string_view name, absl::Span<const std::string> known) {
  if (known.empty()) return "";
  if (const std::optional<std::string> nearest = NearestName(name, known); nearest.has_value()) {
    return absl::StrCat("; did you mean ", QuoteForMessage(*nearest), "?");
  }
  return absl::StrCat("; known: ", ListNames(known, kListedNames));
}

}  // namespace penstock
