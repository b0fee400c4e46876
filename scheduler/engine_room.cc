// The engine's room: who has some on the executors, told to those who wait for it.
#include <algorithm>
#include <utility>

#include "common/limits.h"
#include "common/log.h"
#include "scheduler/engine.h"
#include "scheduler/plan/run_tree.h"

namespace penstock {
namespace {

// Often enough to be true when somebody looks, and seldom enough to cost nothing.
constexpr absl::Duration kTellAgain = absl::Seconds(2);

}  // namespace

std::vector<RoomTaken> Engine::RoomTakenAt(int place) const {
  std::vector<RoomTaken> taken;
  for (const auto& [attempt_id, attempt] : attempts_) {
    if (attempt.place == place) taken.push_back({attempt.component, attempt.charge, attempt.begun_at});
  }
  return taken;
}

bool Engine::AnyWaitsForRoom() const {
  for (const auto& [run_id, run] : runs_) {
    for (int place = 0; place < parts_.executors.size(); ++place) {
      if (!run.queue(place).tasks.empty()) return true;
    }
  }
  return false;
}

// Of the first executor: all that a task waits for is told of one.
RoomRow Engine::RoomNow() const {
  const Executor& executor = parts_.executors[0];
  const ResourceRequest capacity = executor.Capacity();
  RoomUse use = executor.Room();
  RoomRow row;
  row.cpu_millicores = capacity.cpu_millicores;
  row.memory_bytes = capacity.memory_bytes;
  row.used_cpu_millicores = use.used.cpu_millicores;
  row.used_memory_bytes = use.used.memory_bytes;
  row.setting = std::move(use.setting);
  const auto holder_of = [&](const ActiveRun& run, int task, const ResourceRequest& charge,
                             absl::Time since) {
    return RoomHolderRow{run.run_id(), PlannedOf(run.snapshot(), task).name, charge.cpu_millicores,
                         charge.memory_bytes, since};
  };
  for (const RoomUse::Holder& holder : use.holders) {
    const auto attempt = attempts_.find(holder.attempt_id);
    const auto run = attempt == attempts_.end() ? runs_.end() : runs_.find(attempt->second.run_id);
    if (run == runs_.end()) continue;
    row.holders.push_back(
        holder_of(run->second, attempt->second.task, holder.charge, attempt->second.begun_at));
  }
  std::sort(row.holders.begin(), row.holders.end(),
            [](const RoomHolderRow& left, const RoomHolderRow& right) {
              return std::make_pair(-left.cpu_millicores, left.since) <
                     std::make_pair(-right.cpu_millicores, right.since);
            });
  if (row.holders.size() > static_cast<size_t>(limits::kStatusNames)) {
    row.holders_left_out = static_cast<int>(row.holders.size()) - limits::kStatusNames;
    row.holders.resize(limits::kStatusNames);
  }
  for (const auto& [run_id, run] : runs_) {
    const StartQueue& queue = run.queue(0);
    if (!queue.next.has_value() || queue.next->spec.attempt_id != dispatchers_[0]->kept_for()) continue;
    row.kept_for = holder_of(run, queue.tasks.front(), queue.next->spec.resources, queue.refused_since);
  }
  return row;
}

// Stores who has room, while somebody waits for some. Without it only a sentence of a status is poorer, so a failure
// is no more than said.
void Engine::TellRoom(absl::Time now) {
  if (now < told_room_at_ + kTellAgain || !AnyWaitsForRoom()) return;
  told_room_at_ = now;
  const absl::Status status = parts_.store.Write([row = RoomNow()](db::Tx& tx) { return RoomPut(tx, row); });
  if (!status.ok()) spdlog::debug("who has room is not stored error={}", LogValue(status.ToString()));
}

}  // namespace penstock
