// What becomes of a recurring run's slots: pure. The same in gives the same out.
//
// Slots are decided in their order, each once. One that is due starts a run. One that was missed is run
// afterwards, or passed over if the schedule does not catch up and a later one is due as well. Where as many
// runs as may be are unfinished the slot waits, and is not lost: with catch-up all that come due meanwhile
// are run one after the other, without it the last of them only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "pipeline/schedule/trigger.h"
#include "storage/model.h"

namespace penstock {

// Why no run can be made.
struct Refusal {
  TickReason reason;
  int error_code;  // google.rpc.Code
  std::string message;
};

struct ScheduleView {
  const Trigger& trigger;
  absl::Time next_due;  // the first slot that is not decided
  int64_t max_concurrency = 1;
  bool no_catchup = false;
  absl::Time enabled_at;  // without catch-up, slots of before start nothing
  int64_t run_count = 0;
  int64_t unfinished_runs = 0;
  bool waits = false;  // next_due has waited already
  std::optional<Refusal> refusal;
};

struct ScheduleDecision {
  std::vector<ScheduleTickRow> ticks;  // without their ids; what is kFired or kCaughtUp starts a run
  std::optional<absl::Time> next_due;  // nothing: it is over
  bool waits = false;                  // for a run to end
  int64_t run_count = 0;
};

// Decides what is due at `now`, at most limits::kScheduleSlotsPerPass slots: if next_due is still due and
// nothing waits, the rest is for the next call.
ScheduleDecision DecideSchedule(const ScheduleView& schedule, absl::Time now);

}  // namespace penstock
