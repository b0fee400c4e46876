#include "scheduler/recurring/decide.h"

#include "absl/strings/str_cat.h"
#include "common/limits.h"

namespace penstock {
namespace {

// A run that begins within this is in time.
constexpr absl::Duration kInTime = absl::Seconds(10);

class Decider {
 public:
  Decider(const ScheduleView& schedule, absl::Time now) : schedule_(schedule), now_(now) {
    decision_.run_count = schedule.run_count;
  }

  ScheduleDecision Decide() {
    int64_t unfinished = schedule_.unfinished_runs;
    std::optional<absl::Time> slot = schedule_.next_due;
    for (int slots = 0; slot.has_value() && *slot <= now_; ++slots) {
      if (slots == limits::kScheduleSlotsPerPass) break;
      const std::optional<absl::Time> next = schedule_.trigger.Next(*slot);
      if (schedule_.no_catchup && *slot < schedule_.enabled_at && !Waited(*slot)) {
        Pass(*slot, TickDecision::kSkipped, TickReason::kNoCatchup,
             "it was due while the recurring run was disabled");
      } else if (schedule_.no_catchup && next.has_value() && *next <= now_) {
        Pass(*slot, TickDecision::kSkipped,
             Waited(*slot) ? TickReason::kMaxConcurrency : TickReason::kNoCatchup, "");
      } else if (schedule_.refusal.has_value()) {
        Pass(*slot, TickDecision::kRefused, schedule_.refusal->reason, schedule_.refusal->message);
      } else if (unfinished >= schedule_.max_concurrency) {
        Wait(*slot, unfinished);
        break;
      } else {
        Fire(*slot);
        ++unfinished;
      }
      slot = next;
    }
    Flush();
    decision_.next_due = slot;
    return std::move(decision_);
  }

 private:
  bool Waited(absl::Time slot) const { return schedule_.waits && slot == schedule_.next_due; }

  ScheduleTickRow Tick(absl::Time slot, TickDecision decision, TickReason reason) const {
    ScheduleTickRow tick;
    tick.due_at = tick.last_due_at = slot;
    tick.decision = decision;
    tick.reason = reason;
    tick.decided_at = now_;
    return tick;
  }

  void Fire(absl::Time slot) {
    Flush();
    const bool late = now_ - slot > kInTime;
    const TickReason reason = Waited(slot) ? TickReason::kWaited
                              : late       ? TickReason::kLate
                                           : TickReason::kDue;
    ScheduleTickRow tick =
        Tick(slot, reason == TickReason::kDue ? TickDecision::kFired : TickDecision::kCaughtUp, reason);
    tick.run_index = ++decision_.run_count;
    decision_.ticks.push_back(std::move(tick));
  }

  void Wait(absl::Time slot, int64_t unfinished) {
    Flush();
    decision_.waits = true;
    if (Waited(slot)) return;
    ScheduleTickRow tick = Tick(slot, TickDecision::kOverlapped, TickReason::kMaxConcurrency);
    tick.message =
        absl::StrCat(unfinished, " of at most ", schedule_.max_concurrency, " runs are not finished");
    decision_.ticks.push_back(std::move(tick));
  }

  // A slot without a run. There may be very many of them in a row.
  void Pass(absl::Time slot, TickDecision decision, TickReason reason, const std::string& message) {
    if (!passed_.empty() && (passed_.back().decision != decision || passed_.back().reason != reason)) Flush();
    passed_.push_back(Tick(slot, decision, reason));
    passed_.back().message = message;
  }

  void Flush() {
    if (passed_.size() > limits::kScheduleRowsPerPass) {
      passed_.front().last_due_at = passed_.back().due_at;
      passed_.front().slot_count = static_cast<int64_t>(passed_.size());
      passed_.resize(1);
    }
    for (ScheduleTickRow& tick : passed_) decision_.ticks.push_back(std::move(tick));
    passed_.clear();
  }

  const ScheduleView& schedule_;
  const absl::Time now_;
  ScheduleDecision decision_;
  std::vector<ScheduleTickRow> passed_;  // alike
};

}  // namespace

ScheduleDecision DecideSchedule(const ScheduleView& schedule, absl::Time now) {
  return Decider(schedule, now).Decide();
}

}  // namespace penstock
