// Room in LocalExecutor: who takes how much of the machine, and who gives it back while it needs none.
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "executor/local/local_executor.h"
#include "executor/local/runner/proc_files.h"
#include "executor/posix/process_clock.h"

namespace penstock {
namespace {

constexpr int kIdleTasksPerSlot = 8;
// Looks at one second each, after which an attempt that used little is counted with what it used.
constexpr int kIdleLooks = 3;
// Of a slot: who wants more works.
constexpr int kIdlePercent = 75;
// Counted with at least this much, since what sleeps will want to do something.
constexpr int64_t kIdleMillicores = 50;
// Below it nobody is let in beyond the slots.
constexpr int kMemoryLeftPercent = 10;
constexpr int64_t kWantedForMs = 5'000;
constexpr int64_t kOwedMs = 30'000;
constexpr size_t kParkedMax = 4'096;

}  // namespace

ResourceRequest LocalExecutor::Capacity() const {
  absl::MutexLock lock(&mutex_);
  return slots_.capacity();
}

ResourceRequest LocalExecutor::ChargeOf(const ResourceRequest& request) const {
  absl::MutexLock lock(&mutex_);
  return slots_.Charge(request);
}

RoomUse LocalExecutor::Room() const {
  absl::MutexLock lock(&mutex_);
  RoomUse use;
  use.used = slots_.used();
  for (const auto& [id, attempt] : attempts_) {
    if (attempt.phase == Phase::kFinished || attempt.phase == Phase::kParked) continue;
    use.holders.push_back({id, attempt.charge});
  }
  use.setting = absl::StrCat("--max_parallel_tasks=", options_.max_parallel_tasks);
  return use;
}

bool LocalExecutor::Reserve(absl::string_view attempt_id, const ResourceRequest& request) {
  absl::MutexLock lock(&mutex_);
  const std::string id(attempt_id);
  if (attempts_.count(id) > 0 || unclaimed_.count(id) > 0) return true;
  const ResourceRequest charge = slots_.Charge(request);
  if (IsRoomOwed() || !slots_.Fits(charge) || attempts_.size() >= kAttemptsMax) {
    WantRoom();
    return false;
  }
  slots_.Take(charge);
  attempts_[id] = {.phase = Phase::kReserved, .charge = charge};
  return true;
}

void LocalExecutor::Unreserve(absl::string_view attempt_id) {
  absl::MutexLock lock(&mutex_);
  const std::string id(attempt_id);
  if (ReleaseReservation(id)) DropAnnounced(id);
}

// Whether there was one.
bool LocalExecutor::ReleaseReservation(const std::string& attempt_id) {
  const auto it = attempts_.find(attempt_id);
  if (it == attempts_.end() || it->second.phase != Phase::kReserved) return false;
  slots_.Release(it->second.charge);
  attempts_.erase(it);
  return true;
}

// Those who waited for an environment were here before. But one that wants much may have to wait long: others are kept
// out for its sake half of the time.
bool LocalExecutor::IsRoomOwed() const {
  const int64_t now_ms = MonotonicMillis();
  return std::any_of(parked_.begin(), parked_.end(), [&](const Parked& parked) {
    return parked.wants_room_since_ms > 0 && (now_ms - parked.wants_room_since_ms) / kOwedMs % 2 == 0;
  });
}

void LocalExecutor::WantRoom() {
  if (room_wanted_at_ms_ == 0) Wake();
  room_wanted_at_ms_ = MonotonicMillis();
}

void LocalExecutor::Recharge(Attempt& attempt, int64_t cpu_millicores) {
  if (attempt.charge.cpu_millicores == cpu_millicores) return;
  slots_.Release(attempt.charge);
  attempt.charge.cpu_millicores = cpu_millicores;
  slots_.Take(attempt.charge);
}

// While somebody waits for room: counts attempts that asked for no CPU with what they use, once they have used
// less than a slot for a while. One that begins to work is counted with a slot again at once.
void LocalExecutor::MeasureIfWanted() {
  const int64_t now_ms = MonotonicMillis();
  {
    absl::MutexLock lock(&mutex_);
    if (room_wanted_at_ms_ == 0) return;
    if (now_ms - room_wanted_at_ms_ > kWantedForMs) {
      room_wanted_at_ms_ = 0;
      usage_.Forget();
      return;
    }
  }
  if (now_ms - measured_at_ms_ < kMeasureAgainMs) return;
  measured_at_ms_ = now_ms;
  // Without the lock: these read files.
  const auto usage = usage_.Look();
  const bool has_memory = MemoryLeftPercent() >= kMemoryLeftPercent;
  absl::MutexLock lock(&mutex_);
  const int64_t slots = slots_.capacity().cpu_millicores / Slots::kDefaultCpuMillicores;
  int64_t may_idle = options_.max_idle_tasks >= 0 ? options_.max_idle_tasks : slots * kIdleTasksPerSlot;
  for (auto& [id, attempt] : attempts_) {
    if (!attempt.may_idle || attempt.phase != Phase::kRunning) continue;
    const int64_t slot = slots_.Charge({}).cpu_millicores;
    const auto used = usage.find(id);
    // One that cannot be seen is taken to work.
    const int64_t now_used =
        used == usage.end() ? slot : std::clamp<int64_t>(used->second, std::min(kIdleMillicores, slot), slot);
    if (now_used < slot * kIdlePercent / 100) {
      attempt.used_millicores =
          attempt.idle_looks == 0 ? now_used : std::max(attempt.used_millicores, now_used);
      ++attempt.idle_looks;
    } else {
      attempt.idle_looks = 0;
    }
    const bool idles = has_memory && attempt.idle_looks >= kIdleLooks && may_idle > 0;
    if (idles) --may_idle;
    Recharge(attempt, idles ? attempt.used_millicores : slot);
    if (attempt.idle_looks >= kIdleLooks) attempt.used_millicores = now_used;
  }
}

// Whether another attempt builds the environment already: then this one waits without a process and without room,
// and ResumeParked prepares it again.
bool LocalExecutor::Park(const LaunchSpec& spec, const std::string& env) {
  const bool is_built_by_other = std::any_of(awaiting_env_.begin(), awaiting_env_.end(),
                                             [&](const auto& it) { return it.second == env; });
  Attempt& attempt = attempts_.at(spec.attempt_id);
  if (!is_built_by_other || attempt.cancel_requested || parked_.size() >= kParkedMax) return false;
  slots_.Release(attempt.charge);
  attempt.charge = {};
  attempt.phase = Phase::kParked;
  parked_.push_back({spec, env});
  Wake();
  return true;
}

// The environment could not be built.
void LocalExecutor::FailParked(const std::string& env, absl::string_view why) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(parked_, [&](const Parked& parked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (parked.env != env) return false;
    QueueEnd(parked.spec.attempt_id, wire::Ending::kNotStarted, why);
    return true;
  });
}

// Prepares those again whose environment is there, or whose builder is gone, as far as there is room.
void LocalExecutor::ResumeParked() {
  std::map<std::string, bool> is_built;
  {
    absl::MutexLock lock(&mutex_);
    for (const Parked& parked : parked_) is_built[parked.env] = false;
    for (const auto& [id, env] : awaiting_env_) is_built.erase(env);
  }
  if (is_built.empty()) return;
  // Without the lock: this reads a file.
  for (auto& [env, built] : is_built) built = python_.IsBuilt(env);
  std::vector<std::string> crowded;
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(parked_, [&](Parked& parked) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      const auto found = is_built.find(parked.env);
      if (found == is_built.end()) return false;
      const ResourceRequest charge = slots_.Charge(parked.spec.resources);
      if (!slots_.Fits(charge)) {
        if (parked.wants_room_since_ms == 0) {
          parked.wants_room_since_ms = MonotonicMillis();
          crowded.push_back(parked.spec.attempt_id);
        }
        WantRoom();
        return false;
      }
      slots_.Take(charge);
      Attempt& attempt = attempts_.at(parked.spec.attempt_id);
      attempt.charge = charge;
      attempt.phase = Phase::kPreparing;
      // One that nobody has built it builds: the others wait for it again.
      if (!found->second) is_built.erase(found);
      jobs_.push_back({Job::Kind::kStart, std::move(parked.spec)});
      return true;
    });
  }
  for (std::string& id : crowded) {
    sink_(AttemptWaiting{.attempt_id = std::move(id),
                         .reason = AttemptWait::kUnschedulable,
                         .message = "Its Python environment is built; it waits for a free slot"});
  }
}

}  // namespace penstock
