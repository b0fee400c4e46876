#include "common/trigger_spec.h"

#include <utility>

namespace penstock {
namespace {

constexpr std::pair<TriggerKind, absl::string_view> kNames[] = {
    {TriggerKind::kOnce, "ONCE"}, {TriggerKind::kCron, "CRON"}, {TriggerKind::kInterval, "INTERVAL"}};

}  // namespace

absl::string_view Name(TriggerKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "";
}

std::optional<TriggerKind> TriggerKindFromName(absl::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

}  // namespace penstock
