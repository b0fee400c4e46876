#include "executor/local/runner/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

namespace penstock {
namespace {

constexpr size_t kFailureSlots = 4096;
constexpr int kFreeDescriptors = 64;
constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

std::string_view PathOf(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.rfind("PATH=", 0) == 0) return std::string_view(entry).substr(5);
  }
  return kDefaultPath;
}

// Relative names mean the working directory of the attempt.
std::string Absolute(std::string_view path, const std::string& work_dir) {
  if (!path.empty() && path[0] == '/') return std::string(path);
  return work_dir + "/" + std::string(path);
}

// 0 if `path` is a program that may be executed, else the errno that tells why not.
int ProgramError(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) return errno;
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) return errno;
  return S_ISREG(info.st_mode) ? 0 : EISDIR;
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

// Before there is a process, so that the usual mistakes are told in words. Like execvp it goes on behind a
// file that may not be run, and says so only if nothing else is found.
std::string FindProgram(const wire::StartRequest& request, std::string* error) {
  if (request.argv.empty() || request.argv[0].empty()) {
    *error = "The command is empty.";
    return "";
  }
  const std::string& name = request.argv[0];
  if (name.find('/') != std::string::npos) {
    std::string path = Absolute(name, request.work_dir);
    const int reason = ProgramError(path);
    if (reason != 0) {
      *error = "The program '" + name + "' cannot be run: " + std::strerror(reason) + ".";
      return "";
    }
    return path;
  }
  std::string_view path = PathOf(request.env);
  std::string refused;
  // An empty element of PATH is the working directory.
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    std::string candidate = Absolute(path.substr(begin, end - begin), request.work_dir) + "/" + name;
    const int reason = ProgramError(candidate);
    if (reason == 0) return candidate;
    if (reason == EACCES && refused.empty()) refused = candidate;
    begin = end + 1;
  }
  if (!refused.empty()) {
    *error = "The program '" + refused + "' cannot be run: " + std::strerror(EACCES) + ".";
  } else {
    *error = "The program '" + name + "' was not found on the task's PATH (" + std::string(path) + ").";
  }
  return "";
}

ChildStarter::ChildStarter()
    : processors_(static_cast<size_t>(std::max(1L, sysconf(_SC_NPROCESSORS_ONLN)))),
      null_fd_(open("/dev/null", O_RDONLY | O_CLOEXEC)) {
  void* memory = mmap(nullptr, kFailureSlots * sizeof(Failure), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (null_fd_ >= 0 && memory != MAP_FAILED) failures_ = static_cast<Failure*>(memory);
}

ChildStarter::~ChildStarter() {
  close(null_fd_);
  if (failures_ != nullptr) munmap(failures_, kFailureSlots * sizeof(Failure));
}

// Two processes may share a place only if that many were made between the failure of one and its reaping.
ChildStarter::Failure& ChildStarter::FailureOf(pid_t pid) const {
  return failures_[static_cast<size_t>(pid) % kFailureSlots];
}

pid_t ChildStarter::Start(const wire::StartRequest& request, const std::string& program, int output_fd,
                          size_t running, const std::vector<int>& descriptors) {
  const pid_t supervisor = getpid();
  const std::vector<char*> argv = Pointers(request.argv);
  const std::vector<char*> env = Pointers(request.env);
  const pid_t pid = running < processors_ ? vfork() : fork();
  if (pid == 0) {
    // It goes with the supervisor. Who takes over then finds and kills what carries the attempt's mark, which
    // this process does not before it has become the program.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    // It may have died before the line above: then nothing would end this process.
    if (getppid() != supervisor) _exit(kFailedExit);
    Become(request.work_dir, program, argv.data(), env.data(), output_fd, descriptors);
  }
  return pid;
}

void ChildStarter::Become(const std::string& work_dir, const std::string& program, char* const* argv,
                          char* const* env, int output_fd, const std::vector<int>& descriptors) {
  // The leader of a session leads a group as well, which signals go to.
  setsid();
  dup2(null_fd_, STDIN_FILENO);
  dup2(output_fd, STDOUT_FILENO);
  dup2(output_fd, STDERR_FILENO);
  // By way of numbers that are none of those wanted.
  int copies[kDescriptorsMax] = {};
  const size_t count = std::min(descriptors.size(), kDescriptorsMax);
  for (size_t i = 0; i < count; ++i) copies[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, kFreeDescriptors);
  for (size_t i = 0; i < count; ++i) dup2(copies[i], STDERR_FILENO + 1 + static_cast<int>(i));
  // The supervisor blocks the signals that it reads from a descriptor, and a mask survives exec.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  const bool in_work_dir = chdir(work_dir.c_str()) == 0;
  if (in_work_dir) execve(program.c_str(), argv, env);
  FailureOf(getpid()) = {.pid = getpid(), .error = errno, .in_work_dir = in_work_dir};
  _exit(kFailedExit);
}

std::optional<std::string> ChildStarter::TakeFailure(pid_t pid, const std::string& program) {
  Failure& failure = FailureOf(pid);
  if (failure.pid != pid) return std::nullopt;
  failure.pid = 0;
  std::string why = std::strerror(failure.error);
  if (!failure.in_work_dir) {
    why = "its working directory cannot be entered (" + why + ")";
  } else if (failure.error == ENOENT) {
    why = "its interpreter does not exist";
  }
  return "The program '" + program + "' could not be started: " + why + ".";
}

}  // namespace penstock
