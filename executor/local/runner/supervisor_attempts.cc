// The half of the supervisor that handles processes; supervisor.cc has the loop and the clients.
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "executor/local/runner/process_scan.h"
#include "executor/local/runner/supervisor.h"
#include "executor/posix/process_clock.h"

namespace penstock {
namespace {

constexpr size_t kPipeBytes = size_t{64}
                              << 10;  // read at once from one attempt, so that none starves the others
constexpr int kStrayLooks = 5;        // one after the other, while a process may still tell whose it is
constexpr int64_t kStrayLookMs = 20;
constexpr int kDrainRounds = 32;  // pipe-fulls read after the main process ended

wire::Finished FinishedFrom(int status, const rusage& usage) {
  wire::Finished finished;
  if (WIFSIGNALED(status)) {
    finished.ending = wire::Ending::kSignaled;
    finished.signal = WTERMSIG(status);
  } else {
    finished.ending = wire::Ending::kExited;
    finished.exit_code = WEXITSTATUS(status);
  }
  finished.cpu_us = (int64_t{usage.ru_utime.tv_sec} + usage.ru_stime.tv_sec) * 1'000'000 +
                    usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  finished.max_rss_bytes = int64_t{usage.ru_maxrss} * 1024;
  return finished;
}

// To the group of an attempt's process, or, before the process has made its group, to itself.
void SignalAttempt(pid_t pid, pid_t group, int signal) {
  if (kill(-group, signal) != 0) kill(pid, signal);
}

// The end of a program as the shell that has started it would end, and what that would write.
std::string AsShellsEnd(wire::Finished* finished, bool dumped_core) {
  constexpr int kSignalExit = 128;
  const int signal = static_cast<int>(finished->signal);
  finished->ending = wire::Ending::kExited;
  finished->exit_code = kSignalExit + signal;
  finished->signal = 0;
  if (signal == SIGINT || signal == SIGPIPE) return "";
  return std::string(strsignal(signal)) + (dumped_core ? " (core dumped)\n" : "\n");
}

wire::Finished NotStarted(std::string message) {
  return {.ending = wire::Ending::kNotStarted, .message = std::move(message)};
}

}  // namespace

void Supervisor::Queue(wire::StartRequest request) {
  if (attempts_.count(request.id) > 0 || journal_->Knows(request.id)) {
    return;  // its events come, or came with the snapshot
  }
  auto attempt = std::make_unique<Attempt>(std::move(request));
  attempt->told_to_stop = stopping_;
  // It gets its process in Launch, after this is on record.
  journal_->BeginStart(attempt->request.id, WallMicros(), BootNanos());
  queued_.push_back(attempt.get());
  attempts_.emplace(attempt->request.id, std::move(attempt));
}

void Supervisor::Cancel(const std::string& id) {
  Reap();  // one that ended by itself before is not cancelled
  const auto it = attempts_.find(id);
  if (it == attempts_.end() || it->second->polite_sent) return;
  it->second->cancelled = true;
  EndPolitely(*it->second);
}

// Starts what was queued in this turn, whose records FlushJournal has written.
void Supervisor::Launch() {
  if (queued_.empty()) return;
  for (Attempt* attempt : std::exchange(queued_, {})) LaunchOne(*attempt);
  FlushJournal();
}

void Supervisor::LaunchOne(Attempt& attempt) {
  std::string error;
  UniqueFd write_end;
  if (attempt.cancelled) return Finish(attempt, {.ending = wire::Ending::kCancelled});
  if (attempt.told_to_stop) return Finish(attempt, NotStarted("The supervisor was told to stop."));
  if (journal_failing_) {
    return Finish(attempt, NotStarted("Its start could not be recorded in " + directory_ +
                                      ": is the disk full? The program was not started."));
  }
  if (LaunchWarm(attempt)) return;
  attempt.program = FindProgram(attempt.request, &error);
  if (attempt.program.empty() || !OpenOutput(attempt, &write_end, &error)) {
    return Finish(attempt, NotStarted(error));
  }
  const pid_t pid = starter_.Start(attempt.request, attempt.program, write_end.get(), by_pid_.size());
  if (pid < 0) {
    return Finish(attempt,
                  NotStarted(std::string("No process could be made: ") + std::strerror(errno) + "."));
  }
  Begun(attempt, pid, pid);
}

// False if it has to start as a fresh process.
bool Supervisor::LaunchWarm(Attempt& attempt) {
  std::string error;
  UniqueFd write_end;
  attempt.is_given = attempt.stands_for_shell = false;
  if (attempt.request.warm.key.empty() || !OpenOutput(attempt, &write_end, &error)) return false;
  attempt.is_given = warm_.Begin(attempt.request, by_pid_.size(), write_end);
  attempt.stands_for_shell = attempt.is_given && attempt.request.warm.command[0] == "sh";
  return attempt.is_given;
}

// It has its process.
void Supervisor::Begun(Attempt& attempt, pid_t pid, pid_t group) {
  attempt.pid = pid;
  attempt.group = group;
  attempt.started_at_us = WallMicros();
  // If this does not reach the records, the process is still found by the attempt's variable.
  journal_->Spawned(attempt.request.id, attempt.pid, BootNanos());
  by_pid_[attempt.pid] = &attempt;
  attempt.token = next_token_++;
  by_token_[attempt.token] = &attempt;
  Watch(attempt.output.get(), EPOLLIN, attempt.token);
  if (attempt.is_given) attempt.log.Append(attempt.request.warm.note);
  // They may have megabytes, and are not needed any more.
  attempt.request.argv = {};
  attempt.request.env = {};
  attempt.request.warm.command = {};
  if (attempt.request.timeout_ms != wire::kNoTimeout) {
    SetDeadline(attempt, MonotonicMillis() + std::max<int64_t>(attempt.request.timeout_ms, 0));
  }
  Publish(wire::Started{.id = attempt.request.id, .at_us = attempt.started_at_us});
  // What was asked for while it was on its way.
  if (attempt.cancelled || attempt.told_to_stop) EndPolitely(attempt);
}

bool Supervisor::OpenOutput(Attempt& attempt, UniqueFd* write_end, std::string* error) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) {
    *error = std::string("No pipe could be made for its output: ") + std::strerror(errno) + ".";
  }
  attempt.output.Reset(ends[0]);
  write_end->Reset(ends[1]);
  return error->empty();
}

// Moves at most one pipe-full to the log.
Supervisor::OutputRead Supervisor::ReadOutput(Attempt& attempt) {
  static char buffer[kPipeBytes];
  const ssize_t n = read(attempt.output.get(), buffer, sizeof(buffer));
  if (n > 0) {
    attempt.log.Append(std::string_view(buffer, n));
    return OutputRead::kSome;
  }
  return n < 0 && (errno == EAGAIN || errno == EINTR) ? OutputRead::kNothingYet : OutputRead::kEnd;
}

void Supervisor::CloseOutput(Attempt& attempt) {
  if (attempt.output.valid() && by_token_.erase(attempt.token) > 0) Unwatch(attempt.output.get());
  attempt.output.Reset();
}

void Supervisor::SetDeadline(Attempt& attempt, int64_t at_ms) {
  ClearDeadline(attempt);
  attempt.deadline = deadlines_.emplace(at_ms, &attempt);
  attempt.has_deadline = true;
}

void Supervisor::ClearDeadline(Attempt& attempt) {
  if (attempt.has_deadline) {
    deadlines_.erase(attempt.deadline);
    attempt.has_deadline = false;
  }
}

void Supervisor::FireDeadlines() {
  while (!deadlines_.empty() && deadlines_.begin()->first <= MonotonicMillis()) {
    Attempt& attempt = *deadlines_.begin()->second;
    ClearDeadline(attempt);
    // The second deadline of an attempt is the end of its grace.
    if (attempt.polite_sent) {
      SignalAttempt(attempt.pid, attempt.group, SIGKILL);
    } else {
      attempt.timed_out = true;
      EndPolitely(attempt);
    }
  }
}

void Supervisor::EndPolitely(Attempt& attempt) {
  if (attempt.pid > 0 && !attempt.polite_sent) {
    attempt.polite_sent = true;
    SignalAttempt(attempt.pid, attempt.group, SIGTERM);
    // In place of that of its time-out.
    SetDeadline(attempt, MonotonicMillis() + std::max<int64_t>(attempt.request.grace_ms, 0));
  }
}

void Supervisor::Reap() {
  children_changed_ = false;
  while (true) {
    siginfo_t info = {};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
    // Who begins as a fork of a warm Python has said so before it can end.
    if (by_pid_.count(info.si_pid) == 0) warm_.Handle();
    const auto it = by_pid_.find(info.si_pid);
    if (it != by_pid_.end()) {
      // Before it is reaped: until then its group's id cannot name another.
      kill(-it->second->group, SIGKILL);
    }
    int status = 0;
    rusage usage = {};
    wait4(info.si_pid, &status, 0, &usage);
    strays_due_ = true;
    if (it != by_pid_.end()) {
      Ended(*it->second, status, usage);
    } else {
      warm_.Reaped(info.si_pid);
    }
  }
}

void Supervisor::Ended(Attempt& attempt, int status, const rusage& usage) {
  // What it wrote last. Bounded: a process that left the group may hold the pipe open and write on.
  for (int round = 0; attempt.output.valid() && round < kDrainRounds; ++round) {
    if (ReadOutput(attempt) != OutputRead::kSome) break;
  }
  wire::Finished finished = FinishedFrom(status, usage);
  // A program may exit with this code, too; only ours leaves a reason.
  if (finished.exit_code == ChildStarter::kFailedExit) {
    if (std::optional<std::string> why = starter_.TakeFailure(attempt.pid, attempt.program)) {
      return Finish(attempt, NotStarted(*std::move(why)));
    }
  }
  if (attempt.is_given) warm_.Ended(attempt.request);
  if (attempt.told_to_stop) {
    finished.ending = wire::Ending::kLost;
    finished.message = "The supervisor was told to stop while it ran.";
  } else if (attempt.timed_out) {
    finished.ending = wire::Ending::kTimedOut;
  } else if (attempt.cancelled) {
    finished.ending = wire::Ending::kCancelled;
  } else if (attempt.stands_for_shell && finished.ending == wire::Ending::kSignaled) {
    attempt.log.Append(AsShellsEnd(&finished, WCOREDUMP(status)));
  }
  Finish(attempt, std::move(finished));
}

// The end of `attempt`, which is gone afterwards.
void Supervisor::Finish(Attempt& attempt, wire::Finished finished) {
  finished.id = attempt.request.id;
  finished.finished_at_us = WallMicros();
  finished.started_at_us = attempt.started_at_us != 0 ? attempt.started_at_us : finished.finished_at_us;
  attempt.log.Close();
  if (attempt.log.error() != 0) {
    std::fprintf(stderr, "%s: %s\n", attempt.request.log_path.c_str(), std::strerror(attempt.log.error()));
  }
  ClearDeadline(attempt);
  CloseOutput(attempt);
  by_pid_.erase(attempt.pid);
  journal_->Finish(finished);
  Publish(finished);
  attempts_.erase(finished.id);
  idle_since_ms_ = MonotonicMillis();
}

void Supervisor::FlushJournal() {
  const bool ok = journal_->Flush();
  if (ok) journal_->CompactIfLarge();
  if (ok == journal_failing_) {
    std::fprintf(stderr, "records %s: %s\n", ok ? "are written again" : "cannot be written",
                 ok ? "" : std::strerror(errno));
    journal_failing_ = !ok;
  }
}

void Supervisor::KillStraysIfDue() {
  if (strays_due_) {
    strays_due_ = false;
    stray_looks_ = kStrayLooks;
  } else if (stray_looks_ == 0 || MonotonicMillis() < next_stray_look_ms_) {
    return;
  }
  const bool some_untold = KillStrays([this](pid_t pid) { return by_pid_.count(pid) > 0; },
                                      [this](const std::string& id) { return attempts_.count(id) > 0; });
  stray_looks_ = some_untold ? stray_looks_ - 1 : 0;
  next_stray_look_ms_ = MonotonicMillis() + kStrayLookMs;
}

}  // namespace penstock
