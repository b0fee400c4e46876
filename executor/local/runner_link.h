// The server's end of the connection to the supervisor.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "executor/local/runner/wire.h"
#include "executor/posix/unique_fd.h"

namespace penstock {

// What the supervisor knew when the connection was made: Started for what runs, Finished for what ended and
// was not forgotten, perhaps followed by the first news of both kinds.
struct RunnerSnapshot {
  wire::Welcome welcome;
  std::vector<wire::Event> events;
};

// Send and Flush may be called by any thread, one at a time; Read by one thread, at the same time as Send.
class RunnerLink {
 public:
  // Connects to the supervisor that serves `directory`, which exists, starting `runner_path` if there is
  // none, and reads the snapshot. Blocks for milliseconds, at worst for about half a minute. UNAVAILABLE with
  // a sentence if there is no supervisor to be had.
  static absl::StatusOr<std::unique_ptr<RunnerLink>> Connect(const std::string& directory,
                                                             const std::string& runner_path,
                                                             const wire::Hello& hello,
                                                             RunnerSnapshot* snapshot);

  // Never blocks: what the socket does not take stays buffered. An error shows as the end of Read.
  void Send(const wire::Request& request);
  void Send(const std::string& frames);
  void Flush();
  bool has_unsent() const { return !out_.empty(); }

  // Appends what has arrived. False when the connection has ended or makes no sense.
  bool Read(std::vector<wire::Event>* events);

  // Asks the supervisor to end if nothing runs and no other server uses it, and waits up to `patience` until
  // its process has exited or it has said no. Nothing can be read afterwards.
  void StopIfIdle(absl::Duration patience);

  int fd() const { return fd_.get(); }
  int64_t runner_pid() const { return pid_; }

 private:
  explicit RunnerLink(UniqueFd fd) : fd_(std::move(fd)) {}
  absl::Status Handshake(const wire::Hello& hello, RunnerSnapshot* snapshot);

  UniqueFd fd_;
  int64_t pid_ = 0;
  UniqueFd process_;
  std::string out_;
  wire::FrameBuffer in_;
};

}  // namespace penstock
