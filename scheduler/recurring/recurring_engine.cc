#include "scheduler/recurring/recurring_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/schedule/macros.h"
#include "common/schedule/run_name.h"
#include "common/status_macros.h"
#include "scheduler/engine_parts.h"
#include "storage/lease_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_store.h"
#include "storage/schedule_tick_store.h"
#include "storage/spec_store.h"

namespace penstock {

namespace {

constexpr absl::Duration kErrorPause = absl::Milliseconds(500);
constexpr absl::Duration kStandbyPause = absl::Milliseconds(200);  // until this server may lead
constexpr size_t kTicksBetweenTrims = 100;

bool StartsRun(const ScheduleTickRow& tick) {
  return tick.decision == TickDecision::kFired || tick.decision == TickDecision::kCaughtUp;
}

Refusal RefusalOf(TickReason reason, const absl::Status& status) {
  return {reason, static_cast<int>(status.code()), std::string(status.message())};
}

// Whether it is an answer about the schedule, not a database that is away.
bool IsAnswer(const absl::Status& status) { return !engine_internal::IsTransient(status); }

}  // namespace

RecurringEngine::RecurringEngine(Store& store, DocumentCache& documents, const Clock& clock, Metrics& metrics,
                                 RecurringEngineOptions options)
    : store_(store),
      documents_(documents),
      clock_(clock),
      metrics_(metrics),
      options_(std::move(options)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  store_.notifier().Listen(Topic::kRecurringRuns, [this](absl::string_view) { eventfd_write(wake_fd_, 1); });
}

RecurringEngine::~RecurringEngine() {
  store_.notifier().StopListening(Topic::kRecurringRuns);
  close(wake_fd_);
}

void RecurringEngine::Stop() {
  stop_ = true;
  eventfd_write(wake_fd_, 1);
}

void RecurringEngine::Run() {
  while (!stop_) {
    const auto result = RunOnce();
    absl::Duration pause = options_.poll_interval;
    if (!result.ok()) {
      metrics_.engine_errors.Increment();
      if (!absl::IsAborted(result.status()))
        spdlog::error("pass over recurring runs failed: {}", LogValue(result.status().ToString()));
      pause = absl::IsAborted(result.status()) ? absl::ZeroDuration() : kErrorPause;
    } else if (!result->leads) {
      pause = kStandbyPause;
    } else {
      pause = std::clamp(result->wake_at - clock_.Now(), absl::ZeroDuration(), pause);
    }
    // Counts the time that goes by, whatever happens to the clock on the wall.
    const timespec longest = absl::ToTimespec(pause);
    pollfd wait = {wake_fd_, POLLIN, 0};
    ppoll(&wait, 1, &longest, nullptr);
    eventfd_t ignored;
    eventfd_read(wake_fd_, &ignored);
  }
}

absl::StatusOr<RecurringEngine::PassResult> RecurringEngine::RunOnce() {
  const absl::Time now = clock_.Now();
  PassResult result;
  std::vector<DueRecurringRun> due;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(result.leads, LeaseIsHeldBy(tx, kSchedulerLease, options_.holder));
    if (!result.leads) return absl::OkStatus();
    ASSIGN_OR_RETURN(due, RecurringRunsDue(tx, now, options_.schedules_per_pass));
    return absl::OkStatus();
  }));
  if (!result.leads) return result;
  std::map<std::string, Source> latest;
  std::vector<Planned> plans;
  for (const DueRecurringRun& one : due) {
    ASSIGN_OR_RETURN(Planned plan, Plan(one, now, latest));
    plans.push_back(std::move(plan));
  }
  if (!plans.empty()) {
    PassResult written;
    std::vector<std::string> runs;
    RETURN_IF_ERROR(store_.Write([&](db::Tx& tx) { return WriteAll(tx, plans, now, written, runs); }));
    result.ticks = written.ticks;
    result.fired = written.fired;
    metrics_.ticks_decided.Increment(written.ticks);
    metrics_.ticks_fired.Increment(written.fired);
    for (const std::string& run_id : runs) store_.notifier().Notify(Topic::kRuns, run_id);
  }
  result.schedules = static_cast<int>(due.size());
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const auto wake, RecurringRunNextWake(tx));
    result.wake_at = wake.value_or(absl::InfiniteFuture());
    return absl::OkStatus();
  }));
  return result;
}

absl::StatusOr<RecurringEngine::Source> RecurringEngine::LatestVersion(const std::string& pipeline_id) {
  Source source;
  PipelineVersionRow version;
  std::string text;
  const absl::Status read = store_.Read([&](db::Tx& tx) -> absl::Status {
    text.clear();
    ASSIGN_OR_RETURN(version, PipelineVersionLatest(tx, pipeline_id));
    if (documents_.Find(version.spec_sha256) != nullptr) return absl::OkStatus();
    ASSIGN_OR_RETURN(text, SpecGet(tx, version.spec_sha256));
    return absl::OkStatus();
  });
  if (!read.ok()) {
    if (!IsAnswer(read)) return read;
    source.refusal = RefusalOf(TickReason::kNoPipeline, read);
    return source;
  }
  source.pipeline_id = version.pipeline_id;
  source.pipeline_version_id = version.pipeline_version_id;
  source.spec_sha256 = version.spec_sha256;
  source.document = documents_.Find(version.spec_sha256);
  if (source.document == nullptr) {
    auto document = LoadStoredPipeline(text);
    absl::Status status = document.status();
    if (status.ok()) status = CheckSupported(**document);
    if (!status.ok()) {
      source.refusal = RefusalOf(TickReason::kPipelineRefused, status);
      return source;
    }
    documents_.Put(version.spec_sha256, *document);
    source.document = *document;
  }
  return source;
}

absl::StatusOr<RecurringEngine::Source> RecurringEngine::SourceOf(const DueRecurringRun& due,
                                                                  std::map<std::string, Source>& latest) {
  const RecurringRunRow& row = due.row;
  Source source = {row.pipeline_id, row.pipeline_version_id, row.spec_sha256, nullptr, std::nullopt};
  if (!due.has_experiment) {
    source.refusal = Refusal{TickReason::kNoExperiment, static_cast<int>(absl::StatusCode::kNotFound),
                             absl::StrCat("Experiment ", row.experiment_id, " not found")};
    return source;
  }
  if (!row.spec_sha256.empty()) return source;
  auto known = latest.find(row.pipeline_id);
  if (known == latest.end()) {
    ASSIGN_OR_RETURN(Source read, LatestVersion(row.pipeline_id));
    known = latest.emplace(row.pipeline_id, std::move(read)).first;
  }
  source = known->second;
  if (source.refusal.has_value()) return source;
  ASSIGN_OR_RETURN(const Json parameters, ParseJson(row.parameters));
  const absl::Status taken = CheckRunParameters(*source.document, parameters);
  if (!taken.ok()) source.refusal = RefusalOf(TickReason::kParameters, taken);
  return source;
}

absl::StatusOr<RecurringEngine::Planned> RecurringEngine::Plan(const DueRecurringRun& due, absl::Time now,
                                                               std::map<std::string, Source>& latest) {
  const RecurringRunRow& row = due.row;
  Planned plan;
  plan.due = &due;
  const auto trigger = Trigger::Create(row.trigger);
  if (!trigger.ok()) {
    plan.broken = trigger.status();
    return plan;
  }
  ASSIGN_OR_RETURN(plan.source, SourceOf(due, latest));
  const ScheduleView view = {*trigger,      *row.next_due_at,    row.max_concurrency, row.no_catchup,
                             row.run_count, due.unfinished_runs, due.waits,           plan.source.refusal};
  plan.decision = DecideSchedule(view, now);
  return plan;
}

absl::Status RecurringEngine::WriteAll(db::Tx& tx, const std::vector<Planned>& plans, absl::Time now,
                                       PassResult& written, std::vector<std::string>& runs) {
  written = {};
  runs.clear();
  ASSIGN_OR_RETURN(const bool leads, LeaseIsHeldBy(tx, kSchedulerLease, options_.holder));
  if (!leads) return absl::AbortedError("another scheduler has taken the lease over");
  for (const Planned& plan : plans) {
    if (plan.broken.ok()) {
      RETURN_IF_ERROR(Write(tx, plan, now, written, runs));
    } else {
      RETURN_IF_ERROR(RecurringRunFail(tx, plan.due->row.recurring_run_id,
                                       static_cast<int>(plan.broken.code()), plan.broken.message(), now));
    }
  }
  return absl::OkStatus();
}

absl::Status RecurringEngine::Write(db::Tx& tx, const Planned& plan, absl::Time now, PassResult& written,
                                    std::vector<std::string>& runs) {
  RecurringRunRow row = plan.due->row;
  row.next_due_at = plan.decision.next_due;
  row.run_count = plan.decision.run_count;
  for (const ScheduleTickRow& tick : plan.decision.ticks) {
    if (StartsRun(tick)) {
      row.error_code = 0;
      row.error_message.clear();
    } else if (tick.decision == TickDecision::kRefused) {
      row.error_code = plan.source.refusal->error_code;
      row.error_message = plan.source.refusal->message;
    }
  }
  ASSIGN_OR_RETURN(const bool mine, RecurringRunAdvance(tx, *plan.due, row, plan.decision.waits));
  if (!mine) return absl::OkStatus();  // edited meanwhile: looked at again
  for (ScheduleTickRow tick : plan.decision.ticks) {
    tick.recurring_run_id = row.recurring_run_id;
    if (StartsRun(tick))
      tick.run_id = RecurringRunRunId(row.recurring_run_id, RunDisplayName(row.run_name, tick.run_index));
    ASSIGN_OR_RETURN(const bool fresh, ScheduleTickPut(tx, tick));
    if (!fresh) continue;
    ++written.ticks;
    if (!StartsRun(tick)) continue;
    RETURN_IF_ERROR(WriteRun(tx, plan, tick));
    ++written.fired;
    runs.push_back(tick.run_id);
  }
  if (TimeToTrim(row.recurring_run_id, plan.decision.ticks.size()))
    RETURN_IF_ERROR(ScheduleTicksKeep(tx, row.recurring_run_id, limits::kScheduleTicksKept));
  return absl::OkStatus();
}

absl::Status RecurringEngine::WriteRun(db::Tx& tx, const Planned& plan, const ScheduleTickRow& tick) {
  const RecurringRunRow& schedule = plan.due->row;
  RunRow row;
  row.run_id = tick.run_id;
  row.experiment_id = schedule.experiment_id;
  row.display_name = RunDisplayName(schedule.run_name, tick.run_index);
  row.service_account = schedule.service_account.empty() ? kDefaultServiceAccount : schedule.service_account;
  row.pipeline_id = plan.source.pipeline_id;
  row.pipeline_version_id = plan.source.pipeline_version_id;
  row.recurring_run_id = schedule.recurring_run_id;
  row.created_at = tick.decided_at;
  row.scheduled_at = tick.due_at;
  row.finished_at = absl::UnixEpoch();
  RunConfigRow config = {plan.source.spec_sha256, schedule.parameters, schedule.pipeline_root};
  if (absl::StrContains(config.parameters, "[[") || absl::StrContains(config.parameters, "{{")) {
    ASSIGN_OR_RETURN(Json parameters, ParseJson(config.parameters));
    ReplaceMacros(parameters, {tick.run_id, tick.decided_at, tick.due_at, tick.run_index});
    config.parameters = DumpJson(parameters);
  }
  // A version that it is pinned to may have been deleted; its spec is kept for as long as somebody names it.
  const bool pinned = !schedule.spec_sha256.empty();
  const absl::Status inserted = RunInsert(tx, row, config, /*version_must_exist=*/!pinned);
  if (absl::IsAlreadyExists(inserted)) return absl::OkStatus();  // a client made the run of this name before
  if (absl::IsNotFound(inserted)) return absl::AbortedError(inserted.message());
  return inserted;
}

bool RecurringEngine::TimeToTrim(const std::string& recurring_run_id, size_t ticks) {
  size_t& since = ticks_since_trim_[recurring_run_id];
  since += ticks;
  if (since < kTicksBetweenTrims) return false;
  ticks_since_trim_.erase(recurring_run_id);
  return true;
}

}  // namespace penstock
