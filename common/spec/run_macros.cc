#include "common/spec/run_macros.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/limits.h"
#include "common/status_macros.h"

namespace penstock {
namespace {

constexpr char kDefaultLayout[] = "20060102150405";

// Parts of a Go layout and their form in strftime; the longer of two that begin alike comes first.
constexpr std::pair<absl::string_view, absl::string_view> kLayoutParts[] = {
    {"2006", "%Y"},    {"January", "%B"}, {"Monday", "%A"}, {"Jan", "%b"}, {"Mon", "%a"}, {"MST", "%Z"},
    {"-07:00", "%Ez"}, {"-0700", "%z"},   {"Z07:00", "Z"},  {"01", "%m"},  {"02", "%d"},  {"03", "%I"},
    {"04", "%M"},      {"05", "%S"},      {"06", "%y"},     {"15", "%H"},  {"_2", "%e"},  {"PM", "%p"},
};

// What a macro that `text` begins with stands for, taken off `text`; nothing if it begins with none.
std::optional<std::string> TakeMacro(absl::string_view* text, const RunMacros& macros) {
  absl::string_view rest = *text;
  if (absl::ConsumePrefix(&rest, "[[RunUUID]]")) {
    *text = rest;
    return macros.run_id;
  }
  if (absl::ConsumePrefix(&rest, "[[CurrentTime")) {
    const size_t end = rest.find("]]");
    if (end == absl::string_view::npos || (end > 0 && rest.front() != '.')) return std::nullopt;
    const absl::string_view layout = end == 0 ? kDefaultLayout : rest.substr(1, end - 1);
    *text = rest.substr(end + 2);
    return FormatGoTime(macros.current_time, layout);
  }
  if (absl::ConsumePrefix(&rest, "{{$.currentTime.strftime('")) {
    const size_t end = rest.find("')}}");
    if (end == absl::string_view::npos) return std::nullopt;
    *text = rest.substr(end + 4);
    return absl::FormatTime(std::string(rest.substr(0, end)), macros.current_time, absl::UTCTimeZone());
  }
  return std::nullopt;
}

absl::StatusOr<std::string> Expand(absl::string_view text, const RunMacros& macros) {
  std::string out;
  while (!text.empty()) {
    const size_t begin = std::min({text.find("[["), text.find("{{$.currentTime"), text.size()});
    out.append(text.data(), begin);
    text.remove_prefix(begin);
    if (text.empty()) break;
    if (const std::optional<std::string> value = TakeMacro(&text, macros)) {
      out += *value;
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
    if (static_cast<int64_t>(out.size()) > limits::kRunParametersBytes) {
      return absl::ResourceExhaustedError(absl::StrCat("with its macros replaced, a parameter has more than ",
                                                       limits::kRunParametersBytes,
                                                       " bytes (the bound kRunParametersBytes)"));
    }
  }
  return out;
}

}  // namespace

std::string FormatGoTime(absl::Time time, absl::string_view layout) {
  std::string out;
  while (!layout.empty()) {
    bool is_part = false;
    for (const auto& [part, format] : kLayoutParts) {
      if (!absl::ConsumePrefix(&layout, part)) continue;
      absl::StrAppend(&out, absl::FormatTime(std::string(format), time, absl::UTCTimeZone()));
      is_part = true;
      break;
    }
    if (is_part) continue;
    out.push_back(layout.front());
    layout.remove_prefix(1);
  }
  return out;
}

absl::StatusOr<Json> ExpandRunMacros(Json parameters, const RunMacros& macros) {
  for (auto& item : parameters.items()) {
    if (!item.value().is_string()) continue;
    ASSIGN_OR_RETURN(item.value(), Expand(item.value().get_ref<const std::string&>(), macros));
  }
  return parameters;
}

}  // namespace penstock
