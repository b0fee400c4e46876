// Who has room on the executors, as the scheduler saw it last while tasks waited for some.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/db/database.h"

namespace penstock {

struct RoomHolderRow {
  std::string run_id;
  std::string task_name;
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  absl::Time since;
};

struct RoomRow {
  // All there is, and what is taken. Zero: no bound.
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  int64_t used_cpu_millicores = 0;
  int64_t used_memory_bytes = 0;
  std::string setting;                 // which would change it; may be empty
  std::vector<RoomHolderRow> holders;  // the longest first, at most limits::kStatusNames
  int holders_left_out = 0;
  std::optional<RoomHolderRow> kept_for;  // the task that room is kept for, since it waits
};

// In place of what was stored before.
absl::Status RoomPut(db::Tx& tx, const RoomRow& row);
// Nothing if no task ever waited for room. DATA_LOSS if it cannot be read.
absl::StatusOr<std::optional<RoomRow>> RoomGet(db::Tx& tx);

}  // namespace penstock
