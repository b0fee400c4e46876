// Starting user commands. Standard library only. Not thread-safe; for a small, single-threaded process.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "executor/local/runner/wire.h"

namespace penstock {

// The absolute path of `request.argv[0]`: one without a slash is looked up in the request's PATH, a relative
// one means the working directory. Empty, with a sentence in `error` that names the program, if it cannot be
// run.
std::string FindProgram(const wire::StartRequest& request, std::string* error);

// Where processors are free, vfork: it copies nothing of the caller, which is a quarter of what a small command costs.
// But it holds up the caller until the child has got a processor and come as far as exec, which on a busy machine
// halves how many commands a second can be started. There it forks, and copies its page tables, which are small.
class ChildStarter {
 public:
  ChildStarter();
  ~ChildStarter();
  ChildStarter(const ChildStarter&) = delete;
  ChildStarter& operator=(const ChildStarter&) = delete;

  // False if the constructor failed, errno is lost then.
  bool valid() const { return failures_ != nullptr; }

  // Starts `program` as `request.argv` in its own session and process group, in `request.work_dir`, with
  // exactly `request.env`, no standard input, standard output and error to `output_fd`, and an empty signal
  // mask; `descriptors`, at most kDescriptorsMax, become 3 and those behind it. Returns the process id, which is the
  // group's too, or -1 with errno. Whether the program itself could be run shows when the process has ended. `running` is
  // how many of those it started before run.
  pid_t Start(const wire::StartRequest& request, const std::string& program, int output_fd, size_t running,
              const std::vector<int>& descriptors = {});

  // For a process that has ended with exit code kFailedExit: the sentence that says why its program was never
  // run, if so.
  std::optional<std::string> TakeFailure(pid_t pid, const std::string& program);

  static constexpr int kFailedExit = 127;
  static constexpr size_t kDescriptorsMax = 4;

 private:
  // What a child leaves in shared memory when it cannot become the program.
  struct Failure {
    pid_t pid;
    int error;
    bool in_work_dir;
  };

  // The child of vfork has the caller's memory: nothing is allocated here.
  [[noreturn]] void Become(const std::string& work_dir, const std::string& program, char* const* argv,
                           char* const* env, int output_fd, const std::vector<int>& descriptors);
  Failure& FailureOf(pid_t pid) const;

  const size_t processors_;
  int null_fd_ = -1;
  Failure* failures_ = nullptr;
};

}  // namespace penstock
