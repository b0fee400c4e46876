// Settings of the random tests.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace penstock {

// A number of the environment, such as PENSTOCK_SEED.
inline int64_t FromEnvironment(const char* name, int64_t fallback) {
  int64_t value = fallback;
  const char* text = std::getenv(name);
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : fallback;
}

}  // namespace penstock
