// A program beside the server that serves gRPC at a unix socket: started when somebody first asks, and again when it has
// died. It ends when its standard input does.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/channel.h"

namespace penstock {

struct SideProgramOptions {
  std::string what;                    // that cannot be had without it, for messages: "Object stores"
  std::string program;                 // absolute path
  std::vector<std::string> arguments;  // with the one that names the socket
  std::string socket_path;  // that it is to serve at; empty: there is no path that is short enough for one
  std::vector<char*> environment;  // ends with a null pointer; lives as long; empty: that of this process
};

// It ends when this process does, however that dies: it holds the end of a pipe. Thread-safe.
class SideProgram {
 public:
  explicit SideProgram(SideProgramOptions options) : options_(std::move(options)) {}
  // Ends it.
  ~SideProgram();
  SideProgram(const SideProgram&) = delete;
  SideProgram& operator=(const SideProgram&) = delete;

  // A channel to it; waits until it answers. UNAVAILABLE, with a sentence, if it cannot be started or does not answer
  // within limits::kSideProgramStartSeconds; the next call tries again.
  absl::StatusOr<std::shared_ptr<grpc::Channel>> Channel();

 private:
  bool IsRunning() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Spawn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Drop() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status CannotStart(absl::string_view why) const;

  const SideProgramOptions options_;
  absl::Mutex mutex_;
  pid_t pid_ ABSL_GUARDED_BY(mutex_) = -1;
  int lifeline_ ABSL_GUARDED_BY(mutex_) = -1;  // our end of the pipe that is its input
  std::shared_ptr<grpc::Channel> channel_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace penstock
