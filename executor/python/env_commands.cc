#include "executor/python/env_commands.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

}  // namespace

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
