// When a recurring run is due, as the user asks for it and as it is stored; pipeline/schedule/trigger.h finds
// its slots.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace penstock {

enum class TriggerKind { kOnce, kCron, kInterval };

// "ONCE" and so on: the text in SQL.
absl::string_view Name(TriggerKind kind);
std::optional<TriggerKind> TriggerKindFromName(absl::string_view name);

struct TriggerSpec {
  TriggerKind kind = TriggerKind::kOnce;
  std::string cron;              // of kCron
  int64_t interval_seconds = 0;  // of kInterval
  std::optional<absl::Time> start_at;
  std::optional<absl::Time> end_at;
  std::string time_zone;  // of kCron, unless the expression names one; empty: UTC
};

}  // namespace penstock
