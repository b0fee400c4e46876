#include "executor/local/runner_link.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "executor/local/runner/unix_socket.h"
#include "executor/posix/capture.h"

namespace penstock {
namespace {

constexpr absl::Duration kStartPatience = absl::Seconds(15);
constexpr absl::Duration kHandshakePatience = absl::Seconds(10);
// A supervisor may end between the connection and its welcome: then another one is started.
constexpr int kConnectRounds = 5;
constexpr int kServedAlready = 3;
constexpr size_t kReadBytes = size_t{64} << 10;

bool WaitFor(int fd, short events, absl::Duration patience) {
  pollfd waiting = {.fd = fd, .events = events};
  int ready = 0;
  do {
    ready = poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(patience)));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

absl::Status StartRunner(const std::string& directory, const std::string& runner_path) {
  // Its environment is nearly empty, so that tasks do not find the server's secrets in /proc.
  absl::StatusOr<Captured> run =
      RunCaptured({runner_path, absl::StrCat("--directory=", directory)},
                  {"PATH=/usr/local/bin:/usr/bin:/bin"}, STDERR_FILENO, kStartPatience);
  if (!run.ok()) {
    return absl::UnavailableError(
        absl::StrCat("The supervisor of local tasks cannot be started: ", run.status().message(), "."));
  }
  // -1 says nothing, as somebody else may have reaped it: the connection will tell.
  if (run->exit_code != 0 && run->exit_code != kServedAlready && run->exit_code != -1) {
    return absl::UnavailableError(absl::StrCat("The supervisor of local tasks, ", runner_path,
                                               ", failed to start: ", absl::StripAsciiWhitespace(run->text),
                                               "."));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunnerLink>> RunnerLink::Connect(const std::string& directory,
                                                                const std::string& runner_path,
                                                                const wire::Hello& hello,
                                                                RunnerSnapshot* snapshot) {
  absl::Status last = absl::UnavailableError("The supervisor of local tasks ends as soon as it is started.");
  for (int round = 0; round < kConnectRounds; ++round) {
    UniqueFd fd = ConnectIn(directory);
    if (!fd.valid()) {
      RETURN_IF_ERROR(StartRunner(directory, runner_path));
      fd = ConnectIn(directory);
    }
    if (!fd.valid()) {
      last = absl::UnavailableError(absl::StrCat("The supervisor of local tasks cannot be reached in ",
                                                 directory, ": ", std::strerror(errno)));
      continue;
    }
    if (!PeerIsSameUser(fd.get())) {
      return absl::UnavailableError(
          absl::StrCat("The socket in ", directory, " is served by another user: it is not our supervisor."));
    }
    std::unique_ptr<RunnerLink> link(new RunnerLink(std::move(fd)));
    last = link->Handshake(hello, snapshot);
    if (last.ok()) return link;
  }
  return last;
}

absl::Status RunnerLink::Handshake(const wire::Hello& hello, RunnerSnapshot* snapshot) {
  Send(hello);
  *snapshot = {};
  std::vector<wire::Event> events;
  while (true) {
    if (!WaitFor(fd_.get(), POLLIN, kHandshakePatience) || !Read(&events)) {
      return absl::UnavailableError("The supervisor of local tasks does not answer.");
    }
    if (events.empty()) continue;
    if (const auto* welcome = std::get_if<wire::Welcome>(&events.front())) {
      snapshot->welcome = *welcome;
      pid_ = welcome->pid;
      if (welcome->version != wire::kVersion) {
        return absl::UnavailableError(absl::StrCat(
            "A supervisor of another version (", welcome->version, ", this server needs ", wire::kVersion,
            ") still runs tasks; it is process ", pid_, " and ends when they have ended."));
      }
      process_.Reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
    }
    const auto end = std::find_if(events.begin(), events.end(), [](const wire::Event& event) {
      return std::holds_alternative<wire::SnapshotEnd>(event);
    });
    if (end != events.end()) {
      events.erase(end);  // what follows it is news already, and belongs to the rest
      break;
    }
  }
  events.erase(events.begin());
  snapshot->events = std::move(events);
  return absl::OkStatus();
}

void RunnerLink::Send(const wire::Request& request) {
  wire::Append(request, &out_);
  Flush();
}

void RunnerLink::Send(const std::string& frames) {
  out_ += frames;
  Flush();
}

void RunnerLink::Flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t n = send(fd_.get(), out_.data() + sent, out_.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno != EAGAIN) {
      sent = out_.size();  // nobody is there any more; the read side sees it
      break;
    }
    if (n < 0) break;
    sent += static_cast<size_t>(n);
  }
  out_.erase(0, sent);
}

bool RunnerLink::Read(std::vector<wire::Event>* events) {
  char buffer[kReadBytes];
  const ssize_t n = recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (n <= 0) return n < 0 && (errno == EAGAIN || errno == EINTR);
  in_.Add(std::string_view(buffer, n));
  std::string_view payload;
  wire::FrameBuffer::Result result;
  while ((result = in_.Next(&payload)) == wire::FrameBuffer::Result::kFrame) {
    wire::Event event;
    if (!wire::Parse(payload, &event)) return false;
    events->push_back(std::move(event));
  }
  return result != wire::FrameBuffer::Result::kTooLarge;
}

void RunnerLink::StopIfIdle(absl::Duration patience) {
  Send(wire::StopIfIdle{});
  std::vector<wire::Event> events;
  while (WaitFor(fd_.get(), POLLIN, patience)) {
    if (!Read(&events)) {
      if (process_.valid()) WaitFor(process_.get(), POLLIN, patience);
      return;
    }
    for (const wire::Event& event : std::exchange(events, {})) {
      if (std::holds_alternative<wire::StillNeeded>(event)) return;
    }
  }
}

}  // namespace penstock
