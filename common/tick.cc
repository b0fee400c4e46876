#include "common/tick.h"

#include <utility>

namespace penstock {
namespace {

constexpr std::pair<TickDecision, absl::string_view> kDecisions[] = {
    {TickDecision::kFired, "FIRED"},     {TickDecision::kCaughtUp, "CAUGHT_UP"},
    {TickDecision::kSkipped, "SKIPPED"}, {TickDecision::kOverlapped, "OVERLAPPED"},
    {TickDecision::kRefused, "REFUSED"},
};
constexpr std::pair<TickReason, absl::string_view> kReasons[] = {
    {TickReason::kDue, "DUE"},
    {TickReason::kLate, "LATE"},
    {TickReason::kWaited, "WAITED"},
    {TickReason::kMaxConcurrency, "MAX_CONCURRENCY"},
    {TickReason::kNoCatchup, "NO_CATCHUP"},
    {TickReason::kTriggerChanged, "TRIGGER_CHANGED"},
    {TickReason::kNoExperiment, "NO_EXPERIMENT"},
    {TickReason::kNoPipeline, "NO_PIPELINE"},
    {TickReason::kPipelineRefused, "PIPELINE_REFUSED"},
    {TickReason::kParameters, "PARAMETERS"},
};

template <typename Enum, size_t N>
absl::string_view NameIn(const std::pair<Enum, absl::string_view> (&names)[N], Enum wanted) {
  for (const auto& [value, name] : names) {
    if (value == wanted) return name;
  }
  return "";
}
template <typename Enum, size_t N>
std::optional<Enum> FindIn(const std::pair<Enum, absl::string_view> (&names)[N], absl::string_view wanted) {
  for (const auto& [value, name] : names) {
    if (name == wanted) return value;
  }
  return std::nullopt;
}

}  // namespace

absl::string_view Name(TickDecision decision) { return NameIn(kDecisions, decision); }
absl::string_view Name(TickReason reason) { return NameIn(kReasons, reason); }
std::optional<TickDecision> TickDecisionFromName(absl::string_view name) { return FindIn(kDecisions, name); }
std::optional<TickReason> TickReasonFromName(absl::string_view name) { return FindIn(kReasons, name); }

}  // namespace penstock
