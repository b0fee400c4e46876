#include "pipeline/schedule/macros.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr char kDefaultLayout[] = "20060102150405";
constexpr size_t kMacroBytes = 256;  // longer ones are no macros

// What each piece of a Go layout stands for, as strftime; of pieces that begin alike the longer one comes
// first.
// Times are UTC, so what names a zone or an offset is constant.
struct Piece {
  absl::string_view layout;
  absl::string_view format;
};
constexpr Piece kPieces[] = {
    {"January", "%B"},    {"Jan", "%b"},      {"Monday", "%A"},
    {"Mon", "%a"},        {"MST", "UTC"},     {"2006", "%Y"},
    {"002", "%j"},        {"01", "%m"},       {"02", "%d"},
    {"03", "%I"},         {"04", "%M"},       {"05", "%S"},
    {"06", "%y"},         {"15", "%H"},       {"PM", "%p"},
    {"pm", "%P"},         {"_2", "%e"},       {"-07:00:00", "+00:00:00"},
    {"-07:00", "+00:00"}, {"-0700", "+0000"}, {"-07", "+00"},
    {"Z07:00:00", "Z"},   {"Z07:00", "Z"},    {"Z0700", "Z"},
    {"Z07", "Z"},
};

std::string Format(const std::string& format, absl::Time time) {
  return absl::FormatTime(format, time, absl::UTCTimeZone());
}

// The number that a single digit of a layout stands for, without a leading zero.
std::optional<int> SingleDigit(char digit, const absl::CivilSecond& civil) {
  switch (digit) {
    case '1':
      return civil.month();
    case '2':
      return civil.day();
    case '3':
      return civil.hour() % 12 == 0 ? 12 : civil.hour() % 12;
    case '4':
      return civil.minute();
    case '5':
      return civil.second();
    default:
      return std::nullopt;
  }
}

// A fraction in a layout, such as .000 or ,999: its length, or 0.
size_t FractionLength(absl::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',') || (layout[1] != '0' && layout[1] != '9')) {
    return 0;
  }
  size_t end = 1;
  while (end < layout.size() && layout[end] == layout[1]) ++end;
  // As in Go, more digits behind it make it no fraction.
  const bool number_goes_on = end < layout.size() && absl::ascii_isdigit(layout[end]);
  return number_goes_on || end > 10 ? 0 : end;
}

std::string Fraction(absl::string_view layout, absl::Time time) {
  const int64_t nanos = absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(absl::ToUnixSeconds(time)));
  std::string digits = absl::StrCat(absl::Dec(nanos, absl::kZeroPad9)).substr(0, layout.size() - 1);
  // Nines leave out zeros at the end, and the point with the last digit.
  if (layout[1] == '9') {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) return "";
  }
  return absl::StrCat(layout.substr(0, 1), digits);
}

// `text` is what stands in the brackets. Nothing if it is no macro.
std::optional<std::string> Bracketed(absl::string_view text, const MacroValues& values) {
  if (text == "RunUUID") return values.run_id;
  if (text == "Index" && values.index.has_value()) return absl::StrCat(*values.index);
  std::optional<absl::Time> time;
  if (absl::ConsumePrefix(&text, "CurrentTime")) {
    time = values.current_time;
  } else if (absl::ConsumePrefix(&text, "ScheduledTime")) {
    time = values.scheduled_time;
  }
  if (!time.has_value()) return std::nullopt;
  if (text.empty()) return FormatGoLayout(kDefaultLayout, *time);
  if (!absl::ConsumePrefix(&text, ".")) return std::nullopt;
  return FormatGoLayout(text, *time);
}

// `text` is what stands in the braces, behind "$.".
std::optional<std::string> Braced(absl::string_view text, const MacroValues& values) {
  std::optional<absl::Time> time;
  if (absl::ConsumePrefix(&text, "currentTime.strftime('")) {
    time = values.current_time;
  } else if (absl::ConsumePrefix(&text, "scheduledTime.strftime('")) {
    time = values.scheduled_time;
  }
  if (!time.has_value() || !absl::ConsumeSuffix(&text, "')")) return std::nullopt;
  return Format(std::string(text), *time);
}

struct Macro {
  absl::string_view open;
  absl::string_view close;
  std::optional<std::string> (*replace)(absl::string_view, const MacroValues&);
};
constexpr Macro kMacros[] = {{"[[", "]]", Bracketed}, {"{{$.", "}}", Braced}};

}  // namespace

std::string FormatGoLayout(absl::string_view layout, absl::Time time) {
  std::string text;
  const absl::CivilSecond civil = absl::ToCivilSecond(time, absl::UTCTimeZone());
  while (!layout.empty()) {
    const Piece* found = nullptr;
    for (const Piece& piece : kPieces) {
      if (!absl::StartsWith(layout, piece.layout)) continue;
      found = &piece;
      break;
    }
    const size_t fraction = FractionLength(layout);
    const std::optional<int> digit = SingleDigit(layout[0], civil);
    if (found != nullptr) {
      absl::StrAppend(&text, Format(std::string(found->format), time));
      layout.remove_prefix(found->layout.size());
    } else if (fraction > 0) {
      absl::StrAppend(&text, Fraction(layout.substr(0, fraction), time));
      layout.remove_prefix(fraction);
    } else {
      absl::StrAppend(&text, digit.has_value() ? absl::StrCat(*digit) : std::string(layout.substr(0, 1)));
      layout.remove_prefix(1);
    }
  }
  return text;
}

std::string ReplaceMacros(absl::string_view text, const MacroValues& values) {
  std::string out;
  while (!text.empty()) {
    const size_t begin = std::min(text.find_first_of("[{"), text.size());
    absl::StrAppend(&out, text.substr(0, begin));
    text.remove_prefix(begin);
    size_t used = std::min<size_t>(1, text.size());
    std::optional<std::string> value;
    for (const Macro& macro : kMacros) {
      if (!absl::StartsWith(text, macro.open)) continue;
      // Looked for within a bound, so that a text full of opening brackets takes linear time.
      const size_t end = text.substr(0, kMacroBytes).find(macro.close, macro.open.size());
      if (end == absl::string_view::npos) continue;
      value = macro.replace(text.substr(macro.open.size(), end - macro.open.size()), values);
      if (value.has_value()) used = end + macro.close.size();
    }
    absl::StrAppend(&out, value.has_value() ? absl::string_view(*value) : text.substr(0, used));
    text.remove_prefix(used);
  }
  return out;
}

void ReplaceMacros(const MacroValues& values, Json* parameters) {
  if (!parameters->is_object()) return;
  for (auto& [name, value] : parameters->items()) {
    if (!value.is_string()) continue;
    const std::string& text = value.get_ref<const std::string&>();
    if (!absl::StrContains(text, "[[") && !absl::StrContains(text, "{{$.")) continue;
    value = ReplaceMacros(text, values);
  }
}

}  // namespace penstock
