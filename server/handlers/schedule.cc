#include "server/handlers/schedule.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "google/protobuf/util/field_mask_util.h"
#include "pipeline/schedule/cron.h"
#include "pipeline/schedule/trigger.h"
#include "server/convert/recurring_run.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/handlers/list.h"
#include "server/handlers/pipeline_source.h"
#include "server/handlers/recurring_run.h"
#include "server/validate.h"
#include "storage/recurring_run_store.h"
#include "storage/schedule_tick_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

using google::protobuf::util::FieldMaskUtil;

constexpr int kPreviewTicksDefault = 10;
constexpr absl::string_view kEditable[] = {
    "display_name",   "description",     "pipeline_spec",   "pipeline_version_reference",
    "runtime_config", "service_account", "max_concurrency", "trigger",
    "mode",           "no_catchup",      "plugins_input"};

std::string ZoneName(const absl::TimeZone& zone) { return zone.name(); }

absl::Status ScheduleToApi(db::Tx& tx, const RecurringRunRow& row, penstock::v1::Schedule* reply) {
  RETURN_IF_ERROR(RecurringRunsToApi(tx, {row}, [reply] { return reply->mutable_recurring_run(); }));
  reply->set_run_count(row.run_count);
  if (row.next_due_at.has_value()) SetTimestamp(*row.next_due_at, reply->mutable_next_due_at());
  const auto trigger = Trigger::Create(row.trigger);
  if (!trigger.ok()) return absl::OkStatus();  // the recurring run's error says so
  reply->set_time_zone(ZoneName(trigger->zone()));
  reply->set_most_runs_an_hour(trigger->MostInAnHour());
  return absl::OkStatus();
}

// The path as far as it goes through messages with fields of their own: a map, a Struct or a time is changed as a whole,
// whatever of it the gateway has found in the body. Nothing for a path that leads to no field.
std::optional<std::string> FieldPath(const std::string& path) {
  const google::protobuf::Descriptor* message = api::RecurringRun::descriptor();
  std::vector<std::string> names;
  for (const absl::string_view name : absl::StrSplit(path, '.')) {
    const auto* field = message->FindFieldByName(std::string(name));
    if (field == nullptr) return std::nullopt;
    names.emplace_back(name);
    message = field->message_type();
    const bool is_ours = message != nullptr && message->file()->package() != "google.protobuf";
    if (field->is_repeated() || !is_ours) {
      const bool ends = message != nullptr ||
                        names.size() == static_cast<size_t>(std::count(path.begin(), path.end(), '.') + 1);
      return ends ? std::optional(absl::StrJoin(names, ".")) : std::nullopt;
    }
  }
  return absl::StrJoin(names, ".");
}

// The fields of a recurring run that a request changes, as a whole or in part.
absl::StatusOr<std::set<std::string>> ChangedFields(const penstock::v1::UpdateRecurringRunRequest& request) {
  std::set<std::string> fields;
  for (const std::string& path : request.update_mask().paths()) {
    const std::string field = path.substr(0, path.find('.'));
    if (field == "recurring_run_id") continue;  // it names the recurring run
    if (std::find(std::begin(kEditable), std::end(kEditable), field) == std::end(kEditable)) {
      return error::RecurringRunFieldFixed(field, kEditable);
    }
    if (!FieldPath(path).has_value()) return error::UpdateMaskUnknown(path);
    fields.insert(field);
  }
  if (fields.empty() && !request.has_time_zone()) return error::UpdateMaskEmpty();
  return fields;
}

// What is left out when a recurring run is created means something; when it is edited it is a mistake.
absl::Status CheckNoAccident(const api::RecurringRun& given, const std::set<std::string>& changed) {
  if (changed.count("trigger") > 0 && given.trigger().trigger_case() == api::Trigger::TRIGGER_NOT_SET) {
    return error::FieldRequired("trigger", "give a cron_schedule or a periodic_schedule, or leave it out");
  }
  if (changed.count("mode") > 0 && given.mode() == api::RecurringRun::MODE_UNSPECIFIED) {
    return error::FieldRequired("mode", "give ENABLE or DISABLE, or leave it out");
  }
  return absl::OkStatus();
}

// What the client would have sent to create the recurring run as it is, with the changes: of a path within a field only
// that part.
absl::StatusOr<api::RecurringRun> Merged(const RecurringRunRow& row,
                                         const penstock::v1::UpdateRecurringRunRequest& request) {
  api::RecurringRun merged;
  RETURN_IF_ERROR(ToApi(row, &merged));
  FieldMaskUtil::MergeOptions options;
  options.set_replace_message_fields(true);
  options.set_replace_repeated_fields(true);
  google::protobuf::FieldMask mask;
  for (const std::string& path : request.update_mask().paths()) {
    mask.add_paths(FieldPath(path).value_or(path));
  }
  FieldMaskUtil::MergeMessageTo(request.recurring_run(), mask, options, &merged);
  return merged;
}

bool ChangesSource(const std::set<std::string>& changed) {
  return changed.count("pipeline_spec") + changed.count("pipeline_version_reference") +
             changed.count("runtime_config") >
         0;
}

// Parameters for a pipeline that stays.
absl::Status ReadParameters(RequestContext& context, const api::RecurringRun& merged, RecurringRunRow& row) {
  std::shared_ptr<const PipelineDocument> document;
  if (row.spec_sha256.empty()) {
    ASSIGN_OR_RETURN(const PipelineSource source,
                     ResolvePipeline(context, merged.pipeline_version_reference(), nullptr));
    document = source.document;
  } else {
    ASSIGN_OR_RETURN(document, StoredDocument(context, row.spec_sha256));
  }
  ASSIGN_OR_RETURN(row.parameters, ParametersText(merged.runtime_config(), *document));
  ASSIGN_OR_RETURN(row.pipeline_root,
                   context.deps.pipeline_roots.Named(
                       merged.runtime_config().pipeline_root(),
                       row.spec_sha256.empty() ? "" : document->spec.default_pipeline_root()));
  return absl::OkStatus();
}

// An edited trigger counts from now: what was before is not made up for.
absl::Status ReadNewTrigger(const penstock::v1::UpdateRecurringRunRequest& request,
                            const api::RecurringRun& merged, absl::Time now, RecurringRunRow& row) {
  const bool still_cron = merged.trigger().has_cron_schedule() && row.trigger.kind == TriggerKind::kCron;
  ScheduleOptions options{request.time_zone(), request.force()};
  if (!request.has_time_zone() && still_cron) {
    options.time_zone = row.trigger.time_zone;
    const auto cron = Cron::Parse(merged.trigger().cron_schedule().cron());
    if (cron.ok() && !cron->zone_name().empty()) options.time_zone.clear();
  }
  RETURN_IF_ERROR(ReadTrigger(merged, options, now, row));
  if (row.trigger.kind == TriggerKind::kOnce || !row.next_due_at.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Trigger trigger, Trigger::Create(row.trigger));
  row.next_due_at = trigger.FirstAfter(now, *row.next_due_at);
  return absl::OkStatus();
}

absl::StatusOr<RecurringRunRow> StoredRow(RequestContext& context, const std::string& recurring_run_id) {
  RecurringRunRow row;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(row, RecurringRunGet(tx, recurring_run_id));
    return absl::OkStatus();
  }));
  return row;
}

// The trigger to preview and its next slot; nothing if there is none.
absl::StatusOr<Trigger> PreviewTrigger(RequestContext& context,
                                       const penstock::v1::PreviewScheduleRequest& request, absl::Time now,
                                       std::optional<absl::Time>* next) {
  if (request.recurring_run_id().empty()) {
    ASSIGN_OR_RETURN(const TriggerSpec spec, TriggerFrom(request.trigger(), request.time_zone()));
    if (spec.kind == TriggerKind::kOnce) return error::PreviewWithoutSlots();
    ASSIGN_OR_RETURN(Trigger trigger, Trigger::Create(spec));
    *next = trigger.First(now);
    return trigger;
  }
  if (request.has_trigger() || !request.time_zone().empty()) return error::PreviewOfTwo();
  ASSIGN_OR_RETURN(const RecurringRunRow row, StoredRow(context, request.recurring_run_id()));
  *next = row.next_due_at;
  return Trigger::Create(row.trigger);
}

void AddTick(absl::Time slot, const absl::TimeZone& zone, penstock::v1::PreviewScheduleResponse* reply) {
  penstock::v1::PreviewTick* tick = reply->add_ticks();
  SetTimestamp(slot, tick->mutable_due_at());
  tick->set_local_time(absl::FormatTime(absl::RFC3339_sec, slot, zone));
}

}  // namespace

absl::Status ScheduleCreate(RequestContext& context, const penstock::v1::CreateScheduleRequest& request,
                            penstock::v1::Schedule* reply) {
  ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunInsertFrom(context, request.recurring_run(),
                                                                     {request.time_zone(), request.force()}));
  return context.deps.store.Read([&](db::Tx& tx) { return ScheduleToApi(tx, row, reply); });
}

absl::Status ScheduleGet(RequestContext& context, const penstock::v1::GetScheduleRequest& request,
                         penstock::v1::Schedule* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunGet(tx, request.recurring_run_id()));
    return ScheduleToApi(tx, row, reply);
  });
}

absl::Status ScheduleUpdate(RequestContext& context, const penstock::v1::UpdateRecurringRunRequest& request,
                            penstock::v1::Schedule* reply) {
  ASSIGN_OR_RETURN(const auto changed, ChangedFields(request));
  RETURN_IF_ERROR(CheckNoAccident(request.recurring_run(), changed));
  ASSIGN_OR_RETURN(RecurringRunRow row, StoredRow(context, request.recurring_run().recurring_run_id()));
  ASSIGN_OR_RETURN(const api::RecurringRun merged, Merged(row, request));
  RETURN_IF_ERROR(CheckRecurringRunFields(merged));
  const std::string old_spec = row.spec_sha256;
  const bool new_trigger = changed.count("trigger") > 0 || request.has_time_zone();
  std::string own_spec;
  if (changed.count("pipeline_spec") + changed.count("pipeline_version_reference") > 0) {
    RETURN_IF_ERROR(ReadSource(context, merged, row, &own_spec));
  } else if (ChangesSource(changed)) {
    RETURN_IF_ERROR(ReadParameters(context, merged, row));
  }
  row.updated_at = context.deps.clock.Now();
  if (new_trigger) RETURN_IF_ERROR(ReadNewTrigger(request, merged, row.updated_at, row));
  RETURN_IF_ERROR(ReadPlugins(context.deps, merged, row));
  row.display_name = merged.display_name();
  row.description = merged.description();
  row.service_account = merged.service_account();
  row.max_concurrency = merged.max_concurrency();
  row.no_catchup = merged.no_catchup();
  const bool was_enabled = row.enabled;
  row.enabled = merged.mode() == api::RecurringRun::ENABLE;
  if (row.enabled && !was_enabled) row.enabled_at = context.deps.clock.Now();
  RETURN_IF_ERROR(context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    if (!own_spec.empty()) RETURN_IF_ERROR(SpecPut(tx, row.spec_sha256, own_spec));
    RETURN_IF_ERROR(RecurringRunUpdate(tx, row, old_spec));
    return new_trigger
               ? ScheduleTickGiveUp(tx, row.recurring_run_id, TickReason::kTriggerChanged, row.updated_at)
               : absl::OkStatus();
  }));
  context.deps.store.notifier().Notify(Topic::kRecurringRuns, row.recurring_run_id);
  return context.deps.store.Read([&](db::Tx& tx) { return ScheduleToApi(tx, row, reply); });
}

absl::Status SchedulePreview(RequestContext& context, const penstock::v1::PreviewScheduleRequest& request,
                             penstock::v1::PreviewScheduleResponse* reply) {
  if (request.count() < 0 || request.count() > limits::kPreviewTicksMax) {
    return error::PreviewCountOutOfRange(request.count(), limits::kPreviewTicksMax);
  }
  absl::Time from = context.deps.clock.Now();
  if (request.has_from_time()) {
    ASSIGN_OR_RETURN(from, CheckedTime("from_time", request.from_time()));
  }
  absl::Time until = absl::InfinitePast();
  if (request.has_until_time()) {
    ASSIGN_OR_RETURN(until, CheckedTime("until_time", request.until_time()));
  }
  std::optional<absl::Time> slot;
  ASSIGN_OR_RETURN(const Trigger trigger, PreviewTrigger(context, request, from, &slot));
  // Of a stored one also what is due and not decided yet, unless it is asked otherwise.
  if (slot.has_value() && (request.has_from_time() || request.has_trigger())) {
    slot = trigger.FirstAfter(from, *slot);
  }
  const int wanted = request.count() == 0 ? kPreviewTicksDefault : request.count();
  int64_t counted = 0;
  while (slot.has_value() && (reply->ticks_size() < wanted || *slot <= until)) {
    if (reply->ticks_size() < wanted) AddTick(*slot, trigger.zone(), reply);
    if (*slot <= until && ++counted > limits::kPreviewCountMax) break;
    slot = trigger.Next(*slot);
  }
  reply->set_run_count(std::min<int64_t>(counted, limits::kPreviewCountMax));
  reply->set_run_count_is_least(counted > limits::kPreviewCountMax);
  reply->set_time_zone(ZoneName(trigger.zone()));
  reply->set_most_runs_an_hour(trigger.MostInAnHour());
  return absl::OkStatus();
}

absl::Status ScheduleTickList(RequestContext& context, const penstock::v1::ListScheduleTicksRequest& request,
                              penstock::v1::ListScheduleTicksResponse* reply) {
  const bool first = request.page_token().empty() && request.sort_by().empty();
  const ListRequest list = {request.page_size(), request.page_token(),
                            first ? "due_at desc" : request.sort_by(), request.filter()};
  ASSIGN_OR_RETURN(const ListQuery query,
                   ListQuery::Create(ScheduleTickResource(), list,
                                     ListScope{"recurring_run_id", request.recurring_run_id()},
                                     context.deps.store.page_token_key()));
  Page<ScheduleTickRow> page;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(RecurringRunGet(tx, request.recurring_run_id()).status());
    return ScheduleTickList(tx, query, page);
  }));
  for (const ScheduleTickRow& row : page.rows) ToApi(row, reply->add_ticks());
  reply->set_next_page_token(page.next_page_token);
  return absl::OkStatus();
}

}  // namespace penstock
