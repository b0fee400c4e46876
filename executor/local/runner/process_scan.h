// Finding the processes of an attempt that are not, or no more, under the supervisor's hand: by process id
// and start time, and by the variable wire::kAttemptVariable in their environment. Standard library only;
// Linux /proc.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

#include "executor/local/runner/journal.h"

namespace penstock {

// Kills what is left of attempts of an earlier supervisor, and waits up to about two seconds for it to be
// gone. Returns how many processes were found.
int KillLost(const std::vector<LostProcess>& lost);

// Kills those children of this process for which `is_ours` is false and whose attempt `runs` denies: they
// left their session and outlived their attempt. Children without the variable are left alone. Whether one of them shows
// no environment at all: it may be about to become a program, and tell then.
bool KillStrays(const std::function<bool(pid_t)>& is_ours,
                const std::function<bool(const std::string&)>& runs);

}  // namespace penstock
