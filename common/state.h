// The states of runs and tasks, and the one table of allowed moves. Their names are KFP's RuntimeState.
#pragma once

#include <optional>

#include "absl/strings/string_view.h"

namespace penstock {

enum class RunState { kPending, kRunning, kSucceeded, kFailed, kCanceling, kCanceled };
enum class TaskState { kPending, kRunning, kSucceeded, kSkipped, kFailed, kCanceling, kCanceled };

// Why something that is not running waits; kept in the row, shown to users.
enum class WaitReason {
  kNone,
  kUpstream,
  kCapacity,
  kScheduler,
  kRetry,
  kImage,          // its image is being brought
  kUnschedulable,  // nothing that it may run on has room for it
  kEnvironment,    // its Python environment is being built
  kContent,        // its inputs are being brought, or its outputs put where they belong
  kQuota,          // a quota of its namespace lets nothing more in
  kVolume,         // a volume, secret or config map is missing, or cannot be mounted
  kPlatform,       // the platform that it is to run on does not answer, or takes nothing more
  kStarting,       // it has a place, where it is being made ready
};

// "PENDING" and so on: the text in SQL and on the wire.
absl::string_view Name(RunState state);
absl::string_view Name(TaskState state);
absl::string_view Name(WaitReason reason);
std::optional<RunState> RunStateFromName(absl::string_view name);
std::optional<TaskState> TaskStateFromName(absl::string_view name);
std::optional<WaitReason> WaitReasonFromName(absl::string_view name);

bool IsFinal(RunState state);
bool IsFinal(TaskState state);

// Whether the table allows the move. A final state allows none.
bool MayMove(RunState from, RunState to);
bool MayMove(TaskState from, TaskState to);

// Whether retrying a run allows the move, which is the only way out of a final state.
bool MayReopen(RunState from, RunState to);
bool MayReopen(TaskState from, TaskState to);

enum class StorageState { kAvailable, kArchived };
absl::string_view Name(StorageState state);
std::optional<StorageState> StorageStateFromName(absl::string_view name);

}  // namespace penstock
