// The work of penstock-env: one shared Python environment for one attempt, made by whoever comes first.
// Standard library only. Not thread-safe: it forks, and speaks on standard error, which is the attempt's log.
#pragma once

#include <string>

#include "executor/posix/unique_fd.h"
#include "executor/python/env_request.h"
#include "executor/python/env_store.h"

namespace penstock {

// Returns the lock of the complete environment that `request` names, held shared; the environment stays as
// long as a process has it. Builds it first if it is not there; waits while another process does. A build
// that failed while we waited for it is our failure too, and is not tried once more. Invalid, with a sentence
// in `error` that has the last words of pip, if there is no environment.
UniqueFd EnterEnv(const EnvRequest& request, std::string* error);

// What the log of an attempt says of the complete environment that it uses, a line.
std::string UseLine(const EnvRequest& request, const EnvRecord& record, bool was_built);

// Makes the attempt's own environment, with the packages in it: for kOwnKey. False, with a sentence in `error`.
bool InstallForThisAttempt(const EnvRequest& request, std::string* error);

// What pip said last that tells why it failed: its lines of errors, else its last lines. At most
// limits::kEnvLastWordsBytes.
std::string LastWords(const std::string& output);

}  // namespace penstock
