#include "scheduler/plan/values/quantity.h"

#include <limits>
#include <optional>
#include <string>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr size_t kExcerptBytes = 60;
constexpr size_t kMaxDigits = 18;  // 10^18 fits 64 bits, and times 2^60 still 128
constexpr int kMaxExponent = 36;   // so that 10^exponent fits 128 bits

// What a suffix multiplies by: 2^binary * 10^decimal.
struct Suffix {
  int binary = 0;
  int decimal = 0;
};

std::optional<Suffix> ParseSuffix(absl::string_view text) {
  struct Known {
    absl::string_view text;
    Suffix suffix;
  };
  static constexpr Known kKnown[] = {{"", {0, 0}},    {"n", {0, -9}},  {"u", {0, -6}},  {"m", {0, -3}},
                                     {"k", {0, 3}},   {"M", {0, 6}},   {"G", {0, 9}},   {"T", {0, 12}},
                                     {"P", {0, 15}},  {"E", {0, 18}},  {"Ki", {10, 0}}, {"Mi", {20, 0}},
                                     {"Gi", {30, 0}}, {"Ti", {40, 0}}, {"Pi", {50, 0}}, {"Ei", {60, 0}}};
  for (const Known& known : kKnown) {
    if (text == known.text) return known.suffix;
  }
  int exponent = 0;
  if ((absl::ConsumePrefix(&text, "e") || absl::ConsumePrefix(&text, "E")) &&
      absl::SimpleAtoi(text, &exponent) && exponent >= -kMaxExponent && exponent <= kMaxExponent) {
    return Suffix{0, exponent};
  }
  return std::nullopt;
}

absl::uint128 PowerOfTen(int exponent) {
  absl::uint128 power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

// The product, if it is within `bound`.
std::optional<absl::uint128> Multiply(absl::uint128 a, absl::uint128 b, absl::uint128 bound) {
  if (a != 0 && b > bound / a) return std::nullopt;
  return a * b;
}

absl::string_view ConsumeDigits(absl::string_view* text) {
  size_t length = 0;
  while (length < text->size() && absl::ascii_isdigit((*text)[length])) ++length;
  const absl::string_view digits = text->substr(0, length);
  text->remove_prefix(length);
  return digits;
}

// The digits before and after the point as one integer; `fraction` is how many of them are after it. Nothing
// if there are none or too many.
std::optional<uint64_t> ConsumeMantissa(absl::string_view* text, int* fraction) {
  absl::string_view before = ConsumeDigits(text);
  absl::string_view after = absl::ConsumePrefix(text, ".") ? ConsumeDigits(text) : absl::string_view();
  if (before.empty() && after.empty()) return std::nullopt;
  while (absl::ConsumePrefix(&before, "0")) {
  }
  while (absl::ConsumeSuffix(&after, "0")) {
  }
  *fraction = static_cast<int>(after.size());
  const std::string digits = absl::StrCat(before, after);
  uint64_t mantissa = 0;
  if (digits.size() > kMaxDigits || (!digits.empty() && !absl::SimpleAtoi(digits, &mantissa))) {
    return std::nullopt;
  }
  return mantissa;
}

absl::StatusOr<int64_t> Error(absl::string_view text, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("\"", Shorten(ReplaceInvalidUtf8(text), kExcerptBytes), "\" ", what));
}

}  // namespace

absl::StatusOr<int64_t> ParseQuantity(absl::string_view text, int64_t scale) {
  constexpr absl::string_view kForm = "is not a quantity such as 500m, 0.5, 2G or 1Gi";
  constexpr absl::string_view kTooLarge = "is too large";
  absl::string_view rest = absl::StripAsciiWhitespace(text);
  if (absl::ConsumePrefix(&rest, "-")) return Error(text, "is negative");
  absl::ConsumePrefix(&rest, "+");
  int fraction = 0;
  const std::optional<uint64_t> mantissa = ConsumeMantissa(&rest, &fraction);
  const std::optional<Suffix> suffix = ParseSuffix(rest);
  if (!mantissa.has_value() || !suffix.has_value()) return Error(text, kForm);
  if (*mantissa == 0) return 0;
  const absl::uint128 max = std::numeric_limits<int64_t>::max();
  const int exponent = suffix->decimal - fraction;
  std::optional<absl::uint128> product =
      Multiply(*mantissa, absl::uint128(1) << suffix->binary, absl::Uint128Max());
  product = product ? Multiply(*product, absl::uint128(scale), absl::Uint128Max()) : product;
  if (product && exponent > 0) product = Multiply(*product, PowerOfTen(exponent), max);
  if (!product) return Error(text, kTooLarge);
  absl::uint128 value = *product;
  // Small steps keep the divisor within 128 bits; the remainder of each is kept for the rounding.
  bool remainder = false;
  for (int i = exponent; i < 0 && value != 0; ++i) {
    remainder = remainder || value % 10 != 0;
    value /= 10;
  }
  value += remainder ? 1 : 0;
  if (value > max) return Error(text, kTooLarge);
  return static_cast<int64_t>(absl::Uint128Low64(value));
}

}  // namespace penstock
