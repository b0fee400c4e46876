#include "scheduler/plan/retry.h"

#include <gtest/gtest.h>

namespace penstock {
namespace {

RetryPolicy Policy(int64_t first, double factor, int64_t longest) {
  RetryPolicy policy;
  policy.set_max_retry_count(5);
  policy.mutable_backoff_duration()->set_seconds(first);
  policy.set_backoff_factor(factor);
  policy.mutable_backoff_max_duration()->set_seconds(longest);
  return policy;
}

TEST(RetryDelay, GrowsByTheFactorUpToTheMaximum) {
  const RetryPolicy policy = Policy(10, 1.5, 30);
  EXPECT_EQ(RetryDelay(policy, 1), absl::Seconds(10));
  EXPECT_EQ(RetryDelay(policy, 2), absl::Seconds(15));
  EXPECT_EQ(RetryDelay(policy, 3), absl::Seconds(22.5));
  EXPECT_EQ(RetryDelay(policy, 4), absl::Seconds(30));
  EXPECT_EQ(RetryDelay(policy, 1000), absl::Seconds(30));
  EXPECT_EQ(RetryDelay(Policy(10, 1e300, 3600), 1000), absl::Seconds(3600));
}

TEST(RetryDelay, WhatIsLeftOut) {
  RetryPolicy policy;
  EXPECT_EQ(RetryDelay(policy, 3), absl::ZeroDuration());
  EXPECT_EQ(RetryDelay(Policy(0, 2, 3600), 1000), absl::ZeroDuration());
  policy.mutable_backoff_duration()->set_seconds(1);
  EXPECT_EQ(RetryDelay(policy, 3), absl::Seconds(4));
  EXPECT_EQ(RetryDelay(policy, 100), absl::Hours(1));
}

}  // namespace
}  // namespace penstock
