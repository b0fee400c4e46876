#include "executor/local/runner/supervisor.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "common/limits.h"
#include "executor/local/runner/unix_socket.h"
#include "executor/posix/process_clock.h"

namespace penstock {
namespace {

constexpr uint64_t kListenerToken = 0;
constexpr uint64_t kSignalToken = 1;
constexpr uint64_t kWarmToken = 2;
constexpr int kEventsPerTurn = 64;
constexpr size_t kMaxClients = 16;
constexpr size_t kReadBytes = size_t{64} << 10;  // of one source in one turn, so that none starves the others
constexpr size_t kClientOutBytes = size_t{64} << 20;  // a client that reads slower than this is dropped
constexpr int64_t kStopGraceMs = 2'000;

bool IsGoodId(const std::string& id) {
  return !id.empty() && id.size() <= static_cast<size_t>(limits::kIdBytes) &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

void LogLine(const std::string& text) {
  std::fprintf(stderr, "%lld %s\n", static_cast<long long>(WallMicros() / 1'000'000), text.c_str());
}

}  // namespace

Supervisor::Supervisor(UniqueFd listener, std::unique_ptr<Journal> journal, std::string directory)
    : listener_(std::move(listener)),
      journal_(std::move(journal)),
      directory_(std::move(directory)),
      warm_(starter_, directory_ + "/warm",
            {.begun =
                 [this](const std::string& id, pid_t pid, pid_t group) {
                   const auto it = attempts_.find(id);
                   if (it != attempts_.end()) Begun(*it->second, pid, group);
                 },
             .given_back =
                 [this](const std::string& id) {
                   const auto it = attempts_.find(id);
                   if (it == attempts_.end()) return;
                   it->second->request.warm.key.clear();
                   LaunchOne(*it->second);
                 },
             .log = LogLine}) {}

Supervisor::~Supervisor() = default;

bool Supervisor::SetUp() {
  sigset_t handled;
  sigemptyset(&handled);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&handled, signal);
  sigset_t blocked = handled;
  // Blocked and never read, so that neither ends it.
  sigaddset(&blocked, SIGHUP);
  sigaddset(&blocked, SIGPIPE);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
  signals_.Reset(signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK));
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  if (!signals_.valid() || !epoll_.valid() || !starter_.valid()) {
    LogLine(std::string("cannot start: ") + std::strerror(errno));
    return false;
  }
  Watch(listener_.get(), EPOLLIN, kListenerToken);
  Watch(signals_.get(), EPOLLIN, kSignalToken);
  Watch(warm_.fd(), EPOLLIN, kWarmToken);
  idle_since_ms_ = MonotonicMillis();
  return true;
}

void Supervisor::Watch(int fd, uint32_t events, Token token) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
    LogLine(std::string("cannot watch a descriptor: ") + std::strerror(errno));
  }
}

void Supervisor::Unwatch(int fd) { epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

int Supervisor::Run() {
  if (!SetUp()) return 1;
  LogLine("supervisor " + std::to_string(getpid()) + " serves " + directory_);
  epoll_event events[kEventsPerTurn];
  // The order of a turn makes the promises of this program. Ends come before deadlines: what ended in time
  // has not timed out. Records come before clients: nobody hears of an end that is not recorded, as long as
  // the disk takes records. And they come before processes: what Launch starts was recorded by the flush.
  while (!exit_) {
    const int count = epoll_wait(epoll_.get(), events, kEventsPerTurn, WaitMs());
    for (int i = 0; i < count; ++i) Dispatch(events[i].data.u64, events[i].events);
    if (children_changed_) Reap();
    FireDeadlines();
    warm_.FireDeadlines();
    FlushJournal();
    Deliver();
    Launch();
    Deliver();
    KillStraysIfDue();
    CheckIdle();
  }
  // Who connects from here on finds nobody and starts another supervisor, which waits for our lock.
  unlink((directory_ + "/" + kRunnerSocketName).c_str());
  LogLine("supervisor " + std::to_string(getpid()) + " ends");
  return 0;
}

int Supervisor::WaitMs() const {
  int64_t until = INT64_MAX;
  if (!deadlines_.empty()) until = deadlines_.begin()->first;
  until = std::min(until, warm_.NextDeadlineMs());
  if (stray_looks_ > 0) until = std::min(until, next_stray_look_ms_);
  if (IsIdle() && clients_.empty()) until = std::min(until, idle_since_ms_ + idle_exit_ms_);
  if (until == INT64_MAX) return -1;
  return static_cast<int>(std::clamp<int64_t>(until - MonotonicMillis(), 0, 3'600'000));
}

void Supervisor::Dispatch(Token token, uint32_t events) {
  if (token == kListenerToken) {
    Accept();
  } else if (token == kSignalToken) {
    HandleSignals();
  } else if (token == kWarmToken) {
    warm_.Handle();
  } else if (const auto it = by_token_.find(token); it != by_token_.end()) {
    if (ReadOutput(*it->second) == OutputRead::kEnd) CloseOutput(*it->second);
  } else if (clients_.count(token) > 0) {
    if ((events & EPOLLOUT) != 0) FlushClient(token);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) ReadClient(token);
  }
}

void Supervisor::HandleSignals() {
  signalfd_siginfo info = {};
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD) {
      children_changed_ = true;
      continue;
    }
    if (stopping_) continue;
    LogLine("told to stop by signal " + std::to_string(info.ssi_signo));
    stopping_ = true;
    for (auto& [id, attempt] : attempts_) {
      attempt->told_to_stop = true;
      attempt->request.grace_ms = std::min(attempt->request.grace_ms, kStopGraceMs);
      EndPolitely(*attempt);
    }
  }
}

// --- Clients ---

void Supervisor::Accept() {
  UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!fd.valid()) return;
  if (!PeerIsSameUser(fd.get()) || clients_.size() >= kMaxClients) {
    LogLine("refused a client");
    return;
  }
  const Token token = next_token_++;
  Watch(fd.get(), EPOLLIN, token);
  clients_[token].fd = std::move(fd);
}

void Supervisor::ReadClient(Token token) {
  static char buffer[kReadBytes];
  const auto it = clients_.find(token);
  if (it == clients_.end()) return;
  Client& client = it->second;
  const ssize_t n = read(client.fd.get(), buffer, sizeof(buffer));
  bool keep = n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
  if (n > 0) {
    client.in.Add(std::string_view(buffer, n));
    std::string_view payload;
    wire::FrameBuffer::Result result = wire::FrameBuffer::Result::kNeedMore;
    while (keep && (result = client.in.Next(&payload)) == wire::FrameBuffer::Result::kFrame) {
      keep = HandleFrame(token, client, payload);
    }
    if (result == wire::FrameBuffer::Result::kTooLarge || !keep) {
      LogLine("closed a client after a frame that makes no sense");
      keep = false;
    }
  }
  if (!keep) {
    Unwatch(client.fd.get());
    clients_.erase(token);
    idle_since_ms_ = MonotonicMillis();
  }
}

// False closes the client.
bool Supervisor::HandleFrame(Token token, Client& client, std::string_view payload) {
  wire::Request request;
  if (client.close_after_send) return true;
  if (!wire::Parse(payload, &request)) return false;
  if (const auto* hello = std::get_if<wire::Hello>(&request)) {
    const bool ok = Greet(client, *hello);
    FlushClient(token);
    return ok;
  }
  if (!client.greeted) return false;
  if (auto* start = std::get_if<wire::StartRequest>(&request)) {
    if (!IsGoodId(start->id)) return false;
    Queue(std::move(*start));
  } else if (const auto* cancel = std::get_if<wire::CancelRequest>(&request)) {
    Cancel(cancel->id);
  } else if (const auto* forget = std::get_if<wire::ForgetRequest>(&request)) {
    for (const std::string& id : forget->ids) journal_->Forget(id);
  } else if (std::holds_alternative<wire::StopIfIdle>(request)) {
    exit_ = IsIdle() && clients_.size() == 1;
    if (!exit_) {
      wire::Append(wire::StillNeeded{}, &client.out);
      FlushClient(token);
    }
  }
  return true;
}

bool Supervisor::Greet(Client& client, const wire::Hello& hello) {
  if (client.greeted) return false;
  wire::Append(wire::Welcome{.pid = getpid(),
                             .complete_since_us = journal_->complete_since_us(),
                             .records_begin = journal_->records_begin()},
               &client.out);
  if (hello.version != wire::kVersion) {
    // A server of another version: make room for a supervisor of its own as soon as nothing runs here.
    LogLine("a client speaks version " + std::to_string(hello.version));
    client.close_after_send = true;
    exit_ = IsIdle() && clients_.size() == 1;
    return true;
  }
  client.greeted = true;
  FlushJournal();  // the snapshot tells ends too
  idle_exit_ms_ = std::clamp<int64_t>(hello.idle_exit_ms, 0, 24 * 3'600'000);
  warm_.SetBudget(hello.warm_bytes);
  SendSnapshot(client);
  return true;
}

void Supervisor::SendSnapshot(Client& client) {
  for (const auto& [id, attempt] : attempts_) {
    // Those that are queued in this very turn are announced when they start.
    if (attempt->pid > 0) wire::Append(wire::Started{.id = id, .at_us = attempt->started_at_us}, &client.out);
  }
  for (const wire::Finished& finished : journal_->finished()) wire::Append(finished, &client.out);
  wire::Append(wire::SnapshotEnd{}, &client.out);
}

void Supervisor::Publish(const wire::Event& event) { wire::Append(event, &outbox_); }

void Supervisor::Deliver() {
  if (outbox_.empty()) return;
  std::vector<Token> tokens;
  for (auto& [token, client] : clients_) {
    if (client.greeted) {
      client.out += outbox_;
      tokens.push_back(token);
    }
  }
  outbox_.clear();
  for (const Token token : tokens) FlushClient(token);
}

void Supervisor::FlushClient(Token token) {
  Client& client = clients_.at(token);
  size_t sent = 0;
  while (sent < client.out.size()) {
    const ssize_t n = send(client.fd.get(), client.out.data() + sent, client.out.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      break;  // no room, or gone: then the read side sees it
    }
    sent += static_cast<size_t>(n);
  }
  client.out.erase(0, sent);
  if (client.out.size() > kClientOutBytes || (client.out.empty() && client.close_after_send)) {
    shutdown(client.fd.get(), SHUT_RDWR);  // seen as an end of file in the next turn
    client.out.clear();
  }
  const bool waits = !client.out.empty();
  if (waits != client.waits_for_room) {
    epoll_event event = {};
    event.events = waits ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.u64 = token;
    epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, client.fd.get(), &event);
    client.waits_for_room = waits;
  }
}

void Supervisor::CheckIdle() {
  if (!IsIdle()) {
    exit_ = false;  // an attempt came in the same turn as the request to stop
  } else if (stopping_) {
    exit_ = true;
  } else if (clients_.empty() && MonotonicMillis() - idle_since_ms_ >= idle_exit_ms_) {
    exit_ = true;
  }
}

}  // namespace penstock
