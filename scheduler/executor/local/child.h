// Starting one user command. Standard library only. Thread-safe.
#pragma once

#include <sys/types.h>

#include <string>

#include "scheduler/executor/local/wire.h"

namespace penstock {

// Starts `request.argv` in its own session and process group, in `request.work_dir`, with exactly
// `request.env`, no standard input, standard output and error to `output_fd`, default signal dispositions and
// an empty signal mask. argv[0] without a slash is looked up in the request's PATH. Returns the process id,
// which is the group's too, or -1 and in `error` one sentence that names the program.
pid_t StartChild(const wire::StartRequest& request, int null_fd, int output_fd, std::string* error);

}  // namespace penstock
