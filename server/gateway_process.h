// The HTTP gateway as a child process: started with the server, restarted if it dies, stopped with it.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"

namespace penstock {

struct GatewayOptions {
  std::string program;
  std::string listen;        // host:port, port 0 takes a free one; or unix:PATH
  int64_t memory_bytes = 0;  // for requests and answers in work
  std::string log_level;
  std::string log_format;
};

// The server itself holds the listening socket and lends it to the child, so that a port that is taken is
// found at once, and requests that come while the child restarts wait instead of failing. The child also
// holds the end of a pipe: it ends when the server does, however that dies. Thread-safe.
class GatewayProcess {
 public:
  // Listens, so that its address is known; requests wait for Start. UNAVAILABLE, with a sentence that names the address
  // or the program, if it cannot.
  static absl::StatusOr<std::unique_ptr<GatewayProcess>> Listen(GatewayOptions options, const Clock& clock);
  // Asks the child to end, then kills it.
  ~GatewayProcess();

  // Starts the child, once, before the server with the gRPC target `server`. UNAVAILABLE if it cannot.
  absl::Status Start(std::string server);

  // Waits until a request through the child to the server is answered well. UNAVAILABLE if that takes too
  // long.
  absl::Status AwaitServing() const;

  int port() const { return port_; }  // 0 without one
  // Where clients reach it: "127.0.0.1:8888" or "unix:PATH".
  std::string address() const;
  // The same as a URL that one can connect to: "http://127.0.0.1:8888"; empty with a socket file, which has none.
  std::string url() const;

 private:
  GatewayProcess(GatewayOptions options, const Clock& clock, int listener, int port)
      : options_(std::move(options)), clock_(clock), listener_(listener), port_(port) {}

  absl::Status Spawn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Guard();

  const GatewayOptions options_;
  const Clock& clock_;
  const int listener_;
  const int port_;

  std::string server_;  // constant after Start
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  pid_t child_ ABSL_GUARDED_BY(mutex_) = -1;
  int lifeline_ ABSL_GUARDED_BY(mutex_) = -1;  // our end of the pipe
  std::thread guard_;
};

}  // namespace penstock
