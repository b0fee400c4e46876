// What a run that is retried does again.
#pragma once

#include <vector>

#include "scheduler/plan/types.h"

namespace penstock {

enum class RetryFate {
  kKept,    // it succeeded, or no failure kept it from running: it stays as it ended
  kAgain,   // it begins afresh
  kGoesOn,  // a graph or loop that had started: it is open again, for those of its tasks that are not kept
  kGone,    // it is part of a task that begins afresh, which makes its tasks anew
};

// The fate of each task of a run that has ended without success, by number. What failed or was canceled runs
// again, and so does everything downstream of that in the same graph: tasks that were skipped, and tasks that
// had waited for the end of what now ends once more, whatever that was. Pure.
std::vector<RetryFate> FatesOfRetry(const RunSnapshot& run);

}  // namespace penstock
