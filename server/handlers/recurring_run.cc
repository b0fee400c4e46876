#include "server/handlers/recurring_run.h"

#include <map>

#include "absl/strings/str_cat.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/schedule/run_name.h"
#include "pipeline/schedule/trigger.h"
#include "server/convert/cache.h"
#include "server/convert/executor_choice.h"
#include "server/convert/package_pins.h"
#include "server/convert/pipeline.h"
#include "server/convert/plugins.h"
#include "server/convert/recurring_run.h"
#include "server/errors.h"
#include "server/handlers/list.h"
#include "server/handlers/pipeline_source.h"
#include "server/validate.h"
#include "storage/experiment_store.h"
#include "storage/recurring_run_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

// KFP gives recurring runs the namespace of its own pod, also with one user.
constexpr char kNamespace[] = "kubeflow";

absl::Status SetEnabled(RequestContext& context, const std::string& recurring_run_id, bool enabled) {
  const absl::Time now = context.deps.clock.Now();
  RETURN_IF_ERROR(context.deps.store.Write(
      [&](db::Tx& tx) { return RecurringRunSetEnabled(tx, recurring_run_id, enabled, now); }));
  context.deps.store.notifier().Notify(Topic::kRecurringRuns, recurring_run_id);
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckRecurringRunFields(const api::RecurringRun& given) {
  RETURN_IF_ERROR(CheckName("recurring_run.display_name", given.display_name(), limits::kDisplayNameBytes));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  RETURN_IF_ERROR(
      CheckText("recurring_run.service_account", given.service_account(), limits::kServiceAccountBytes));
  RETURN_IF_ERROR(
      CheckText("runtime_config.pipeline_root", given.runtime_config().pipeline_root(), limits::kUrlBytes));
  RETURN_IF_ERROR(CheckEnum("recurring_run.mode", given.mode()));
  if (given.max_concurrency() < 1 || given.max_concurrency() > limits::kScheduleConcurrencyMax) {
    return error::MaxConcurrencyOutOfRange(given.max_concurrency(), limits::kScheduleConcurrencyMax);
  }
  return absl::OkStatus();
}

absl::Status ReadPlugins(const Deps& deps, const api::RecurringRun& given, RecurringRunRow& row) {
  constexpr char kField[] = "recurring_run.plugins_input";
  ASSIGN_OR_RETURN(row.plugins_input, PluginsFromApi(kField, given.plugins_input()));
  // Which tasks there are is up to the version that is the latest then.
  RETURN_IF_ERROR(CheckPackagePins(kField, given.plugins_input(), /*document=*/nullptr));
  RETURN_IF_ERROR(CheckExecutor(kField, given.plugins_input(), deps.executors));
  return CacheFromApi(kField, given.plugins_input(), &row.cache_enabled, &row.cache_max_age);
}

absl::Status ReadTrigger(const api::RecurringRun& given, const ScheduleOptions& options, absl::Time reference,
                         RecurringRunRow& row) {
  ASSIGN_OR_RETURN(row.trigger, TriggerFrom(given.trigger(), options.time_zone));
  ASSIGN_OR_RETURN(const Trigger trigger, Trigger::Create(row.trigger));
  if (trigger.MostInAnHour() > limits::kScheduleRunsPerHour && !options.force) {
    return error::TriggerTooFrequent(trigger.MostInAnHour(), limits::kScheduleRunsPerHour);
  }
  row.next_due_at = trigger.First(reference);
  return absl::OkStatus();
}

// Slots before `now` that are made up for start their runs as fast as these end.
absl::Status CheckBacklog(const RecurringRunRow& row, absl::Time now) {
  if (row.no_catchup) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Trigger trigger, Trigger::Create(row.trigger));
  int64_t overdue = 0;
  for (auto slot = row.next_due_at; slot.has_value() && *slot < now; slot = trigger.Next(*slot)) {
    if (++overdue <= limits::kScheduleRunsPerHour) continue;
    return error::TriggerBacklogTooLong(limits::kScheduleRunsPerHour);
  }
  return absl::OkStatus();
}

absl::Status ReadSource(RequestContext& context, const api::RecurringRun& given, RecurringRunRow& row,
                        std::string* own_spec) {
  const api::PipelineVersionReference& reference = given.pipeline_version_reference();
  ASSIGN_OR_RETURN(
      const PipelineSource source,
      ResolvePipeline(context, reference, given.has_pipeline_spec() ? &given.pipeline_spec() : nullptr));
  row.pipeline_id = source.pipeline_id;
  // Without a version each run takes the one that is the latest then.
  row.pipeline_version_id = reference.pipeline_version_id();
  const bool pinned = source.own_spec() || !row.pipeline_version_id.empty();
  row.spec_sha256 = pinned ? source.document->sha256_hex : "";
  *own_spec = source.own_spec() ? source.document->canonical_json : "";
  if (source.own_spec()) context.deps.documents.Put(source.document->sha256_hex, source.document);
  ASSIGN_OR_RETURN(row.parameters, ParametersText(given.runtime_config(), *source.document));
  ASSIGN_OR_RETURN(row.pipeline_root, context.deps.pipeline_roots.Named(
                                          given.runtime_config().pipeline_root(),
                                          pinned ? source.document->spec.default_pipeline_root() : ""));
  return absl::OkStatus();
}

absl::StatusOr<RecurringRunRow> RecurringRunInsertFrom(RequestContext& context,
                                                       const api::RecurringRun& given,
                                                       const ScheduleOptions& options) {
  RETURN_IF_ERROR(CheckRecurringRunFields(given));
  RecurringRunRow row;
  RETURN_IF_ERROR(ReadPlugins(context.deps, given, row));
  row.created_at = row.updated_at = context.deps.clock.Now();
  RETURN_IF_ERROR(ReadTrigger(given, options, row.created_at, row));
  std::string own_spec;
  RETURN_IF_ERROR(ReadSource(context, given, row, &own_spec));
  row.recurring_run_id = context.deps.ids.NewId();
  row.experiment_id =
      given.experiment_id().empty() ? context.deps.default_experiment_id : given.experiment_id();
  row.namespace_ = kNamespace;
  row.display_name = given.display_name();
  row.description = given.description();
  row.run_name = RunNameOf(row.display_name, row.recurring_run_id);
  row.service_account = given.service_account().empty() && !row.spec_sha256.empty() ? kDefaultServiceAccount
                                                                                    : given.service_account();
  row.max_concurrency = given.max_concurrency();
  row.no_catchup = given.no_catchup();
  row.enabled = given.mode() == api::RecurringRun::ENABLE;
  if (!options.force) RETURN_IF_ERROR(CheckBacklog(row, row.created_at));
  const absl::Status inserted = context.deps.store.Write([&](db::Tx& tx) -> absl::Status {
    if (!own_spec.empty()) RETURN_IF_ERROR(SpecPut(tx, row.spec_sha256, own_spec));
    return RecurringRunInsert(tx, row);
  });
  if (absl::IsNotFound(inserted)) context.deps.versions.Remove(row.pipeline_version_id);
  RETURN_IF_ERROR(inserted);
  context.deps.store.notifier().Notify(Topic::kRecurringRuns, row.recurring_run_id);
  return row;
}

absl::Status RecurringRunsToApi(db::Tx& tx, const std::vector<RecurringRunRow>& rows,
                                absl::FunctionRef<api::RecurringRun*()> add) {
  std::map<std::string, google::protobuf::Struct> specs;
  for (const RecurringRunRow& row : rows) {
    api::RecurringRun* out = add();
    RETURN_IF_ERROR(ToApi(row, out));
    // KFP has no field for the time zone; in the expression it is understood when it comes back.
    if (row.trigger.kind == TriggerKind::kCron && !row.trigger.time_zone.empty()) {
      out->mutable_trigger()->mutable_cron_schedule()->set_cron(
          absl::StrCat("CRON_TZ=", row.trigger.time_zone, " ", row.trigger.cron));
    }
    if (!row.pipeline_id.empty()) continue;
    const auto [spec, fresh] = specs.try_emplace(row.spec_sha256);
    if (fresh) {
      ASSIGN_OR_RETURN(const std::string text, SpecGet(tx, row.spec_sha256));
      RETURN_IF_ERROR(SpecToApi(text, &spec->second));
    }
    *out->mutable_pipeline_spec() = spec->second;
  }
  return absl::OkStatus();
}

absl::Status RecurringRunCreate(RequestContext& context, const api::CreateRecurringRunRequest& request,
                                api::RecurringRun* reply) {
  ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunInsertFrom(context, request.recurring_run(), {}));
  return context.deps.store.Read(
      [&](db::Tx& tx) { return RecurringRunsToApi(tx, {row}, [reply] { return reply; }); });
}

absl::Status RecurringRunGet(RequestContext& context, const api::GetRecurringRunRequest& request,
                             api::RecurringRun* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RecurringRunRow row, RecurringRunGet(tx, request.recurring_run_id()));
    return RecurringRunsToApi(tx, {row}, [reply] { return reply; });
  });
}

absl::Status RecurringRunList(RequestContext& context, const api::ListRecurringRunsRequest& request,
                              api::ListRecurringRunsResponse* reply) {
  std::optional<ListScope> scope;
  if (!request.experiment_id().empty()) scope = ListScope{"experiment_id", request.experiment_id()};
  ASSIGN_OR_RETURN(const ListQuery query,
                   MakeListQuery(context, RecurringRunResource(), request, std::move(scope)));
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    if (!request.experiment_id().empty()) RETURN_IF_ERROR(ExperimentCheckLater(tx, request.experiment_id()));
    Page<RecurringRunRow> page;
    RETURN_IF_ERROR(RecurringRunList(tx, request.experiment_id(), query, page));
    RETURN_IF_ERROR(RecurringRunsToApi(tx, page.rows, [reply] { return reply->add_recurringruns(); }));
    reply->set_total_size(static_cast<int32_t>(page.total_size));
    reply->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

absl::Status RecurringRunEnable(RequestContext& context, const api::EnableRecurringRunRequest& request,
                                google::protobuf::Empty*) {
  return SetEnabled(context, request.recurring_run_id(), true);
}

absl::Status RecurringRunDisable(RequestContext& context, const api::DisableRecurringRunRequest& request,
                                 google::protobuf::Empty*) {
  return SetEnabled(context, request.recurring_run_id(), false);
}

absl::Status RecurringRunDelete(RequestContext& context, const api::DeleteRecurringRunRequest& request,
                                google::protobuf::Empty*) {
  return context.deps.store.Write(
      [&](db::Tx& tx) { return RecurringRunDelete(tx, request.recurring_run_id()); });
}

}  // namespace penstock
