#include "executor/local/task_usage.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "executor/local/runner/proc_files.h"
#include "executor/posix/process_clock.h"
#include "executor/posix/unique_fd.h"

namespace penstock {
namespace {

constexpr int64_t kMillicores = 1000;
constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kNanosPerMilli = 1'000'000;
constexpr int kThreadsLookedAt = 256;

// For how long the threads of a process were ready to run and did not get a processor, since they began; 0 if the
// kernel does not say.
int64_t WaitedNanos(int proc, const std::string& pid) {
  const UniqueFd threads(openat(proc, (pid + "/task").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR* const directory = threads.valid() ? fdopendir(dup(threads.get())) : nullptr;
  if (directory == nullptr) return 0;
  int64_t waited = 0;
  for (int seen = 0; seen < kThreadsLookedAt;) {
    const dirent* const entry = readdir(directory);
    if (entry == nullptr) break;
    if (entry->d_name[0] == '.') continue;
    ++seen;
    long long ran = 0, ready = 0;
    const std::string text = ReadFileAt(threads.get(), std::string(entry->d_name) + "/schedstat", 256);
    if (std::sscanf(text.c_str(), "%lld %lld", &ran, &ready) == 2) waited += ready;
  }
  closedir(directory);
  return waited;
}

struct Ticks {
  int64_t used = 0;  // its own and of children that it waited for
  int64_t started = 0;
};

std::optional<Ticks> TicksOf(int proc, const std::string& pid) {
  const std::string stat = ReadFileAt(proc, pid + "/stat", 4096);
  const size_t name_end = stat.rfind(')');  // the name may hold anything, also spaces and parentheses
  if (name_end == std::string::npos) return std::nullopt;
  long long own = 0, system = 0, children = 0, children_system = 0, started = 0;
  if (std::sscanf(stat.c_str() + name_end + 1,
                  " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld %*d %*d %*d %*d %lld",
                  &own, &system, &children, &children_system, &started) != 5) {
    return std::nullopt;
  }
  return Ticks{.used = own + system + children + children_system, .started = started};
}

}  // namespace

std::unordered_map<std::string, int64_t> TaskUsage::Look() {
  DIR* const proc = opendir("/proc");
  if (proc == nullptr) return {};
  const int64_t now_ms = MonotonicMillis();
  std::unordered_map<std::string, int64_t> wanted;
  for (auto& [pid, process] : processes_) process.seen = false;
  while (const dirent* entry = readdir(proc)) {
    const int pid = std::atoi(entry->d_name);
    struct stat owner = {};
    if (pid <= 1 || fstatat(dirfd(proc), entry->d_name, &owner, 0) != 0 || owner.st_uid != geteuid()) {
      continue;
    }
    const std::optional<Ticks> ticks = TicksOf(dirfd(proc), entry->d_name);
    if (!ticks.has_value()) continue;
    Process& process = processes_[pid];
    process.seen = true;
    // Of none may still become one's: the supervisor's child has its environment only once it runs its program.
    if (process.started_ticks != ticks->started || process.attempt.empty()) {
      process.started_ticks = ticks->started;
      process.attempt = AttemptOfProcess(dirfd(proc), entry->d_name);
    }
    if (process.attempt.empty()) continue;
    wanted[process.attempt] +=
        ticks->used * (kNanosPerSecond / sysconf(_SC_CLK_TCK)) + WaitedNanos(dirfd(proc), entry->d_name);
  }
  closedir(proc);
  std::erase_if(processes_, [](const auto& it) { return !it.second.seen; });
  std::unordered_map<std::string, int64_t> usage;
  const int64_t elapsed_ms = std::max<int64_t>(now_ms - looked_at_ms_, 1);
  for (const auto& [attempt, nanos] : wanted) {
    const auto before = wanted_.find(attempt);
    if (before == wanted_.end()) continue;
    // Less than before if a process ended for which nobody waited, or a thread.
    const int64_t more = std::max<int64_t>(nanos - before->second, 0);
    usage[attempt] = more * kMillicores / (elapsed_ms * kNanosPerMilli);
  }
  wanted_ = std::move(wanted);
  looked_at_ms_ = now_ms;
  return usage;
}

void TaskUsage::Forget() {
  processes_.clear();
  wanted_.clear();
}

}  // namespace penstock
