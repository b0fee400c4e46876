#include "server/convert/recurring_run.h"

#include "common/status_macros.h"
#include "server/convert/plugins.h"
#include "server/convert/run.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/validate.h"

namespace penstock {
namespace {

template <typename Schedule>
absl::Status BoundsFrom(const Schedule& given, TriggerSpec& spec) {
  if (given.has_start_time()) {
    ASSIGN_OR_RETURN(spec.start_at, CheckedTime("trigger.start_time", given.start_time()));
  }
  if (given.has_end_time()) {
    ASSIGN_OR_RETURN(spec.end_at, CheckedTime("trigger.end_time", given.end_time()));
  }
  if (spec.start_at.has_value() && spec.end_at.has_value() && *spec.end_at < *spec.start_at) {
    return error::TriggerEndsBeforeItStarts();
  }
  return absl::OkStatus();
}

template <typename Schedule>
void BoundsToApi(const TriggerSpec& spec, Schedule* out) {
  if (spec.start_at.has_value()) SetTimestamp(*spec.start_at, out->mutable_start_time());
  if (spec.end_at.has_value()) SetTimestamp(*spec.end_at, out->mutable_end_time());
}

void ToApi(const TriggerSpec& spec, api::Trigger* out) {
  if (spec.kind == TriggerKind::kCron) {
    out->mutable_cron_schedule()->set_cron(spec.cron);
    BoundsToApi(spec, out->mutable_cron_schedule());
  } else if (spec.kind == TriggerKind::kInterval) {
    out->mutable_periodic_schedule()->set_interval_second(spec.interval_seconds);
    BoundsToApi(spec, out->mutable_periodic_schedule());
  }
}

penstock::v1::ScheduleTick::Decision ToApi(TickDecision decision) {
  using Tick = penstock::v1::ScheduleTick;
  switch (decision) {
    case TickDecision::kFired:
      return Tick::FIRED;
    case TickDecision::kCaughtUp:
      return Tick::CAUGHT_UP;
    case TickDecision::kOverlapped:
      return Tick::OVERLAPPED;
    case TickDecision::kSkipped:
      return Tick::SKIPPED;
    case TickDecision::kRefused:
      return Tick::REFUSED;
  }
  return Tick::DECISION_UNSPECIFIED;
}

}  // namespace

absl::Status ToApi(const RecurringRunRow& row, api::RecurringRun* out) {
  out->set_recurring_run_id(row.recurring_run_id);
  out->set_display_name(row.display_name);
  out->set_description(row.description);
  out->set_experiment_id(row.experiment_id);
  out->set_namespace_(row.namespace_);
  out->set_service_account(row.service_account);
  out->set_max_concurrency(row.max_concurrency);
  out->set_no_catchup(row.no_catchup);
  out->set_mode(row.enabled ? api::RecurringRun::ENABLE : api::RecurringRun::DISABLE);
  out->set_status(row.enabled ? api::RecurringRun::ENABLED : api::RecurringRun::DISABLED);
  if (!row.pipeline_id.empty()) {
    out->mutable_pipeline_version_reference()->set_pipeline_id(row.pipeline_id);
    out->mutable_pipeline_version_reference()->set_pipeline_version_id(row.pipeline_version_id);
  }
  ToApi(row.trigger, out->mutable_trigger());
  SetTimestamp(row.created_at, out->mutable_created_at());
  SetTimestamp(row.updated_at, out->mutable_updated_at());
  if (row.error_code != 0) {
    out->mutable_error()->set_code(row.error_code);
    out->mutable_error()->set_message(row.error_message);
  }
  ASSIGN_OR_RETURN(api::RuntimeConfig config, RuntimeConfigFrom(row.parameters, row.pipeline_root));
  if (!config.pipeline_root().empty() || !config.parameters().empty()) {
    *out->mutable_runtime_config() = std::move(config);
  }
  return PluginsToApi(row.plugins_input, out->mutable_plugins_input());
}

absl::StatusOr<TriggerSpec> TriggerFrom(const api::Trigger& given, const std::string& time_zone) {
  TriggerSpec spec;
  if (given.has_cron_schedule()) {
    spec.kind = TriggerKind::kCron;
    spec.cron = given.cron_schedule().cron();
    RETURN_IF_ERROR(BoundsFrom(given.cron_schedule(), spec));
  } else if (given.has_periodic_schedule()) {
    spec.kind = TriggerKind::kInterval;
    spec.interval_seconds = given.periodic_schedule().interval_second();
    RETURN_IF_ERROR(BoundsFrom(given.periodic_schedule(), spec));
  }
  spec.time_zone = time_zone;
  return spec;
}

void ToApi(const ScheduleTickRow& row, penstock::v1::ScheduleTick* out) {
  SetTimestamp(row.due_at, out->mutable_due_at());
  SetTimestamp(row.last_due_at, out->mutable_last_due_at());
  SetTimestamp(row.decided_at, out->mutable_decided_at());
  out->set_decision(ToApi(row.decision));
  out->set_reason(std::string(Name(row.reason)));
  out->set_message(row.message);
  out->set_run_id(row.run_id);
  out->set_run_index(row.run_index);
  out->set_slot_count(row.slot_count);
}

}  // namespace penstock
