#include "scheduler/attempt_rows.h"

#include "content/uri.h"

namespace penstock {
namespace {

absl::Time OrEpoch(absl::Time time) { return time == absl::InfinitePast() ? absl::UnixEpoch() : time; }

}  // namespace

absl::string_view OutcomeName(AttemptOutcome outcome) {
  switch (outcome) {
    case AttemptOutcome::kSucceeded:
      return "SUCCEEDED";
    case AttemptOutcome::kFailed:
      return "FAILED";
    case AttemptOutcome::kTimedOut:
      return "TIMED_OUT";
    case AttemptOutcome::kCancelled:
      return "CANCELED";
    case AttemptOutcome::kLost:
      return "LOST";
    case AttemptOutcome::kDisrupted:
      return "LOST";  // with TaskAttemptRow::disrupted
  }
  return "LOST";
}

TaskAttemptRow BegunAttempt(const LaunchSpec& spec, absl::string_view executor, absl::Time now) {
  TaskAttemptRow row;
  row.run_id = spec.run_id;
  row.task_id = spec.task_id;
  row.number = spec.attempt_number;
  row.attempt_id = spec.attempt_id;
  row.log_path = WithoutScheme(spec.log_uri);
  row.holder = std::string(executor);
  row.created_at = now;
  return row;
}

TaskAttemptRow EndedAttempt(const AttemptFinished& event, absl::string_view why_outputs_fail) {
  TaskAttemptRow row;
  row.attempt_id = event.attempt_id;
  row.outcome = std::string(OutcomeName(why_outputs_fail.empty() ? event.outcome : AttemptOutcome::kFailed));
  row.disrupted = event.outcome == AttemptOutcome::kDisrupted;
  row.message = why_outputs_fail.empty() ? event.message : std::string(why_outputs_fail);
  row.exit_code = event.exit_code;
  row.signal = event.signal;
  row.log_tail = event.log_tail;
  row.cpu_time = event.cpu_time;
  row.max_rss_bytes = event.max_rss_bytes;
  row.environment = event.environment;
  row.packages = event.packages;
  row.started_at = OrEpoch(event.started_at);
  row.finished_at = OrEpoch(event.finished_at);
  return row;
}

}  // namespace penstock
