// The planner: a pure state machine. No I/O, no clock, no threads: the same in gives the same out.
//
// The cost of an event is that of the edges it touches, not of the whole graph.
#pragma once

#include "common/ids.h"
#include "scheduler/plan/types.h"

namespace penstock {

// Advances `run` by one event and returns what that changes. Events that no longer fit (an attempt that is
// not the task's, a task that is not ready) change nothing. Tasks that come into being take their ids from
// `ids`, parents first.
//
// - A task may start when all tasks it waits for have succeeded. A task whose upstream failed, was skipped or
//   was canceled is skipped, and so on downstream; other branches go on. One with the strategy
//   ALL_UPSTREAM_TASKS_COMPLETED starts when all of them have ended, whatever their end.
// - A task with a condition then is skipped if that is false, which is no failure, and FAILED if it is neither
//   true nor false. The condition of a loop decides about the loop as a whole.
// - A task that has an executor then is ready, and starts, or succeeds at once if the cache holds what it would
//   put out. One whose component is a graph is RUNNING at once, and the tasks of the graph come into being; it
//   ends when they have ended: CANCELED if one of them was and that was asked, else FAILED if one of them
//   failed, else SUCCEEDED.
// - A loop is RUNNING at once too. It opens iterations in the order of its items, as many at a time as its limit
//   allows and as long as its run has room; a failed one does not keep the others from running. It ends as a
//   graph does.
// - A failed attempt of a task with a retry policy, or within a task with one, is followed by another after a
//   while; the task is PENDING meanwhile, and RunSnapshot::waking says until when.
// - The run ends when every task is in a final state: CANCELED if that was asked, else FAILED if a task failed,
//   else SUCCEEDED.
// - A run that is retried goes on with what FatesOfRetry says (plan_retry.h).
// - A run with nothing running, nothing ready and nothing that waits for a time, and that has not ended, is a bug
//   here; it is ended as FAILED with INTERNAL, so that no run stays forever.
Decision Step(RunSnapshot& run, const PlanEvent& event, absl::Time now, IdGenerator& ids);

// Derives the counters of `run` from the states of its tasks, after it was read from storage.
void RecountTasks(RunSnapshot& run);

}  // namespace penstock
