#include "pipeline/spec/yaml_scalar.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/text.h"

namespace penstock {
namespace {

bool IsOneOf(absl::string_view text, std::initializer_list<absl::string_view> words) {
  for (const absl::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

// Consumes a pattern from the left, piece by piece.
class Scanner {
 public:
  explicit Scanner(absl::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool AnyOf(absl::string_view characters) {
    if (rest_.empty() || characters.find(rest_[0]) == absl::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // The characters taken: as many as there are.
  size_t Run(absl::string_view characters) {
    size_t taken = 0;
    while (AnyOf(characters)) ++taken;
    return taken;
  }
  bool Word(absl::string_view word) {
    if (rest_.substr(0, word.size()) != word) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

 private:
  absl::string_view rest_;
};

constexpr absl::string_view kDigits = "0123456789";
constexpr absl::string_view kDigitsAndLines = "0123456789_";

// (?:[eE][-+][0-9]+)? and the end
bool ExponentAndEnd(Scanner scan) {
  if (scan.AnyOf("eE") && !(scan.AnyOf("-+") && scan.Run(kDigits) > 0)) return false;
  return scan.done();
}

// (?::[0-5]?[0-9])+
bool Sixtieths(Scanner* scan) {
  bool any = false;
  while (scan->Word(":")) {
    const bool low = scan->AnyOf("012345");
    if (!scan->AnyOf(kDigits) && !low) return false;
    any = true;
  }
  return any;
}

bool IsFloat(absl::string_view text) {
  Scanner scan(text);
  if (scan.Word(".")) {  // this form takes no sign
    return scan.AnyOf(kDigits) && (scan.Run(kDigitsAndLines), ExponentAndEnd(scan));
  }
  scan.AnyOf("-+");
  if (!scan.AnyOf(kDigits)) return false;
  scan.Run(kDigitsAndLines);
  if (Scanner sixties = scan; Sixtieths(&sixties)) {
    return sixties.Word(".") && (sixties.Run(kDigitsAndLines), sixties.done());
  }
  return scan.Word(".") && (scan.Run(kDigitsAndLines), ExponentAndEnd(scan));
}

bool IsInteger(absl::string_view text) {
  Scanner scan(text);
  scan.AnyOf("-+");
  if (scan.Word("0b")) return scan.Run("01_") > 0 && scan.done();
  if (scan.Word("0x")) return scan.Run("0123456789abcdefABCDEF_") > 0 && scan.done();
  if (scan.Word("0")) {
    scan.Run("01234567_");
    return scan.done();
  }
  if (!scan.AnyOf("123456789")) return false;
  scan.Run(kDigitsAndLines);
  if (scan.done()) return true;
  return Sixtieths(&scan) && scan.done();
}

absl::Status NotANumber(absl::string_view text) {
  return absl::InvalidArgumentError(
      absl::StrCat(QuoteForMessage(text),
                   " is read as a number, and is not one that can be kept; quote it if a text "
                   "is meant"));
}

// The digits of each ":" part in turn, in base 60.
double Base60(absl::string_view digits) {
  double value = 0;
  while (true) {
    const size_t colon = digits.find(':');
    double part = 0;
    // Digits and points only, by the pattern: cannot fail.
    (void)absl::SimpleAtod(digits.substr(0, colon), &part);
    value = value * 60 + part;
    if (colon == absl::string_view::npos) return value;
    digits.remove_prefix(colon + 1);
  }
}

std::optional<uint64_t> ParseBase(absl::string_view digits, int base) {
  uint64_t value = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return std::nullopt;
  return value;
}

absl::StatusOr<Json> IntegerValue(absl::string_view text) {
  const std::string clean = absl::StrReplaceAll(text, {{"_", ""}});
  absl::string_view digits = clean;
  const bool negative = digits[0] == '-';
  if (negative || digits[0] == '+') digits.remove_prefix(1);
  // A leading 0 means octal, as in YAML 1.1.
  const bool decimal = digits == "0" || digits[0] != '0';
  if (decimal && digits.find(':') != absl::string_view::npos) {
    return JsonNumber(negative ? -Base60(digits) : Base60(digits));
  }
  const int base = decimal ? 10 : digits[1] == 'b' ? 2 : digits[1] == 'x' ? 16 : 8;
  if (base == 2 || base == 16) digits.remove_prefix(2);
  const std::optional<uint64_t> value = ParseBase(digits, base);
  constexpr uint64_t kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (value.has_value() && *value <= kMax) {
    const int64_t number = static_cast<int64_t>(*value);
    return Json(negative ? -number : number);
  }
  if (value.has_value() && (!negative || *value == kMax + 1)) {
    return negative ? Json(std::numeric_limits<int64_t>::min()) : Json(*value);
  }
  double nearest = 0;
  if (base != 10 || !absl::SimpleAtod(digits, &nearest) || !std::isfinite(nearest)) return NotANumber(text);
  return JsonNumber(negative ? -nearest : nearest);
}

absl::StatusOr<Json> FloatValue(absl::string_view text) {
  const std::string clean = absl::StrReplaceAll(text, {{"_", ""}});
  double value = 0;
  if (clean.find(':') != std::string::npos) {
    const absl::string_view digits = absl::string_view(clean).substr(absl::ascii_isdigit(clean[0]) ? 0 : 1);
    value = clean[0] == '-' ? -Base60(digits) : Base60(digits);
  } else if (!absl::SimpleAtod(clean, &value)) {
    return NotANumber(text);
  }
  if (!std::isfinite(value)) return NotANumber(text);
  return JsonNumber(value);
}

}  // namespace

absl::StatusOr<Json> ResolvePlainScalar(absl::string_view text) {
  if (IsOneOf(text, {"", "~", "null", "Null", "NULL"})) return Json(nullptr);
  if (IsOneOf(text, {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})) return Json(true);
  if (IsOneOf(text, {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})) return Json(false);
  const bool may_be_number =
      absl::ascii_isdigit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.';
  if (may_be_number) {
    if (IsInteger(text)) return IntegerValue(text);
    if (IsFloat(text)) return FloatValue(text);
    absl::string_view word = text;
    if (word[0] == '-' || word[0] == '+') word.remove_prefix(1);
    if (IsOneOf(word, {".inf", ".Inf", ".INF"}) || IsOneOf(text, {".nan", ".NaN", ".NAN"})) {
      return NotANumber(text);
    }
  }
  return Json(std::string(text));
}

}  // namespace penstock
