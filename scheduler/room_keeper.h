// Room on an executor that is kept for a task which has waited for it too long, and who may start meanwhile.
//
// Kept room stands empty, so it is kept only where that brings the task nearer to its start. A task passes
//
//   beside   if both fit: what it takes is not needed;
//   before   if it is expected to end long before what runs anyway and is in the way: the kept task cannot start
//            until that has ended;
//   always   in a pause: room is kept for a while, twice as long each time, and then for a while it is not.
//
// How long a task runs is guessed by those of its component that ran before. Pure: no clock and no executor.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "executor/executor.h"

namespace penstock {

// How long the tasks of a component run, by those that have ended. Forgets when it has seen very many. Not
// thread-safe.
class TaskDurations {
 public:
  void Ended(const std::string& component, absl::Duration duration);
  // Zero for a component of which none has ended.
  absl::Duration Expected(const std::string& component) const;

 private:
  absl::flat_hash_map<std::string, absl::Duration> by_component_;
};

// An attempt that has room.
struct RoomTaken {
  std::string component;
  ResourceRequest charge;
  absl::Time since;
};

// Not thread-safe.
class RoomKeeper {
 public:
  explicit RoomKeeper(const TaskDurations& durations) : durations_(durations) {}

  // Room is kept for `attempt_id`, in place of any other; goes on if it is for the same one. `capacity` is all that
  // the executor has, zero where that has no bound; `taken` who has it now.
  void Keep(const std::string& attempt_id, const ResourceRequest& charge, const ResourceRequest& capacity,
            const std::vector<RoomTaken>& taken, absl::Time now);
  // Nobody waits for room too long.
  void End() { attempt_id_.clear(); }

  bool keeps() const { return !attempt_id_.empty(); }
  const std::string& attempt_id() const { return attempt_id_; }

  // Whether another task may take room. Between two calls of Keep or End.
  bool Admits(const std::string& component, const ResourceRequest& charge) const;
  // One that was admitted has taken it.
  void Took(const ResourceRequest& charge);

 private:
  bool FitsBeside(const ResourceRequest& charge) const;
  void TakeTurns(absl::Time now);

  const TaskDurations& durations_;
  std::string attempt_id_;
  ResourceRequest charge_;
  absl::Time since_;        // what took room later was let in
  absl::Time round_began_;  // of keeping and pausing
  int round_ = 0;
  bool pausing_ = false;
  absl::Time drained_since_ = absl::InfiniteFuture();  // only what was let in is in the way
  // Of the last Keep.
  ResourceRequest capacity_;
  ResourceRequest let_in_;      // taken since then
  absl::Duration blocked_for_;  // how long what is in the way has run at most; negative: nothing is
  absl::flat_hash_map<std::string, absl::Duration> running_;  // by component, the longest so far
};

}  // namespace penstock
