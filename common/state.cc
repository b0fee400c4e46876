#include "common/state.h"

#include <array>
#include <utility>

namespace penstock {
namespace {

template <typename State>
using NameRow = std::pair<State, absl::string_view>;

constexpr std::array<NameRow<RunState>, 6> kRunNames = {{{RunState::kPending, "PENDING"},
                                                         {RunState::kRunning, "RUNNING"},
                                                         {RunState::kSucceeded, "SUCCEEDED"},
                                                         {RunState::kFailed, "FAILED"},
                                                         {RunState::kCanceling, "CANCELING"},
                                                         {RunState::kCanceled, "CANCELED"}}};

constexpr std::array<NameRow<TaskState>, 7> kTaskNames = {{{TaskState::kPending, "PENDING"},
                                                           {TaskState::kRunning, "RUNNING"},
                                                           {TaskState::kSucceeded, "SUCCEEDED"},
                                                           {TaskState::kSkipped, "SKIPPED"},
                                                           {TaskState::kFailed, "FAILED"},
                                                           {TaskState::kCanceling, "CANCELING"},
                                                           {TaskState::kCanceled, "CANCELED"}}};

constexpr std::array<NameRow<WaitReason>, 13> kReasonNames = {
    {{WaitReason::kNone, ""},
     {WaitReason::kUpstream, "WAITING_FOR_UPSTREAM"},
     {WaitReason::kCapacity, "WAITING_FOR_CAPACITY"},
     {WaitReason::kScheduler, "WAITING_FOR_SCHEDULER"},
     {WaitReason::kRetry, "WAITING_FOR_RETRY"},
     {WaitReason::kImage, "WAITING_FOR_IMAGE"},
     {WaitReason::kUnschedulable, "WAITING_FOR_NODE"},
     {WaitReason::kEnvironment, "WAITING_FOR_ENVIRONMENT"},
     {WaitReason::kContent, "WAITING_FOR_CONTENT"},
     {WaitReason::kQuota, "WAITING_FOR_QUOTA"},
     {WaitReason::kVolume, "WAITING_FOR_VOLUME"},
     {WaitReason::kPlatform, "WAITING_FOR_PLATFORM"},
     {WaitReason::kStarting, "WAITING_FOR_START"}}};

constexpr std::array<NameRow<StorageState>, 2> kStorageNames = {
    {{StorageState::kAvailable, "AVAILABLE"}, {StorageState::kArchived, "ARCHIVED"}}};

template <typename State, size_t N>
absl::string_view Find(const std::array<NameRow<State>, N>& rows, State state) {
  for (const auto& [value, name] : rows) {
    if (value == state) return name;
  }
  return "";
}

template <typename State, size_t N>
std::optional<State> Find(const std::array<NameRow<State>, N>& rows, absl::string_view text) {
  for (const auto& [value, name] : rows) {
    if (name == text) return value;
  }
  return std::nullopt;
}

constexpr std::pair<RunState, RunState> kRunMoves[] = {
    {RunState::kPending, RunState::kRunning},    {RunState::kPending, RunState::kFailed},
    {RunState::kPending, RunState::kCanceling},  {RunState::kRunning, RunState::kSucceeded},
    {RunState::kRunning, RunState::kFailed},     {RunState::kRunning, RunState::kCanceling},
    {RunState::kCanceling, RunState::kCanceled}, {RunState::kCanceling, RunState::kFailed},
};

constexpr std::pair<TaskState, TaskState> kTaskMoves[] = {
    {TaskState::kPending, TaskState::kRunning},    {TaskState::kPending, TaskState::kSkipped},
    {TaskState::kPending, TaskState::kFailed},     {TaskState::kPending, TaskState::kCanceled},
    {TaskState::kPending, TaskState::kSucceeded},  // taken from the cache
    {TaskState::kRunning, TaskState::kSucceeded},  {TaskState::kRunning, TaskState::kFailed},
    {TaskState::kRunning, TaskState::kPending},  // its next attempt waits
    {TaskState::kRunning, TaskState::kCanceling},  {TaskState::kRunning, TaskState::kCanceled},
    {TaskState::kCanceling, TaskState::kCanceled}, {TaskState::kCanceling, TaskState::kSucceeded},
    {TaskState::kCanceling, TaskState::kFailed},
};

constexpr std::pair<RunState, RunState> kRunReopenings[] = {
    {RunState::kFailed, RunState::kPending},
    {RunState::kCanceled, RunState::kPending},
};

constexpr std::pair<TaskState, TaskState> kTaskReopenings[] = {
    {TaskState::kFailed, TaskState::kPending},   {TaskState::kCanceled, TaskState::kPending},
    {TaskState::kSkipped, TaskState::kPending},  {TaskState::kSucceeded, TaskState::kPending},
    {TaskState::kFailed, TaskState::kRunning},  // a graph or loop, whose tasks go on
    {TaskState::kCanceled, TaskState::kRunning},
};

template <typename State, size_t N>
bool Contains(const std::pair<State, State> (&moves)[N], State from, State to) {
  for (const auto& move : moves) {
    if (move.first == from && move.second == to) return true;
  }
  return false;
}

}  // namespace

absl::string_view Name(RunState state) { return Find(kRunNames, state); }
absl::string_view Name(TaskState state) { return Find(kTaskNames, state); }
absl::string_view Name(WaitReason reason) { return Find(kReasonNames, reason); }
absl::string_view Name(StorageState state) { return Find(kStorageNames, state); }

std::optional<RunState> RunStateFromName(absl::string_view name) { return Find(kRunNames, name); }
std::optional<TaskState> TaskStateFromName(absl::string_view name) { return Find(kTaskNames, name); }
std::optional<WaitReason> WaitReasonFromName(absl::string_view name) { return Find(kReasonNames, name); }
std::optional<StorageState> StorageStateFromName(absl::string_view name) { return Find(kStorageNames, name); }

bool IsFinal(RunState state) {
  return state == RunState::kSucceeded || state == RunState::kFailed || state == RunState::kCanceled;
}

bool IsFinal(TaskState state) {
  return state == TaskState::kSucceeded || state == TaskState::kSkipped || state == TaskState::kFailed ||
         state == TaskState::kCanceled;
}

bool MayMove(RunState from, RunState to) { return Contains(kRunMoves, from, to); }
bool MayMove(TaskState from, TaskState to) { return Contains(kTaskMoves, from, to); }
bool MayReopen(RunState from, RunState to) { return Contains(kRunReopenings, from, to); }
bool MayReopen(TaskState from, TaskState to) { return Contains(kTaskReopenings, from, to); }

}  // namespace penstock
