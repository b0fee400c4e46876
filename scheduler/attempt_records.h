// What is recorded of attempts beside their rows: what each was to run, and where it ran. Many attempts share such a
// document, which is stored once; what has been stored lately is known here and costs no statement.
//
// A setup is the same for equal attempts of whatever run: the executor input stays {{$}}, and the ids of run, task and
// attempt, where placeholders put them, stay placeholders:
//
//   {"command": [...], "filled": [positions], "image": "", "variables": {}, "cpu_millicores": 0, "memory_bytes": 0,
//    "accelerators": {}}
//
// `filled` are the positions of the command at which such placeholders may stand.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "executor/attempt_place.h"
#include "scheduler/task_launch.h"
#include "storage/attempt_record_store.h"
#include "storage/store.h"

namespace penstock {

// As they are stored. Pure.
std::string SetupText(const TaskLaunchPlan& plan);
std::string PlaceText(const AttemptPlace& place);

// Not thread-safe: it is its engine's.
class AttemptRecords {
 public:
  // The hash of the document; empty if there is none. One that was not stored lately is new.
  std::string SetupOf(const TaskLaunchPlan& plan, absl::Time now);
  std::string PlaceOf(const std::shared_ptr<const AttemptPlace>& place, absl::Time now);

  // Stores what is new, in the transaction of the rows that name it.
  absl::Status WriteNew(db::Tx& tx, absl::Time now) const;
  // What became of that transaction.
  void Committed() { new_.clear(); }
  void Abandoned();

  // Removes setups that no attempt has any more, a part of them each minute. Costs nothing in between.
  void Sweep(Store& store, absl::Time now);

 private:
  struct Known {
    std::string sha256;
    absl::Time put_at = absl::InfinitePast();
  };
  struct New {
    AttemptText kind;
    std::string sha256;
    std::string text;
  };

  static bool IsFresh(const Known& known, absl::Time now);

  absl::flat_hash_map<std::string, Known> setups_;  // by all that is in them
  int64_t setups_bytes_ = 0;                        // of these keys
  absl::flat_hash_map<std::shared_ptr<const AttemptPlace>, Known> places_;
  std::string key_;  // of the setup that is looked up, kept for its room
  std::vector<New> new_;
  absl::Time swept_at_ = absl::InfinitePast();
  std::string swept_to_;
};

}  // namespace penstock
