// A double as an integer that sorts as the numbers do, so that databases keep, compare and index all of them,
// NaN and infinities included. Pure.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace penstock {

// -infinity < negative < 0 < positive < infinity < NaN. There is one NaN and one zero.
inline int64_t OrderOfDouble(double value) {
  if (std::isnan(value)) return INT64_MAX;
  if (value == 0) return 0;
  const auto bits = std::bit_cast<int64_t>(value);
  // Of negative numbers the larger magnitude has the larger bits.
  return bits >= 0 ? bits : INT64_MIN - bits;
}

inline double DoubleOfOrder(int64_t order) {
  if (order == INT64_MAX) return std::nan("");
  return std::bit_cast<double>(order >= 0 ? order : INT64_MIN - order);
}

}  // namespace penstock
