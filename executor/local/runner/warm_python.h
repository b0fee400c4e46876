// Warm Pythons: for each Python environment in use a process that has started and has imported what the bootstrap of
// KFP's Python components imports (warm_python.py, which is its program). An attempt of such a component is a fork of
// it, and saves the start of the interpreter and these imports.
//
// A warm process never sees an attempt: not its environment, not its code, not its inputs. It makes spares, forks that
// wait. The supervisor leaves the attempt in a file without a name (memfd), writes the number of that file to the
// spares' socket, and the one that reads it becomes the attempt. It says so on the same socket before it runs anything
// of the attempt, and closes it. So once the other ends of the socket are closed, an attempt whose beginning was not
// told has not begun and never will: then it is given back, and starts as a fresh process. Whatever happens to a warm
// process costs no attempt anything but time.
//
// Two sockets of packets lead to each: descriptor 3, on which the packet "n" asks for one more spare, and "s" for one
// that has time to get ready, and descriptor 4:
//
//   W folders                      from the process: it has imported all; these, a line each, have to be watched. The
//                                  answer is a packet on descriptor 3, after which the process looks whether
//                                  anything was changed since it began
//   R packages                     from the process: it is ready; packages imported beforehand with the milliseconds
//                                  that it took
//   H packages                     from the process: these cannot be imported beforehand
//   U why                          from the process: attempts cannot be its forks
//   P PID                          from a spare: it waits
//   REQUEST LOG                    to a spare: numbers of descriptors of the supervisor
//   S ID PID GROUP                 from an attempt: it begins
//   F REQUEST LOG why              from a spare: it could not become the attempt
//
// A spare has left the warm process when it waits: its parent is the supervisor, and it ends with it.
//
// Not thread-safe; for the supervisor's one thread. Standard library only. Times are of the monotonic clock.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "executor/local/runner/child.h"
#include "executor/local/runner/folder_watch.h"
#include "executor/local/runner/wire.h"
#include "executor/posix/unique_fd.h"

namespace penstock {

class WarmPythons {
 public:
  struct Events {
    // The attempt runs as process `pid`, in the process group and session `group`.
    std::function<void(const std::string& id, pid_t pid, pid_t group)> begun;
    // The attempt has not begun and never will: it has to be started in another way.
    std::function<void(const std::string& id)> given_back;
    std::function<void(const std::string& line)> log;
  };

  // `starter` must outlive this object. `report_path` is a file that says which warm processes there are, for people.
  WarmPythons(ChildStarter& starter, std::string report_path, Events events);
  // Ends the warm processes and their spares. Attempts that have begun run on.
  ~WarmPythons();

  // How much memory warm processes may take in all; 0: there are none, and those that there are end.
  void SetBudget(int64_t bytes);

  // Begins the attempt as a fork of the warm process of its environment; `log` is where its output goes. False if
  // there is no such process at this moment; one is started then, if it is worth it. `log` is taken only with true.
  // `running` is how many attempts run already.
  bool Begin(const wire::StartRequest& request, size_t running, UniqueFd& log);
  // The attempt, which began here, has ended. Its work directory is still there, and tells what it has imported.
  void Ended(const wire::StartRequest& request);

  // Readable when there is something to Handle.
  int fd() const { return epoll_.get(); }
  void Handle();
  // A child of the supervisor that is no attempt's has ended.
  void Reaped(pid_t pid);
  // When FireDeadlines has something to do, INT64_MAX: never.
  int64_t NextDeadlineMs() const;
  void FireDeadlines();

 private:
  enum class State { kStarting, kReady, kEnding };

  // An attempt that is for a spare and has not said that it begins.
  struct Given {
    std::string id;
    UniqueFd request;
    UniqueFd log;
    int64_t at_ms = 0;  // when it was given to the spares
  };

  struct Process {
    std::string name;  // unlike any other's
    std::string key;
    State state = State::kStarting;
    pid_t pid = -1;
    bool is_reaped = false;  // its id may name another process
    UniqueFd commands;
    UniqueFd spares;
    UniqueFd output;
    std::vector<std::string> heavy;      // that it was told to import
    std::string imported;                // what it says of that
    std::map<std::string, Given> given;  // by what was written to the spares' socket
    std::deque<Given> waiting;           // for their turn to be given
    std::set<pid_t> idle_spares;
    bool is_cut = false;    // no spare can say any more that it begins
    size_t spares_due = 0;  // not asked for yet
    int64_t attempts = 0;
    int64_t bytes = 0;
    int64_t started_ms = 0;
    int64_t started_at_us = 0;  // wall time, for people
    int64_t used_ms = 0;
  };

  // What is known of an environment, beside its process.
  struct Environment {
    wire::WarmStart start;
    int64_t not_before_ms = 0;                   // after what went wrong
    int failures = 0;                            // in a row
    std::deque<std::vector<std::string>> heavy;  // what the last attempts imported
    std::vector<std::string> useless;            // packages that gain nothing, or cannot be imported
  };

  Process* Find(const std::string& key, State state);
  // Starts a process for the environment, unless one is starting or something speaks against it.
  void StartFor(const std::string& key);
  std::vector<std::string> WorthImporting(const Environment& environment, const Process* now) const;
  void ReadSpares(Process& process);
  void HandlePacket(Process& process, std::string_view packet);
  void WatchFolders(Process& process, std::string_view folders);
  void HandleReady(Process& process, std::string_view packages);
  void HandleUseless(Process& process, std::string_view packages);
  void HandleBegun(Process& process, std::string_view fields);
  void HandleRefused(Process& process, std::string_view fields);
  void ReadOutput(Process& process);
  void ReadChanges();
  // Gives what waits to the spares, as much as they take.
  void GiveNext(Process& process);
  // So many more, and those for which the socket had no room before.
  void MakeSpares(Process& process, size_t count);
  // When its spares, which have had time enough, are killed: one that is stopped would keep what was given to them from
  // being given back. INT64_MAX: never.
  static int64_t SparesDueMs(const Process& process);
  static void KillSpares(Process& process);
  // No spare of it takes another attempt. It is dropped when the last has gone.
  void End(Process& process, const std::string& why);
  // Likewise, and its environment gets no other for a while.
  void Failed(Process& process, const std::string& why);
  void Drop(const std::string& name);
  void KeepBudget();
  void ReportSoon();
  void WriteReport();

  ChildStarter& starter_;
  const std::string report_path_;
  const Events events_;
  UniqueFd epoll_;
  FolderWatch watch_;
  const size_t processors_;
  size_t running_ = 0;  // attempts, when the last one began
  int64_t budget_bytes_ = 0;
  int64_t next_name_ = 1;
  std::map<std::string, std::unique_ptr<Process>> processes_;  // by name
  std::map<int, std::string> by_fd_;
  std::map<std::string, Environment> environments_;  // by key
  int64_t next_look_ms_ = 0;
  int64_t report_due_ms_ = INT64_MAX;
};

}  // namespace penstock
