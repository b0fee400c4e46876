#include "common/background.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace penstock {
namespace {

constexpr int kNice = 15;
// As ioprio_set(2) has them, for which there is no header: of the calling thread, best effort, and there the last.
constexpr int kIoPriorityWhoThread = 1;
constexpr int kIoPriorityLast = (2 << 13) | 7;

}  // namespace

void BecomeBackground() {
  // On Linux both are of a thread.
  setpriority(PRIO_PROCESS, 0, kNice);
  syscall(SYS_ioprio_set, kIoPriorityWhoThread, 0, kIoPriorityLast);
}

}  // namespace penstock
