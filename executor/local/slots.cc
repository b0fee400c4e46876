#include "executor/local/slots.h"

#include <algorithm>

namespace penstock {

// Cut to what the machine has: a larger request runs when nothing else does.
ResourceRequest Slots::Charge(const ResourceRequest& request) const {
  const int64_t cpu = request.cpu_millicores > 0 ? request.cpu_millicores : kDefaultCpuMillicores;
  return {.cpu_millicores = std::min(cpu, cpu_),
          .memory_bytes = std::clamp<int64_t>(request.memory_bytes, 0, memory_)};
}

bool Slots::Fits(const ResourceRequest& charge) const {
  return used_.cpu_millicores + charge.cpu_millicores <= cpu_ &&
         used_.memory_bytes + charge.memory_bytes <= memory_;
}

void Slots::Take(const ResourceRequest& charge) {
  used_.cpu_millicores += charge.cpu_millicores;
  used_.memory_bytes += charge.memory_bytes;
}

void Slots::Release(const ResourceRequest& charge) {
  used_.cpu_millicores -= charge.cpu_millicores;
  used_.memory_bytes -= charge.memory_bytes;
}

}  // namespace penstock
