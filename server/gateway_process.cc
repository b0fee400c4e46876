#include "server/gateway_process.h"

#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "server/listen_address.h"
#include "server/secrets.h"

namespace penstock {
namespace {

constexpr int kChildListener = 3;
constexpr int kBacklog = 512;
// How late the child's timers may be. While Go code runs, a thread of its runtime looks after it every 20 us,
// and with the usual slack of 50 us that is a fifth of what a small call costs the gateway.
constexpr unsigned long kChildTimerSlackNanos = 1'000'000;
constexpr absl::Duration kRestartPauseMin = absl::Milliseconds(50);
constexpr absl::Duration kRestartPauseMax = absl::Seconds(5);
constexpr absl::Duration kSteady = absl::Seconds(30);  // a gateway that lived this long did not fail to start
// For requests in work, and then for the process to end; both within the 5 s that stopping takes.
constexpr absl::string_view kRequestGrace = "2s";
constexpr absl::Duration kStopGrace = absl::Milliseconds(2500);
constexpr absl::Duration kServingWait = absl::Seconds(30);
constexpr absl::Duration kServingPause = absl::Milliseconds(10);
constexpr int kAnswerSeconds = 5;

absl::Status CannotListen(absl::string_view address, absl::string_view why) {
  return absl::UnavailableError(absl::StrCat("HTTP cannot listen on ", address, ": ", why,
                                             ". Stop the program that holds the port (`ss -ltnp` names it) "
                                             "or choose another with --http_listen=HOST:PORT"));
}

absl::StatusOr<int> ListenOn(const std::string& address) {
  if (const std::string path(UnixPath(address)); !path.empty()) {
    RETURN_IF_ERROR(FreeSocketPath(path, "http_listen=unix:PATH"));
    const int socket = ListenOnSocketPath(path, kBacklog);
    if (socket < 0) return CannotListen(address, std::strerror(errno));
    return socket;
  }
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    return CannotListen(address, gai_strerror(code));
  }
  const auto free_found = absl::MakeCleanup([found] { freeaddrinfo(found); });
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return CannotListen(address, std::strerror(errno));
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, kBacklog) != 0) {
    const std::string why =
        errno == EADDRINUSE ? "the port is taken by another program" : std::strerror(errno);
    close(fd);
    return CannotListen(address, why);
  }
  return fd;
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  char port[NI_MAXSERV] = "0";
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  if (bound.ss_family == AF_UNIX) return 0;
  getnameinfo(reinterpret_cast<sockaddr*>(&bound), size, nullptr, 0, port, sizeof(port), NI_NUMERICSERV);
  int number = 0;
  (void)absl::SimpleAtoi(port, &number);
  return number;
}

// Whether a request through what listens on the socket `listener` is answered with 200.
bool Answers(int listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(listener, reinterpret_cast<sockaddr*>(&bound), &size);
  const int fd = socket(bound.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const absl::Cleanup close_fd = [fd] { close(fd); };
  const timeval longest{kAnswerSeconds, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &longest, sizeof(longest));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &longest, sizeof(longest));
  constexpr absl::string_view kRequest =
      "GET /apis/v2beta1/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  // A wildcard address is this machine's own for who connects to it.
  if (connect(fd, reinterpret_cast<sockaddr*>(&bound), size) != 0 ||
      send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    return false;
  }
  char answer[sizeof("HTTP/1.1 200") - 1];
  return recv(fd, answer, sizeof(answer), MSG_WAITALL) == sizeof(answer) &&
         absl::EndsWith(absl::string_view(answer, sizeof(answer)), " 200");
}

}  // namespace

absl::Status GatewayProcess::AwaitServing() const {
  for (const absl::Time begun = clock_.Now(); !Answers(listener_); Pause(kServingPause)) {
    if (clock_.Now() - begun > kServingWait) {
      return absl::UnavailableError(absl::StrCat("the gateway ", options_.program,
                                                 " was started and does not answer requests on ", address(),
                                                 "; the lines above say why"));
    }
  }
  return absl::OkStatus();
}

std::string GatewayProcess::address() const {
  if (port_ == 0) return options_.listen;
  return absl::StrCat(options_.listen.substr(0, options_.listen.rfind(':')), ":", port_);
}

std::string GatewayProcess::url() const {
  if (port_ == 0) return "";
  return absl::StrCat("http://", HostToConnectTo(options_.listen), ":", port_);
}

absl::StatusOr<std::unique_ptr<GatewayProcess>> GatewayProcess::Listen(GatewayOptions options,
                                                                       const Clock& clock) {
  if (access(options.program.c_str(), X_OK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("the gateway's program ", options.program, " cannot be run: ", std::strerror(errno),
                     ". Build it, name it with --gateway_path, or turn it off: --gateway=off"));
  }
  ASSIGN_OR_RETURN(const int listener, ListenOn(options.listen));
  return std::unique_ptr<GatewayProcess>(
      new GatewayProcess(std::move(options), clock, listener, PortOf(listener)));
}

absl::Status GatewayProcess::Start(std::string server) {
  server_ = std::move(server);
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(Spawn());
  }
  guard_ = std::thread([this] { Guard(); });
  return absl::OkStatus();
}

absl::Status GatewayProcess::Spawn() {
  int pipe_fds[2];
  // The child's input, which ends with this process however it dies, and the child with it.
  if (pipe2(pipe_fds, O_CLOEXEC) != 0) return absl::UnavailableError(std::strerror(errno));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe_fds[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, listener_, kChildListener);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own: Ctrl-C on the terminal reaches the server alone, which then stops the gateway in
  // order.
  // The server blocks the signals that stop it, and the child would inherit that.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);

  std::vector<std::string> arguments = {options_.program,
                                        absl::StrCat("--listen_fd=", kChildListener),
                                        absl::StrCat("--server=", server_),
                                        "--exit_on_stdin_eof",
                                        absl::StrCat("--shutdown_grace=", kRequestGrace),
                                        absl::StrCat("--memory_budget=", options_.memory_bytes),
                                        absl::StrCat("--log_level=", options_.log_level),
                                        absl::StrCat("--log_format=", options_.log_format)};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  const std::vector<char*> environment = EnvironmentForChildren();
  prctl(PR_SET_TIMERSLACK, kChildTimerSlackNanos);  // the child inherits it
  const int code =
      posix_spawn(&pid, options_.program.c_str(), &actions, &attributes, argv.data(), environment.data());
  prctl(PR_SET_TIMERSLACK, 0);  // this thread's own again
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(pipe_fds[0]);
  if (code != 0) {
    close(pipe_fds[1]);
    return absl::UnavailableError(absl::StrCat("the gateway cannot be started: ", std::strerror(code)));
  }
  if (lifeline_ >= 0) close(lifeline_);
  lifeline_ = pipe_fds[1];
  child_ = pid;
  return absl::OkStatus();
}

void GatewayProcess::Guard() {
  absl::Duration pause = kRestartPauseMin;
  absl::MutexLock lock(&mutex_);
  while (true) {
    const pid_t child = child_;
    const absl::Time begun = clock_.Now();
    int status = 0;
    // Not under the lock, which the destructor takes to stop the child.
    mutex_.Unlock();
    const pid_t reaped = waitpid(child, &status, 0);
    mutex_.Lock();
    if (reaped < 0 && errno == EINTR) continue;
    child_ = -1;
    if (stopping_) return;
    if (clock_.Now() - begun > kSteady) pause = kRestartPauseMin;
    spdlog::warn("gateway ended, starting it again exit_code={} signal={}",
                 WIFEXITED(status) ? WEXITSTATUS(status) : -1, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    do {
      mutex_.AwaitWithTimeout(absl::Condition(&stopping_), pause);
      if (stopping_) return;
      pause = std::min(2 * pause, kRestartPauseMax);
    } while (!Spawn().ok());
  }
}

GatewayProcess::~GatewayProcess() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
    if (child_ > 0) kill(child_, SIGTERM);
    const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return child_ < 0; };
    if (!mutex_.AwaitWithTimeout(absl::Condition(&ended), kStopGrace) && child_ > 0) kill(child_, SIGKILL);
  }
  if (guard_.joinable()) guard_.join();
  absl::MutexLock lock(&mutex_);
  if (lifeline_ >= 0) close(lifeline_);
  close(listener_);
  if (const std::string path(UnixPath(options_.listen)); !path.empty()) unlink(path.c_str());
}

}  // namespace penstock
