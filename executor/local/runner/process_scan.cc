#include "executor/local/runner/process_scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <unordered_set>

#include "executor/local/runner/proc_files.h"

namespace penstock {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int kWaitRounds = 1000;
constexpr int kWaitRoundMs = 2;

struct ProcessInfo {
  char state = '?';
  int64_t start_ns = 0;  // since boot, cut to clock ticks
};

std::optional<ProcessInfo> ReadProcess(pid_t pid) {
  const std::string stat = ReadFileAt(AT_FDCWD, "/proc/" + std::to_string(pid) + "/stat", 4096);
  const size_t name_end = stat.rfind(')');  // the name may hold anything, also spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  ProcessInfo info;
  unsigned long long start_ticks = 0;
  if (std::sscanf(stat.c_str() + name_end + 1,
                  " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                  &info.state, &start_ticks) != 2) {
    return std::nullopt;
  }
  info.start_ns = static_cast<int64_t>(start_ticks) * (kNanosPerSecond / sysconf(_SC_CLK_TCK));
  return info;
}

// Ids of processes are used again, so its start has to lie between the record before it and the record behind
// it, give or take the clock tick that /proc counts in.
bool IsMainProcess(const LostProcess& lost, pid_t pid, const ProcessInfo& info) {
  const int64_t tick_ns = kNanosPerSecond / sysconf(_SC_CLK_TCK);
  return lost.pid == pid && info.start_ns + tick_ns >= lost.started_after_ns &&
         info.start_ns <= lost.started_before_ns;
}

// Groups of main processes, and what has left its group and still carries the attempt's variable.
int KillOnce(const std::vector<LostProcess>& lost, const std::unordered_set<std::string>& ids) {
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 0;
  int found = 0;
  while (const dirent* entry = readdir(proc)) {
    const pid_t pid = std::atoi(entry->d_name);
    struct stat owner = {};
    if (pid <= 1 || pid == getpid() || fstatat(dirfd(proc), entry->d_name, &owner, 0) != 0 ||
        owner.st_uid != geteuid()) {
      continue;
    }
    const std::optional<ProcessInfo> info = ReadProcess(pid);
    if (!info.has_value() || info->state == 'Z' || info->state == 'X') continue;
    for (const LostProcess& attempt : lost) {
      if (IsMainProcess(attempt, pid, *info)) {
        kill(-getpgid(pid), SIGKILL);
        ++found;
      }
    }
    if (ids.count(AttemptOfProcess(AT_FDCWD, "/proc/" + std::to_string(pid))) > 0) {
      kill(pid, SIGKILL);
      ++found;
    }
  }
  closedir(proc);
  return found;
}

}  // namespace

int KillLost(const std::vector<LostProcess>& lost) {
  if (lost.empty()) return 0;
  std::unordered_set<std::string> ids;
  for (const LostProcess& attempt : lost) ids.insert(attempt.attempt_id);
  const int first = KillOnce(lost, ids);
  // Until none is found: what was forked while we looked may have been missed.
  for (int found = first, round = 0; found > 0 && round < kWaitRounds; ++round) {
    poll(nullptr, 0, kWaitRoundMs);
    found = KillOnce(lost, ids);
  }
  return first;
}

// The supervisor is the subreaper of all that it starts, so what loses its parent becomes its child.
bool KillStrays(const std::function<bool(pid_t)>& is_ours,
                const std::function<bool(const std::string&)>& runs) {
  static const std::string* const path =
      new std::string("/proc/self/task/" + std::to_string(getpid()) + "/children");
  const std::string children = ReadFileAt(AT_FDCWD, *path, size_t{1} << 20);
  bool some_untold = false;
  const char* cursor = children.c_str();
  char* end = nullptr;
  for (pid_t pid = std::strtol(cursor, &end, 10); end != cursor; pid = std::strtol(cursor, &end, 10)) {
    cursor = end;
    if (is_ours(pid)) continue;
    const std::string path_of_process = "/proc/" + std::to_string(pid);
    const std::string attempt = AttemptOfProcess(AT_FDCWD, path_of_process);
    if (!attempt.empty() && !runs(attempt)) kill(pid, SIGKILL);
    some_untold |= attempt.empty() && ReadFileAt(AT_FDCWD, path_of_process + "/environ", 1).empty();
  }
  return some_untold;
}

}  // namespace penstock
