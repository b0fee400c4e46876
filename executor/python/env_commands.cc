#include "executor/python/env_commands.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "executor/python/env_store.h"

namespace penstock {
namespace {

constexpr char kRow[] = "%-12s  %9s  %-16s  %-10s  %s\n";
constexpr size_t kNamedBytes = 200;

std::string Size(int64_t bytes) {
  return absl::StrFormat("%.1f MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string State(const EnvEntry& entry) {
  if (entry.complete) return entry.in_use ? "in use" : "idle";
  return entry.in_use ? "building" : "broken";
}

std::string Row(const EnvEntry& entry) {
  const std::string used =
      entry.last_used_us == 0
          ? "never"
          : absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixMicros(entry.last_used_us), absl::UTCTimeZone());
  return absl::StrFormat(kRow, entry.key.substr(0, 12), entry.complete ? Size(entry.record.bytes) : "-", used,
                         State(entry), Summary(entry.record.requirements, kNamedBytes));
}

constexpr char kWarmRow[] = "%-8s  %9s  %8s  %-16s  %-8s  %-20s  %s\n";

// A line of the report, its fields between tabs: process, state, bytes, attempts, start, what was imported, what
// environment it is. Empty if it is not whole, or the process has gone.
std::string WarmRow(absl::string_view line) {
  const std::vector<std::string> fields = absl::StrSplit(line, '\t');
  int64_t bytes = 0, started_at_us = 0;
  if (fields.size() != 7 || !absl::SimpleAtoi(fields[2], &bytes) ||
      !absl::SimpleAtoi(fields[4], &started_at_us) ||
      access(absl::StrCat("/proc/", fields[0]).c_str(), F_OK) != 0) {
    return "";
  }
  return absl::StrFormat(
      kWarmRow, fields[0], bytes > 0 ? Size(bytes) : "-", fields[3],
      absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixMicros(started_at_us), absl::UTCTimeZone()), fields[1],
      fields[5].empty() ? "-" : fields[5], fields[6]);
}

}  // namespace

std::string WarmList(const std::string& report_path) {
  std::ifstream file(report_path);
  std::string rows;
  int count = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string row = WarmRow(line);
    count += row.empty() ? 0 : 1;
    rows += row;
  }
  if (count == 0) return "";
  return absl::StrCat("\nWarm Pythons, of which Python components begin as forks:\n",
                      absl::StrFormat(kWarmRow, "PROCESS", "MEMORY", "ATTEMPTS", "STARTED (UTC)", "STATE",
                                      "IMPORTED", "ENVIRONMENT"),
                      rows);
}

std::string EnvsList(const std::string& envs_dir) {
  std::string text = absl::StrFormat(kRow, "KEY", "SIZE", "LAST USED (UTC)", "STATE", "PACKAGES");
  int64_t bytes = 0;
  const std::vector<EnvEntry> entries = EnvStore(envs_dir).List();
  for (const EnvEntry& entry : entries) {
    bytes += entry.record.bytes;
    absl::StrAppend(&text, Row(entry));
  }
  return absl::StrCat(text, entries.size(), " in ", envs_dir, ", ", Size(bytes), "\n");
}

std::string EnvsPrune(const std::string& envs_dir) {
  const EnvStore store(envs_dir);
  int64_t bytes = 0;
  const std::vector<EnvEntry> before = store.List();
  const std::vector<std::string> removed = store.PruneTo(0);
  for (const EnvEntry& entry : before) {
    bytes += std::find(removed.begin(), removed.end(), entry.key) != removed.end() ? entry.record.bytes : 0;
  }
  return absl::StrCat("removed ", removed.size(), ", ", Size(bytes), "; ", store.List().size(),
                      " in use stay\n");
}

}  // namespace penstock
