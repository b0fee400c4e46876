// How much of the machine the running attempts have taken. Not thread-safe.
#pragma once

#include <cstdint>

#include "executor/executor.h"

namespace penstock {

class Slots {
 public:
  static constexpr int64_t kDefaultCpuMillicores = 1000;

  // Both positive.
  Slots(int64_t cpu_millicores, int64_t memory_bytes) : cpu_(cpu_millicores), memory_(memory_bytes) {}

  // What a request takes: no CPU asked for means one core, and nothing takes more than there is.
  ResourceRequest Charge(const ResourceRequest& request) const;

  bool Fits(const ResourceRequest& charge) const;
  // Also beyond the capacity: attempts that are found again run already.
  void Take(const ResourceRequest& charge);
  void Release(const ResourceRequest& charge);

  ResourceRequest capacity() const { return {.cpu_millicores = cpu_, .memory_bytes = memory_}; }
  const ResourceRequest& used() const { return used_; }

 private:
  const int64_t cpu_;
  const int64_t memory_;
  ResourceRequest used_;
};

}  // namespace penstock
