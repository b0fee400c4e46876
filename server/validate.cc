#include "server/validate.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"

namespace penstock {
namespace {

constexpr char kOwnTags[] = "penstock.";

int64_t RuneCount(absl::string_view text) {
  int64_t runes = 0;
  for (const char c : text) runes += (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  return runes;
}

// What a Timestamp may hold: the years 1 to 9999.
constexpr int64_t kFirstSecond = -62'135'596'800;
constexpr int64_t kLastSecond = 253'402'300'799;

}  // namespace

absl::Status CheckText(absl::string_view field, absl::string_view text, int64_t limit_bytes,
                       bool multi_line) {
  if (static_cast<int64_t>(text.size()) > limit_bytes) {
    return error::FieldTooLong(field, text.size(), limit_bytes);
  }
  if (!IsUtf8(text)) return error::FieldNotUtf8(field);
  for (const char c : text) {
    const bool line_character = c == '\n' || c == '\r' || c == '\t';
    if (absl::ascii_iscntrl(c) && !(multi_line && line_character)) return error::FieldNotUtf8(field);
  }
  return absl::OkStatus();
}

absl::StatusOr<absl::Time> CheckedTime(absl::string_view field, const google::protobuf::Timestamp& time) {
  if (time.seconds() < kFirstSecond || time.seconds() > kLastSecond || time.nanos() < 0 ||
      time.nanos() >= 1'000'000'000) {
    return error::TimeOutOfRange(field);
  }
  return TimeFrom(time);
}

absl::Status CheckName(absl::string_view field, absl::string_view text, int64_t limit_bytes) {
  if (absl::StripAsciiWhitespace(text).empty()) {
    return error::FieldRequired(field, "give a name that is not empty");
  }
  return CheckText(field, text, limit_bytes);
}

absl::Status CheckDescription(absl::string_view text) {
  return CheckText("description", text, limits::kDescriptionBytes, /*multi_line=*/true);
}

bool IsShortestPath(absl::string_view path) {
  for (const absl::string_view step : absl::StrSplit(path, '/')) {
    if (step.empty() || step == "." || step == "..") return false;
  }
  return true;
}

absl::Status CheckNewId(absl::string_view field, absl::string_view id) {
  bool good = !id.empty() && id[0] != '.';
  for (const char c : id) good &= absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  if (!good) return error::IdWrong(field, id);
  return CheckText(field, id, limits::kIdBytes);
}

absl::Status CheckTags(const Tags& tags) {
  if (tags.size() > limits::kTags) return error::TagsTooMany(tags.size(), limits::kTags);
  for (const auto& [key, value] : tags) {
    const std::string field = absl::StrCat("tag ", QuoteForMessage(key));
    if (key.empty()) return error::TagKeyEmpty();
    // Those of Penstock's own are given back by clients that read all tags and set them again.
    if (absl::StrContains(key, '.') && !absl::StartsWith(key, kOwnTags)) return error::TagKeyHasDot(field);
    if (RuneCount(key) > limits::kTagRunes || RuneCount(value) > limits::kTagRunes) {
      return error::TagTooLong(field, limits::kTagRunes);
    }
    // Up to four bytes a character: the length was checked above, and this looks at what they are.
    RETURN_IF_ERROR(CheckText(field, key, 4 * limits::kTagRunes));
    RETURN_IF_ERROR(CheckText(field, value, 4 * limits::kTagRunes));
  }
  return absl::OkStatus();
}

Tags TagsFrom(const google::protobuf::Map<std::string, std::string>& tags) {
  return Tags(tags.begin(), tags.end());
}

}  // namespace penstock
