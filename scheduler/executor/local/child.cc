#include "scheduler/executor/local/child.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string_view>
#include <vector>

#include "common/limits.h"

namespace penstock {
namespace {

constexpr std::string_view kDefaultPath = "/usr/local/bin:/usr/bin:/bin";

std::string_view PathOf(const std::vector<std::string>& env) {
  for (const std::string& entry : env) {
    if (entry.rfind("PATH=", 0) == 0) {
      return std::string_view(entry).substr(5);
    }
  }
  return kDefaultPath;
}

// Relative names mean the working directory of the attempt.
std::string Absolute(std::string_view path, const std::string& work_dir) {
  if (!path.empty() && path[0] == '/') {
    return std::string(path);
  }
  return work_dir + "/" + std::string(path);
}

// 0 if `path` is a program that may be executed, else the errno that tells why not.
int ProgramError(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) {
    return errno;
  }
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return errno;
  }
  return S_ISREG(info.st_mode) ? 0 : EISDIR;
}

// The absolute path of argv[0]; empty, with a sentence in `error`, if it cannot be run.
std::string FindProgram(const wire::StartRequest& request, std::string* error) {
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
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find(':', begin), path.size());
    std::string candidate = Absolute(path.substr(begin, end - begin), request.work_dir) + "/" + name;
    const int reason = ProgramError(candidate);
    if (reason == 0) {
      return candidate;
    }
    if (reason == EACCES && refused.empty()) {
      refused = candidate;
    }
    begin = end + 1;
  }
  if (!refused.empty()) {
    *error = "The program '" + refused + "' cannot be run: " + std::strerror(EACCES) + ".";
  } else {
    *error = "The program '" + name + "' was not found on the task's PATH (" + std::string(path) + ").";
  }
  return "";
}

std::string TooLarge(const wire::StartRequest& request) {
  size_t total = 0;
  for (size_t i = 0; i < request.argv.size(); ++i) {
    if (request.argv[i].size() >= static_cast<size_t>(limits::kArgumentBytes)) {
      return "argument " + std::to_string(i) + " has " + std::to_string(request.argv[i].size()) +
             " bytes, one may have less than " + std::to_string(limits::kArgumentBytes);
    }
    total += request.argv[i].size() + 1;
  }
  for (const std::string& entry : request.env) {
    total += entry.size() + 1;
  }
  return "arguments and environment have " + std::to_string(total) + " bytes, more than this system takes";
}

std::string SpawnError(const wire::StartRequest& request, const std::string& program, int reason) {
  std::string why = std::strerror(reason);
  if (reason == E2BIG) {
    why = TooLarge(request);
  } else if (reason == ENOENT) {
    why = "its interpreter or the working directory does not exist";
  }
  return "The program '" + program + "' could not be started: " + why + ".";
}

std::vector<char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) {
    out.push_back(const_cast<char*>(text.c_str()));
  }
  out.push_back(nullptr);
  return out;
}

}  // namespace

pid_t StartChild(const wire::StartRequest& request, int null_fd, int output_fd, std::string* error) {
  if (request.argv.empty() || request.argv[0].empty()) {
    *error = "The command is empty.";
    return -1;
  }
  const std::string program = FindProgram(request, error);
  if (program.empty()) {
    return -1;
  }
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_init(&actions);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  posix_spawn_file_actions_adddup2(&actions, null_fd, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, request.work_dir.c_str());
  const std::vector<char*> argv = Pointers(request.argv);
  const std::vector<char*> env = Pointers(request.env);
  pid_t pid = -1;
  const int reason = posix_spawn(&pid, program.c_str(), &actions, &attributes, argv.data(), env.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (reason != 0) {
    *error = SpawnError(request, program, reason);
    return -1;
  }
  return pid;
}

}  // namespace penstock
