#include "scheduler/room_keeper.h"

#include <algorithm>

namespace penstock {
namespace {

constexpr size_t kComponentsKnown = 10'000;
// A component that ran long once and is quick since is believed after a few times.
constexpr double kForget = 0.75;
constexpr absl::Duration kFirstRound = absl::Minutes(10);
constexpr absl::Duration kPause = absl::Minutes(10);
constexpr int kRounds = 10;
// What was let in and turns out to take longer than this is in the way like everything else.
constexpr absl::Duration kDrain = absl::Minutes(1);

}  // namespace

void TaskDurations::Ended(const std::string& component, absl::Duration duration) {
  if (by_component_.size() >= kComponentsKnown && !by_component_.contains(component)) by_component_.clear();
  absl::Duration& known = by_component_[component];
  known = std::max(duration, known * kForget);
}

absl::Duration TaskDurations::Expected(const std::string& component) const {
  const auto known = by_component_.find(component);
  return known == by_component_.end() ? absl::ZeroDuration() : known->second;
}

void RoomKeeper::Keep(const std::string& attempt_id, const ResourceRequest& charge,
                      const ResourceRequest& capacity, const std::vector<RoomTaken>& taken, absl::Time now) {
  if (attempt_id != attempt_id_) {
    attempt_id_ = attempt_id;
    since_ = round_began_ = now;
    round_ = 0;
    drained_since_ = absl::InfiniteFuture();
  }
  charge_ = charge;
  capacity_ = capacity;
  TakeTurns(now);
  const bool any_before =
      std::any_of(taken.begin(), taken.end(), [&](const RoomTaken& it) { return it.since < since_; });
  drained_since_ = any_before ? absl::InfiniteFuture() : std::min(drained_since_, now);
  if (now - drained_since_ > kDrain) {
    since_ = now;
    drained_since_ = absl::InfiniteFuture();
  }
  let_in_ = {};
  blocked_for_ = -absl::InfiniteDuration();
  running_.clear();
  for (const RoomTaken& it : taken) {
    absl::Duration& longest = running_[it.component];
    longest = std::max(longest, now - it.since);
    if (it.since < since_) {
      blocked_for_ = std::max(blocked_for_, now - it.since);
    } else {
      Took(it.charge);
    }
  }
}

void RoomKeeper::TakeTurns(absl::Time now) {
  const absl::Duration kept = now - round_began_;
  const absl::Duration round = kFirstRound * (int64_t{1} << round_);
  if (kept >= round + kPause) {
    round_began_ = now;
    round_ = std::min(round_ + 1, kRounds);
  }
  pausing_ = kept >= round && kept < round + kPause;
}

void RoomKeeper::Took(const ResourceRequest& charge) {
  let_in_.cpu_millicores += charge.cpu_millicores;
  let_in_.memory_bytes += charge.memory_bytes;
}

bool RoomKeeper::FitsBeside(const ResourceRequest& charge) const {
  const auto fits = [](int64_t kept, int64_t let_in, int64_t more, int64_t all) {
    return all == 0 || kept + let_in + more <= all;
  };
  return fits(charge_.cpu_millicores, let_in_.cpu_millicores, charge.cpu_millicores,
              capacity_.cpu_millicores) &&
         fits(charge_.memory_bytes, let_in_.memory_bytes, charge.memory_bytes, capacity_.memory_bytes);
}

bool RoomKeeper::Admits(const std::string& component, const ResourceRequest& charge) const {
  if (!keeps() || pausing_ || FitsBeside(charge)) return true;
  const auto running = running_.find(component);
  const absl::Duration so_far = running == running_.end() ? absl::ZeroDuration() : running->second;
  // By half, so that each that is let in shortens what the kept task waits for: all of them together cannot keep
  // it out.
  return std::max(durations_.Expected(component), so_far) <= blocked_for_ / 2;
}

}  // namespace penstock
