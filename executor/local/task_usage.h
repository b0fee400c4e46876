// How much CPU the attempts want now, as the kernel counts it: what they use, and what they wait for while others use
// it. On a busy machine a task that works uses little, and still wants a processor.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace penstock {

// Not thread-safe.
class TaskUsage {
 public:
  // Reads /proc, a fraction of a millisecond for ten processes. What each attempt that has processes has wanted since
  // the look before, in millicores, by its id; only of attempts that were there at that look.
  std::unordered_map<std::string, int64_t> Look();
  // The next look is the first.
  void Forget();

 private:
  struct Process {
    int64_t started_ticks = 0;  // since boot: ids of processes are used again
    std::string attempt;        // empty: of none
    bool seen = false;
  };

  std::unordered_map<int, Process> processes_;
  std::unordered_map<std::string, int64_t> wanted_;  // nanoseconds by attempt, at the last look
  int64_t looked_at_ms_ = 0;
};

}  // namespace penstock
