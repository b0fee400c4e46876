#include "executor/posix/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "executor/posix/unique_fd.h"

namespace penstock {
namespace {

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

// False when nothing happened for `timeout_ms`.
bool WaitReadable(int fd, int timeout_ms) {
  pollfd waiting = {.fd = fd, .events = POLLIN};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, timeout_ms);
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

bool ReadAll(int fd, int timeout_ms, std::string* text) {
  char chunk[4096];
  while (WaitReadable(fd, timeout_ms)) {
    const ssize_t n = read(fd, chunk, sizeof(chunk));
    if (n == 0 || (n < 0 && errno != EINTR)) return true;
    // What is beyond the bound is read and dropped: a full pipe would hold the program up.
    text->append(chunk, std::min<size_t>(std::max<ssize_t>(n, 0), kCaptureBytes - text->size()));
  }
  return false;
}

}  // namespace

absl::StatusOr<Captured> RunCaptured(const std::vector<std::string>& argv,
                                     const std::vector<std::string>& env, int fd, absl::Duration patience) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0) {
    return absl::UnavailableError(absl::StrCat("cannot make a pipe: ", std::strerror(errno)));
  }
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, fd == STDOUT_FILENO ? STDERR_FILENO : STDOUT_FILENO, "/dev/null",
                                   O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write_end.get(), fd);
  pid_t pid = -1;
  const int error =
      posix_spawn(&pid, argv[0].c_str(), &actions, nullptr, Pointers(argv).data(), Pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot start ", argv[0], ": ", std::strerror(error)));
  }
  write_end.Reset();
  // For a wait with a bound, which waitpid has not.
  const UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  const int timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(patience));
  Captured captured;
  const bool in_time = ReadAll(read_end.get(), timeout_ms, &captured.text) &&
                       (!process.valid() || WaitReadable(process.get(), timeout_ms));
  if (!in_time) kill(pid, SIGKILL);
  int status = 0;
  pid_t waited = 0;
  do {
    waited = waitpid(pid, &status, 0);
  } while (waited < 0 && errno == EINTR);
  if (!in_time) return absl::DeadlineExceededError(absl::StrCat(argv[0], " did not end in time"));
  if (waited == pid && WIFEXITED(status)) captured.exit_code = WEXITSTATUS(status);
  return captured;
}

}  // namespace penstock
