#include "common/side_program.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "grpc/support/time.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"

namespace penstock {
namespace {

constexpr int kReconnectMs = 20;  // it is on this machine, and just being started

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& socket_path) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMs);
  // Proxies of the environment are for others.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetMaxReceiveMessageSize(limits::kRpcMessageBytes);
  return grpc::CreateCustomChannel(absl::StrCat("unix:", socket_path), grpc::InsecureChannelCredentials(),
                                   arguments);
}

}  // namespace

absl::Status SideProgram::CannotStart(absl::string_view why) const {
  return absl::UnavailableError(
      absl::StrCat(options_.what, " cannot be reached: ", options_.program, " ", why));
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> SideProgram::Channel() {
  absl::MutexLock lock(&mutex_);
  if (IsRunning()) return channel_;
  RETURN_IF_ERROR(Spawn());
  channel_ = ChannelTo(options_.socket_path);
  if (!channel_->WaitForConnected(gpr_time_from_seconds(limits::kSideProgramStartSeconds, GPR_TIMESPAN))) {
    Drop();
    return CannotStart("was started and does not answer; the lines above say why.");
  }
  return channel_;
}

bool SideProgram::IsRunning() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  pid_ = -1;
  Drop();
  return false;
}

absl::Status SideProgram::Spawn() {
  if (options_.socket_path.empty()) {
    return CannotStart("needs a socket, and the path of --data_dir is too long for one.");
  }
  int pipe_fds[2];
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return CannotStart(std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[0], STDIN_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: Ctrl-C on the terminal reaches the server alone. The server blocks the signals that stop it,
  // which the child would inherit.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::vector<std::string> arguments = options_.arguments;
  arguments.insert(arguments.begin(), options_.program);
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  unlink(options_.socket_path.c_str());  // of one that died
  pid_t pid = -1;
  const int code = posix_spawn(&pid, options_.program.c_str(), &actions, &attributes, argv.data(),
                               options_.environment.empty() ? environ : options_.environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(pipe_fds[0]);
  if (code != 0) {
    close(pipe_fds[1]);
    return CannotStart(absl::StrCat("cannot be started: ", std::strerror(code), "."));
  }
  pid_ = pid;
  lifeline_ = pipe_fds[1];
  return absl::OkStatus();
}

void SideProgram::Drop() {
  channel_.reset();
  if (lifeline_ >= 0) close(lifeline_);
  lifeline_ = -1;
  if (pid_ > 0) {
    kill(pid_, SIGKILL);  // what it had in work is whole or not there
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
  }
  pid_ = -1;
}

SideProgram::~SideProgram() {
  absl::MutexLock lock(&mutex_);
  Drop();
  unlink(options_.socket_path.c_str());
}

}  // namespace penstock
