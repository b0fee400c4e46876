#include "common/ordered_double.h"

#include <limits>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace penstock {
namespace {

using Limits = std::numeric_limits<double>;

TEST(OrderedDoubleTest, OrdersAsTheNumbersDo) {
  const std::vector<double> rising = {-Limits::infinity(),
                                      Limits::lowest(),
                                      -1.5,
                                      -1.0,
                                      -Limits::min(),
                                      -Limits::denorm_min(),
                                      0.0,
                                      Limits::denorm_min(),
                                      1e-300,
                                      0.1,
                                      1.0,
                                      1.5,
                                      Limits::max(),
                                      Limits::infinity()};
  for (size_t i = 1; i < rising.size(); ++i) {
    EXPECT_LT(OrderOfDouble(rising[i - 1]), OrderOfDouble(rising[i])) << rising[i];
  }
  EXPECT_LT(OrderOfDouble(Limits::infinity()), OrderOfDouble(Limits::quiet_NaN()));
}

TEST(OrderedDoubleTest, GivesEveryNumberBack) {
  for (const double value : {-Limits::infinity(), -1e300, -0.1, 0.0, 0.1, 1e-310, 3.0, Limits::infinity()}) {
    EXPECT_EQ(DoubleOfOrder(OrderOfDouble(value)), value);
  }
  EXPECT_TRUE(std::isnan(DoubleOfOrder(OrderOfDouble(-Limits::quiet_NaN()))));
  EXPECT_EQ(OrderOfDouble(-0.0), OrderOfDouble(0.0));
}

}  // namespace
}  // namespace penstock
