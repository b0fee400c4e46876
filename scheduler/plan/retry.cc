#include "scheduler/plan/retry.h"

#include <algorithm>
#include <cmath>

namespace penstock {
namespace {

constexpr double kFactor = 2;
constexpr double kMaxSeconds = 3600;

double SecondsOf(const google::protobuf::Duration& duration) {
  return static_cast<double>(duration.seconds()) + duration.nanos() * 1e-9;
}

}  // namespace

absl::Duration RetryDelay(const RetryPolicy& policy, int failed) {
  const double factor = policy.backoff_factor() == 0 ? kFactor : policy.backoff_factor();
  const double longest =
      policy.has_backoff_max_duration() ? SecondsOf(policy.backoff_max_duration()) : kMaxSeconds;
  const double first = SecondsOf(policy.backoff_duration());
  if (first == 0) return absl::ZeroDuration();
  // The power may be infinite; the smaller of the two is not.
  return absl::Seconds(std::min(first * std::pow(factor, failed - 1), longest));
}

}  // namespace penstock
