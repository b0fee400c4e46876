// The heart of penstock-runner: one thread around epoll that starts attempts, keeps their logs, enforces
// time-outs and cancellations, records what happened and tells its clients.
//
// Order that makes an attempt run at most once: `started` is recorded before its process is made, `finished`
// before any client is told. An attempt id that is in the records is never started again.
//
// Not thread-safe; one per process (it reaps every child and uses signals). Standard library only.
#pragma once

#include <sys/resource.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "executor/local/runner/child.h"
#include "executor/local/runner/journal.h"
#include "executor/local/runner/log_sink.h"
#include "executor/local/runner/warm_python.h"
#include "executor/local/runner/wire.h"
#include "executor/posix/unique_fd.h"

namespace penstock {

class Supervisor {
 public:
  // `listener` is the socket of unix_socket.h; `journal` is open. Owns both.
  Supervisor(UniqueFd listener, std::unique_ptr<Journal> journal, std::string directory);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Serves until it is idle for long enough, told to stop while idle, or signalled (SIGTERM, SIGINT: every
  // attempt is ended and recorded as lost). Blocks these signals and SIGCHLD in this process. Returns the
  // exit code.
  int Run();

 private:
  using Token = uint64_t;  // names an epoll source; never used twice, so that a late event finds nothing

  struct Attempt {
    explicit Attempt(wire::StartRequest start)
        : request(std::move(start)), log(request.log_path, request.log_limit_bytes) {}

    wire::StartRequest request;  // argv and env are dropped after the start
    std::string program;         // what argv[0] was found to be
    pid_t pid = -1;
    pid_t group = -1;       // of its processes
    bool is_given = false;  // to a warm Python
    bool stands_for_shell =
        false;  // its process is a fork of a warm Python, where else one of a shell would be
    Token token = 0;
    UniqueFd output;  // read end of the pipe that is its standard output and error
    LogSink log;
    int64_t started_at_us = 0;
    bool cancelled = false;
    bool timed_out = false;
    bool told_to_stop = false;  // the supervisor itself was
    bool polite_sent = false;
    std::multimap<int64_t, Attempt*>::iterator deadline;
    bool has_deadline = false;
  };

  enum class OutputRead { kSome, kNothingYet, kEnd };

  struct Client {
    UniqueFd fd;
    wire::FrameBuffer in;
    std::string out;
    bool greeted = false;
    bool waits_for_room = false;  // EPOLLOUT is asked for
    bool close_after_send = false;
  };

  bool SetUp();
  void Watch(int fd, uint32_t events, Token token);
  // Before closing: a child between fork and exec still holds the descriptor, and epoll would go on reporting
  // it.
  void Unwatch(int fd);
  int WaitMs() const;
  void Dispatch(Token token, uint32_t events);

  // Clients.
  void Accept();
  void ReadClient(Token token);
  bool HandleFrame(Token token, Client& client, std::string_view payload);
  bool Greet(Client& client, const wire::Hello& hello);
  void SendSnapshot(Client& client);
  void Publish(const wire::Event& event);
  void FlushClient(Token token);
  void Deliver();

  // Attempts.
  void Queue(wire::StartRequest request);
  void Cancel(const std::string& id);
  void Launch();
  void LaunchOne(Attempt& attempt);
  bool LaunchWarm(Attempt& attempt);
  void Begun(Attempt& attempt, pid_t pid, pid_t group);
  bool OpenOutput(Attempt& attempt, UniqueFd* write_end, std::string* error);
  OutputRead ReadOutput(Attempt& attempt);
  void CloseOutput(Attempt& attempt);
  void SetDeadline(Attempt& attempt, int64_t at_ms);
  void ClearDeadline(Attempt& attempt);
  void FireDeadlines();
  void EndPolitely(Attempt& attempt);
  void Reap();
  void Ended(Attempt& attempt, int status, const rusage& usage);
  void Finish(Attempt& attempt, wire::Finished finished);
  void HandleSignals();
  void KillStraysIfDue();
  void FlushJournal();
  bool IsIdle() const { return attempts_.empty(); }
  void CheckIdle();

  UniqueFd listener_;
  UniqueFd epoll_;
  UniqueFd signals_;
  ChildStarter starter_;
  std::unique_ptr<Journal> journal_;
  const std::string directory_;
  WarmPythons warm_;

  Token next_token_ = 16;
  std::unordered_map<std::string, std::unique_ptr<Attempt>> attempts_;
  std::unordered_map<pid_t, Attempt*> by_pid_;
  std::unordered_map<Token, Attempt*> by_token_;
  std::vector<Attempt*> queued_;
  std::multimap<int64_t, Attempt*> deadlines_;  // milliseconds of the monotonic clock
  std::unordered_map<Token, Client> clients_;
  std::string outbox_;  // events of this turn, for every greeted client

  bool children_changed_ = false;
  bool strays_due_ = false;
  int stray_looks_ = 0;  // that are still to come
  int64_t next_stray_look_ms_ = 0;
  bool stopping_ = false;
  bool exit_ = false;
  bool journal_failing_ = false;
  int64_t idle_exit_ms_ = 30'000;
  int64_t idle_since_ms_ = 0;
};

}  // namespace penstock
