// How states and other names stand in columns: as text. A name that this program does not know, which only a
// newer one can have written, is read as the least that may be concluded from it.
#pragma once

#include "absl/strings/string_view.h"
#include "common/ordered_double.h"
#include "common/state.h"
#include "common/tick.h"
#include "common/trigger_spec.h"
#include "storage/db/columns.h"
#include "storage/model.h"

namespace penstock {

inline absl::string_view Name(Direction direction) {
  return direction == Direction::kInput ? "INPUT" : "OUTPUT";
}
inline std::optional<Direction> DirectionFromName(absl::string_view name) {
  if (name == "INPUT") return Direction::kInput;
  if (name == "OUTPUT") return Direction::kOutput;
  return std::nullopt;
}

inline absl::string_view Name(RunDriver driver) { return driver == RunDriver::kEngine ? "ENGINE" : "CLIENT"; }
inline std::optional<RunDriver> RunDriverFromName(absl::string_view name) {
  if (name == "ENGINE") return RunDriver::kEngine;
  if (name == "CLIENT") return RunDriver::kClient;
  return std::nullopt;
}

inline absl::string_view Name(LinkRole role) {
  return role == LinkRole::kOwn ? "OWN" : role == LinkRole::kScope ? "SCOPE" : "CACHE";
}
inline std::optional<LinkRole> LinkRoleFromName(absl::string_view name) {
  for (const LinkRole role : {LinkRole::kOwn, LinkRole::kScope, LinkRole::kCache}) {
    if (Name(role) == name) return role;
  }
  return std::nullopt;
}

inline absl::string_view Name(RemovalState state) {
  constexpr absl::string_view kNames[] = {"WAITING", "RUNNING", "DONE", "FAILED"};
  return kNames[static_cast<int>(state)];
}
inline std::optional<RemovalState> RemovalStateFromName(absl::string_view name) {
  for (const RemovalState state :
       {RemovalState::kWaiting, RemovalState::kRunning, RemovalState::kDone, RemovalState::kFailed}) {
    if (Name(state) == name) return state;
  }
  return std::nullopt;
}

inline absl::string_view Name(RetentionStorage storage) {
  constexpr absl::string_view kNames[] = {"ANY", "AVAILABLE", "ARCHIVED"};
  return kNames[static_cast<int>(storage)];
}
inline std::optional<RetentionStorage> RetentionStorageFromName(absl::string_view name) {
  for (const RetentionStorage storage :
       {RetentionStorage::kAny, RetentionStorage::kAvailable, RetentionStorage::kArchived}) {
    if (Name(storage) == name) return storage;
  }
  return std::nullopt;
}

namespace db {

template <typename Enum, auto FromName, Enum unknown>
struct StoredName {
  static Param Write(Enum value) { return penstock::Name(value); }
  static void Read(const Row& row, int column, Enum* value) {
    *value = FromName(row.Text(column)).value_or(unknown);
  }
};

template <>
struct Stored<StorageState> : StoredName<StorageState, StorageStateFromName, StorageState::kAvailable> {};
template <>
struct Stored<RunState> : StoredName<RunState, RunStateFromName, RunState::kFailed> {};
template <>
struct Stored<TaskState> : StoredName<TaskState, TaskStateFromName, TaskState::kFailed> {};
template <>
struct Stored<WaitReason> : StoredName<WaitReason, WaitReasonFromName, WaitReason::kNone> {};
template <>
struct Stored<TickDecision> : StoredName<TickDecision, TickDecisionFromName, TickDecision::kSkipped> {};
template <>
struct Stored<TickReason> : StoredName<TickReason, TickReasonFromName, TickReason::kDue> {};
template <>
struct Stored<TriggerKind> : StoredName<TriggerKind, TriggerKindFromName, TriggerKind::kOnce> {};
template <>
struct Stored<RunDriver> : StoredName<RunDriver, RunDriverFromName, RunDriver::kClient> {};
template <>
struct Stored<Direction> : StoredName<Direction, DirectionFromName, Direction::kOutput> {};

template <>
struct Stored<LinkRole> : StoredName<LinkRole, LinkRoleFromName, LinkRole::kOwn> {};
template <>
struct Stored<RemovalState> : StoredName<RemovalState, RemovalStateFromName, RemovalState::kWaiting> {};
// Of one that is not known archived runs alone are concerned: the fewest.
template <>
struct Stored<RetentionStorage>
    : StoredName<RetentionStorage, RetentionStorageFromName, RetentionStorage::kArchived> {};
// In an order-preserving form, which has NaN and infinities.
template <>
struct Stored<double> {
  static Param Write(double value) { return OrderOfDouble(value); }
  static void Read(const Row& row, int column, double* value) { *value = DoubleOfOrder(row.Int64(column)); }
};

}  // namespace db
}  // namespace penstock
