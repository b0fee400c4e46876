// penstock-runner: the supervisor of local attempts. One serves a directory; it is not a child of whoever
// started it.
//
//   penstock-runner --directory=/data/work/runner
//
// Returns at once: 0 when a supervisor has been left behind that listens, 3 when one already serves the
// directory, 1 with a sentence on standard error otherwise. It is told everything else over its socket
// (wire.h).
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "executor/local/runner/journal.h"
#include "executor/local/runner/process_scan.h"
#include "executor/local/runner/supervisor.h"
#include "executor/local/runner/unix_socket.h"
#include "executor/posix/process_clock.h"

namespace penstock {
namespace {

constexpr int kFailed = 1;
constexpr int kServedAlready = 3;
constexpr int kLockWaitMs = 5'000;
constexpr int kLockRoundMs = 2;
constexpr off_t kLogBytes = off_t{1} << 20;

int Fail(const std::string& what) {
  std::fprintf(stderr, "penstock-runner: %s: %s\n", what.c_str(), std::strerror(errno));
  return kFailed;
}

std::string BootId() {
  char id[64] = {};
  const UniqueFd file(open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  const ssize_t n = file.valid() ? read(file.get(), id, sizeof(id) - 1) : 0;
  const std::string text(id, n > 0 ? n : 0);
  return text.substr(0, text.find('\n'));
}

// A copy of a directory is another file; one that was moved on its file system is the same.
std::string PlaceOf(const std::string& directory) {
  struct stat info = {};
  if (stat(directory.c_str(), &info) != 0) return "";
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

enum class LockResult { kOurs, kServedAlready, kFailed };

// Waits for a supervisor that is about to exit; one that serves is left alone.
LockResult TakeLock(const std::string& directory, int fd) {
  for (int waited_ms = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited_ms += kLockRoundMs) {
    if (errno != EWOULDBLOCK || waited_ms >= kLockWaitMs) return LockResult::kFailed;
    if (ConnectIn(directory).valid()) return LockResult::kServedAlready;
    poll(nullptr, 0, kLockRoundMs);
  }
  return LockResult::kOurs;
}

std::unique_ptr<Journal> OpenJournal(const std::string& directory, std::string* error) {
  const int64_t now_us = WallMicros();
  std::vector<LostProcess> lost;
  auto journal = std::make_unique<Journal>();
  const Journal::Options options{.directory = directory,
                                 .boot_id = BootId(),
                                 .place = PlaceOf(directory),
                                 .boot_at_us = now_us - BootNanos() / 1000,
                                 .now_us = now_us};
  if (options.boot_id.empty()) {
    *error = "this system tells no boot id (/proc/sys/kernel/random/boot_id)";
    return nullptr;
  }
  if (!journal->Open(options, &lost, error)) return nullptr;
  KillLost(lost);
  return journal;
}

// Goes on in a process with a session of its own and init as its parent; the others exit here.
void Detach() {
  for (const bool leads_session : {true, false}) {  // the last one leads none and so can get no terminal
    const pid_t child = fork();
    if (child != 0) _exit(child < 0 ? Fail("cannot fork") : 0);
    if (leads_session) setsid();
  }
}

bool RedirectOutput(const std::string& directory) {
  const std::string path = directory + "/runner.log";
  struct stat info = {};
  const bool large = stat(path.c_str(), &info) == 0 && info.st_size > kLogBytes;
  const UniqueFd log(
      open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (large ? O_TRUNC : 0), 0600));
  const UniqueFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  return log.valid() && null.valid() && dup2(null.get(), STDIN_FILENO) >= 0 &&
         dup2(log.get(), STDOUT_FILENO) >= 0 && dup2(log.get(), STDERR_FILENO) >= 0;
}

int Main(const std::string& directory) {
  // What came along would go on to every task.
  close_range(STDERR_FILENO + 1, ~0U, 0);
  for (int number = 1; number < NSIG; ++number) {
    signal(number, SIG_DFL);  // what the server ignores, tasks would inherit
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const UniqueFd lock(open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock.valid()) return Fail("cannot use " + directory);
  switch (TakeLock(directory, lock.get())) {
    case LockResult::kServedAlready:
      return kServedAlready;
    case LockResult::kFailed:
      return Fail("cannot lock " + directory);
    case LockResult::kOurs:
      break;
  }
  std::string error;
  std::unique_ptr<Journal> journal = OpenJournal(directory, &error);
  if (journal == nullptr) {
    std::fprintf(stderr, "penstock-runner: %s\n", error.c_str());
    return kFailed;
  }
  UniqueFd listener = ListenIn(directory);
  if (!listener.valid()) return Fail("cannot listen in " + directory);
  // Only now, when it listens: the exit code of the process that was started is the answer. The lock is that
  // of the open file, which the fork shares.
  Detach();
  if (ftruncate(lock.get(), 0) == 0) {
    dprintf(lock.get(), "%d\n", getpid());  // for people, and for tests
  }
  if (chdir("/") != 0 || !RedirectOutput(directory)) _exit(kFailed);
  // After the forks, which do not inherit it.
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  return Supervisor(std::move(listener), std::move(journal), directory).Run();
}

}  // namespace
}  // namespace penstock

int main(int argc, char** argv) {
  constexpr std::string_view kFlag = "--directory=";
  const std::string_view argument = argc == 2 ? argv[1] : "";
  if (argument.substr(0, kFlag.size()) != kFlag || argument.substr(kFlag.size(), 1) != "/") {
    std::fprintf(stderr, "usage: penstock-runner --directory=<absolute path>\n");
    return 2;
  }
  return penstock::Main(std::string(argument.substr(kFlag.size())));
}
