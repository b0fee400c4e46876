#include "scheduler/recurring/recurring_engine.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "common/errors.h"
#include "common/ids.h"
#include "common/limits.h"
#include "common/log.h"
#include "common/status_macros.h"
#include "pipeline/schedule/macros.h"
#include "pipeline/schedule/run_name.h"
#include "pipeline/spec/parameter_defaults.h"
#include "runs/run_verbs.h"
#include "storage/pipeline_store.h"
#include "storage/run_store.h"
#include "storage/schedule_tick_store.h"
#include "storage/spec_store.h"

namespace penstock {

namespace {

constexpr absl::Duration kErrorPause = absl::Milliseconds(500);
constexpr absl::Duration kStandbyPause = absl::Milliseconds(200);  // until this server may lead
constexpr size_t kTicksBetweenTrims = 100;
// What shares statements: schedules, and what their runs take in memory.
constexpr size_t kWrittenTogether = 128;
constexpr size_t kBytesWrittenTogether = size_t{4} << 20;

bool StartsRun(const ScheduleTickRow& tick) {
  return tick.decision == TickDecision::kFired || tick.decision == TickDecision::kCaughtUp;
}

Refusal RefusalOf(TickReason reason, const absl::Status& status) {
  return {reason, static_cast<int>(status.code()), std::string(status.message())};
}

// Whether it is an answer about the schedule, not a database that is away.
bool IsAnswer(const absl::Status& status) { return !error::IsTransient(status); }

}  // namespace

RecurringEngine::RecurringEngine(Store& store, const Lease& lease, DocumentCache& documents,
                                 const Clock& clock, Metrics& metrics, RecurringEngineOptions options)
    : store_(store),
      lease_(lease),
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
      if (!absl::IsAborted(result.status())) {
        spdlog::error("pass over recurring runs failed: {}", LogValue(result.status().ToString()));
      }
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
  const std::optional<int64_t> fence = lease_.fence();
  if (!fence.has_value()) return result;
  std::vector<DueRecurringRun> due;
  RETURN_IF_ERROR(store_.Read([&](db::Tx& tx) -> absl::Status {
    const absl::Status ours = lease_.Check(tx, *fence);
    result.leads = ours.ok();
    if (absl::IsAborted(ours)) return absl::OkStatus();
    RETURN_IF_ERROR(ours);
    ASSIGN_OR_RETURN(due, RecurringRunsDue(tx, now, options_.schedules_per_pass));
    return absl::OkStatus();
  }));
  if (!result.leads) return result;
  std::map<std::string, Source> latest;
  std::vector<Planned> plans;
  for (const DueRecurringRun& one : due) {
    ASSIGN_OR_RETURN(Planned plan, Plan(one, now, &latest));
    plans.push_back(std::move(plan));
  }
  if (!plans.empty()) {
    Written written;
    RETURN_IF_ERROR(WriteRuns(store_, [&](db::Tx& tx, RunHints& hints) {
      return WriteAll(tx, *fence, plans, now, hints, written);
    }));
    result.ticks = written.ticks;
    result.fired = written.fired;
    metrics_.ticks_decided.Increment(result.ticks);
    metrics_.ticks_fired.Increment(result.fired);
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
    source.document = documents_.Find(version.spec_sha256);
    if (source.document != nullptr) return absl::OkStatus();
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
                                                                  std::map<std::string, Source>* latest) {
  const RecurringRunRow& row = due.row;
  Source source = {row.pipeline_id, row.pipeline_version_id, row.spec_sha256, nullptr, std::nullopt};
  if (!due.has_experiment) {
    source.refusal = Refusal{TickReason::kNoExperiment, static_cast<int>(absl::StatusCode::kNotFound),
                             absl::StrCat("Experiment ", row.experiment_id, " not found")};
    return source;
  }
  if (!row.spec_sha256.empty()) return source;
  auto known = latest->find(row.pipeline_id);
  if (known == latest->end()) {
    ASSIGN_OR_RETURN(Source read, LatestVersion(row.pipeline_id));
    known = latest->emplace(row.pipeline_id, std::move(read)).first;
  }
  source = known->second;
  if (source.refusal.has_value()) return source;
  ASSIGN_OR_RETURN(const Json parameters, ParseJson(row.parameters));
  const absl::Status taken = CheckRunParameters(*source.document, parameters);
  if (!taken.ok()) source.refusal = RefusalOf(TickReason::kParameters, taken);
  return source;
}

absl::StatusOr<RecurringEngine::Planned> RecurringEngine::Plan(const DueRecurringRun& due, absl::Time now,
                                                               std::map<std::string, Source>* latest) {
  const RecurringRunRow& row = due.row;
  Planned plan;
  plan.due = &due;
  const auto trigger = Trigger::Create(row.trigger);
  if (!trigger.ok()) {
    plan.broken = trigger.status();
    return plan;
  }
  ASSIGN_OR_RETURN(plan.source, SourceOf(due, latest));
  const ScheduleView view = {*trigger,           *row.next_due_at, row.max_concurrency, row.no_catchup,
                             row.enabled_at,     row.run_count,    due.unfinished_runs, due.waits,
                             plan.source.refusal};
  plan.decision = DecideSchedule(view, now);
  return plan;
}

absl::Status RecurringEngine::WriteAll(db::Tx& tx, int64_t fence, const std::vector<Planned>& plans,
                                       absl::Time now, RunHints& hints, Written& written) {
  written = {};
  RETURN_IF_ERROR(lease_.Check(tx, fence));
  std::vector<const Planned*> together;
  size_t bytes = 0;
  for (const Planned& plan : plans) {
    if (!plan.broken.ok()) {
      RETURN_IF_ERROR(RecurringRunFail(tx, plan.due->row.recurring_run_id,
                                       static_cast<int>(plan.broken.code()), plan.broken.message(), now));
      continue;
    }
    together.push_back(&plan);
    const RecurringRunRow& row = plan.due->row;
    bytes += plan.decision.ticks.size() * (row.parameters.size() + row.plugins_input.size());
    if (together.size() < kWrittenTogether && bytes < kBytesWrittenTogether) continue;
    RETURN_IF_ERROR(WriteTogether(tx, together, hints, written));
    together.clear();
    bytes = 0;
  }
  return WriteTogether(tx, together, hints, written);
}

absl::Status RecurringEngine::WriteTogether(db::Tx& tx, Plans plans, RunHints& hints, Written& written) {
  std::vector<RecurringRunMove> moves;
  for (const Planned* plan : plans) moves.push_back(MoveOf(*plan));
  std::vector<bool> moved;
  RETURN_IF_ERROR(RecurringRunsAdvance(tx, moves, &moved));
  std::vector<const Planned*> mine;  // the others were edited meanwhile, and are looked at again
  for (size_t i = 0; i < plans.size(); ++i) {
    if (moved[i]) mine.push_back(plans[i]);
  }
  RETURN_IF_ERROR(WriteTicks(tx, mine, hints, written));
  for (const Planned* plan : mine) {
    const std::string& id = plan->due->row.recurring_run_id;
    if (TimeToTrim(id, plan->decision.ticks.size())) {
      RETURN_IF_ERROR(ScheduleTicksKeep(tx, id, limits::kScheduleTicksKept));
    }
  }
  return absl::OkStatus();
}

RecurringRunMove RecurringEngine::MoveOf(const Planned& plan) {
  const RecurringRunRow& row = plan.due->row;
  RecurringRunMove move = {plan.due,       plan.decision.next_due, plan.decision.run_count,
                           row.error_code, row.error_message,      plan.decision.waits};
  for (const ScheduleTickRow& tick : plan.decision.ticks) {
    if (StartsRun(tick)) {
      move.error_code = 0;
      move.error_message.clear();
    } else if (tick.decision == TickDecision::kRefused) {
      move.error_code = plan.source.refusal->error_code;
      move.error_message = plan.source.refusal->message;
    }
  }
  return move;
}

// Ticks, and the runs of those that start one.
absl::Status RecurringEngine::WriteTicks(db::Tx& tx, Plans plans, RunHints& hints, Written& written) {
  std::vector<ScheduleTickRow> ticks;
  std::vector<const Planned*> plan_of;  // by tick
  for (const Planned* plan : plans) {
    const RecurringRunRow& row = plan->due->row;
    for (ScheduleTickRow tick : plan->decision.ticks) {
      tick.recurring_run_id = row.recurring_run_id;
      if (StartsRun(tick)) {
        tick.run_id = RecurringRunRunId(row.recurring_run_id, RunDisplayName(row.run_name, tick.run_index));
      }
      ticks.push_back(std::move(tick));
      plan_of.push_back(plan);
    }
  }
  std::vector<bool> stored;
  RETURN_IF_ERROR(ScheduleTicksPut(tx, ticks, &stored));
  std::vector<RunToMake> made;
  for (size_t i = 0; i < ticks.size(); ++i) {
    if (!stored[i]) continue;
    ++written.ticks;
    if (!StartsRun(ticks[i])) continue;
    ASSIGN_OR_RETURN(RunToMake run, RunOf(*plan_of[i], ticks[i]));
    made.push_back(std::move(run));
    ++written.fired;
  }
  std::vector<RunToInsert> runs;
  for (const RunToMake& run : made) runs.push_back({run.row, run.config, run.version_must_exist});
  std::vector<absl::Status> outcomes;
  RETURN_IF_ERROR(RunsCreate(tx, runs, hints, &outcomes));
  for (const absl::Status& outcome : outcomes) {
    if (absl::IsNotFound(outcome)) return absl::AbortedError(outcome.message());
    // A client may have made the run of this name before.
    if (!outcome.ok() && !absl::IsAlreadyExists(outcome)) return outcome;
  }
  return absl::OkStatus();
}

absl::StatusOr<RecurringEngine::RunToMake> RecurringEngine::RunOf(const Planned& plan,
                                                                  const ScheduleTickRow& tick) const {
  const RecurringRunRow& schedule = plan.due->row;
  RunToMake run;
  run.row.run_id = tick.run_id;
  run.row.experiment_id = schedule.experiment_id;
  run.row.display_name = RunDisplayName(schedule.run_name, tick.run_index);
  run.row.service_account =
      schedule.service_account.empty() ? kDefaultServiceAccount : schedule.service_account;
  run.row.pipeline_id = plan.source.pipeline_id;
  run.row.pipeline_version_id = plan.source.pipeline_version_id;
  run.row.recurring_run_id = schedule.recurring_run_id;
  run.row.created_at = tick.decided_at;
  run.row.scheduled_at = tick.due_at;
  run.row.finished_at = absl::UnixEpoch();
  run.config.spec_sha256 = plan.source.spec_sha256;
  run.config.parameters = schedule.parameters;
  // A schedule's own root was checked when that was given; it is used as it was.
  run.config.pipeline_root = schedule.pipeline_root;
  if (run.config.pipeline_root.empty()) {
    const std::string of_pipeline =
        plan.source.document != nullptr ? plan.source.document->spec.default_pipeline_root() : "";
    ASSIGN_OR_RETURN(run.config.pipeline_root, options_.pipeline_roots.Choose("", of_pipeline));
  }
  run.config.plugins_input = schedule.plugins_input;
  run.config.cache_enabled = schedule.cache_enabled;
  run.config.cache_max_age = schedule.cache_max_age;
  if (absl::StrContains(schedule.parameters, "[[") || absl::StrContains(schedule.parameters, "{{")) {
    ASSIGN_OR_RETURN(Json parameters, ParseJson(schedule.parameters));
    ReplaceMacros({tick.run_id, tick.decided_at, tick.due_at, tick.run_index}, &parameters);
    run.config.parameters = DumpJson(parameters);
  }
  if (plan.source.document != nullptr) {
    run.config.parameter_defaults = ParameterDefaults(*plan.source.document);
  }
  // A version that it is pinned to may have been deleted; its spec is kept for as long as somebody names it.
  run.version_must_exist = schedule.spec_sha256.empty();
  return run;
}

bool RecurringEngine::TimeToTrim(const std::string& recurring_run_id, size_t ticks) {
  size_t& since = ticks_since_trim_[recurring_run_id];
  since += ticks;
  if (since < kTicksBetweenTrims) return false;
  ticks_since_trim_.erase(recurring_run_id);
  return true;
}

}  // namespace penstock
