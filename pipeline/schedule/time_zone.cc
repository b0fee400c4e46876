#include "pipeline/schedule/time_zone.h"

#include <cstdlib>
#include <filesystem>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/text.h"

namespace penstock {
namespace {

constexpr char kZones[] = "/usr/share/zoneinfo";

// A name that may be looked up: it stays below the folder of zones.
bool IsPlainName(absl::string_view name) {
  for (const char c : name) {
    if (!absl::ascii_isalnum(c) && c != '/' && c != '_' && c != '-' && c != '+') return false;
  }
  return name.front() != '/' && name.back() != '/';
}

}  // namespace

absl::StatusOr<absl::TimeZone> LoadZone(absl::string_view name) {
  if (name.empty() || name == "UTC") return absl::UTCTimeZone();
  // As Abseil looks for it.
  const char* set = std::getenv("TZDIR");
  const std::filesystem::path zones = set == nullptr ? kZones : set;
  std::error_code error;
  if (!std::filesystem::is_directory(zones, error)) {
    return absl::InvalidArgumentError(
        absl::StrCat("the time zone ", QuoteForMessage(name.substr(0, limits::kTimeZoneBytes)),
                     " is not known: this server has no time zone data (install the package tzdata)"));
  }
  // Abseil keeps every name that it is asked for, so it is asked for those only that are there.
  absl::TimeZone zone;
  if (name.size() > limits::kTimeZoneBytes || !IsPlainName(name) ||
      !std::filesystem::is_regular_file(zones / std::string(name), error) ||
      !absl::LoadTimeZone(std::string(name), &zone)) {
    return absl::InvalidArgumentError(absl::StrCat(
        QuoteForMessage(name.substr(0, limits::kTimeZoneBytes)),
        " is not a time zone of this server; give a name such as Europe/Berlin, America/New_York or UTC"));
  }
  return zone;
}

}  // namespace penstock
