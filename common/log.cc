#include "common/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace penstock {
namespace {

constexpr size_t kFieldBytes = 512;

std::string JsonEscaped(absl::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (static_cast<unsigned char>(c) < 0x20) {
      absl::StrAppend(&out, "\\u00", absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

// Takes the next ` name=value` off `rest`; false if it does not begin with one. A quoted value is unescaped.
bool TakeField(absl::string_view* rest, absl::string_view* name, std::string* value) {
  absl::string_view text = *rest;
  if (!absl::ConsumePrefix(&text, " ")) return false;
  size_t end = 0;
  while (end < text.size() && (absl::ascii_islower(text[end]) || text[end] == '_')) ++end;
  if (end == 0 || end >= text.size() || text[end] != '=') return false;
  *name = text.substr(0, end);
  text.remove_prefix(end + 1);
  if (absl::StartsWith(text, "\"")) {
    size_t close = 1;
    while (close < text.size() && text[close] != '"') close += text[close] == '\\' ? 2 : 1;
    if (close >= text.size() || !absl::CUnescape(text.substr(1, close - 1), value)) return false;
    *rest = text.substr(close + 1);
    return true;
  }
  const size_t space = std::min(text.find(' '), text.size());
  *value = std::string(text.substr(0, space));
  *rest = text.substr(space);
  return true;
}

// The fields of a line as the inside of a JSON object.
class JsonFieldsFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&, spdlog::memory_buf_t& dest) override {
    const std::string text = LogLineJson(absl::string_view(msg.payload.data(), msg.payload.size()));
    dest.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonFieldsFlag>(); }
};

}  // namespace

absl::Status SetUpLog(absl::string_view level, LogFormat format) {
  const std::string name(level);
  const auto parsed = spdlog::level::from_str(name);
  // from_str gives `off` for what it does not know.
  if (parsed == spdlog::level::off && name != "off") {
    return absl::InvalidArgumentError(
        absl::StrCat("log level '", name, "' is unknown; use trace, debug, info, warn, error or off"));
  }
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger = std::make_shared<spdlog::logger>("penstock", sink);
  logger->set_level(parsed);
  auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
  if (format == LogFormat::kJson) {
    formatter->add_flag<JsonFieldsFlag>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%*})");
  } else {
    formatter->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %^%-5l%$ %v");
  }
  logger->set_formatter(std::move(formatter));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

std::string LogLineJson(absl::string_view line) {
  std::string fields;
  absl::string_view message = line;
  // Fields begin at the first space behind which there is nothing else; what is before it is the message.
  for (size_t space = line.find(' '); space != absl::string_view::npos; space = line.find(' ', space + 1)) {
    absl::string_view rest = line.substr(space);
    absl::string_view name;
    std::string value;
    if (!TakeField(&rest, &name, &value)) continue;
    do {
      absl::StrAppend(&fields, ",\"", name, "\":\"", JsonEscaped(value), "\"");
    } while (TakeField(&rest, &name, &value));
    if (rest.empty()) {
      message = line.substr(0, space);
      break;
    }
    fields.clear();  // words follow it, so it is one of them
  }
  return absl::StrCat("\"message\":\"", JsonEscaped(message), "\"", fields);
}

std::string LogValue(absl::string_view value) {
  const bool cut = value.size() > kFieldBytes;
  if (cut) {
    size_t end = kFieldBytes;
    // Not within a character.
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;
    value = value.substr(0, end);
  }
  bool plain = !value.empty();
  for (const char c : value) {
    if (static_cast<unsigned char>(c) <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f) plain = false;
  }
  if (plain && !cut) return std::string(value);
  return absl::StrCat("\"", absl::Utf8SafeCEscape(value), cut ? "..." : "", "\"");
}

}  // namespace penstock
