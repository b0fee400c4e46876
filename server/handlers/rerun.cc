#include "server/handlers/rerun.h"

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "pipeline/spec/package_pins.h"
#include "runs/run_verbs.h"
#include "server/convert/package_pins.h"
#include "server/convert/rerun_report.h"
#include "server/errors.h"
#include "server/handlers/pipeline_source.h"
#include "server/handlers/run.h"
#include "server/handlers/run_account.h"
#include "server/validate.h"
#include "storage/run_store.h"
#include "storage/tag_store.h"

namespace penstock {
namespace {

constexpr char kNameEnd[] = " (rerun)";

// The name of a rerun, which has to fit.
std::string NameOf(const penstock::v1::RerunRunRequest& request, const RunRow& original) {
  if (!request.display_name().empty()) return request.display_name();
  if (original.display_name.size() + sizeof kNameEnd <= static_cast<size_t>(limits::kDisplayNameBytes)) {
    return absl::StrCat(original.display_name, kNameEnd);
  }
  return original.display_name;
}

// As a client would have it that turns the cache off for the run, and pins its packages; null: these are as they were.
absl::StatusOr<std::string> PluginsOfRerun(const RunRow& original, const std::string& plugins_input,
                                           const Json& packages) {
  Json plugins = Json::object();
  if (!plugins_input.empty()) {
    ASSIGN_OR_RETURN(plugins, ParseJson(plugins_input));
  }
  plugins["penstock_cache"] = {{"enabled", false}};
  if (packages.is_null()) return DumpJson(plugins);
  plugins[kPackagesPlugin] = packages;
  std::string text = DumpJson(plugins);
  if (static_cast<int64_t>(text.size()) > limits::kPluginsBytes) {
    return error::RunPackagesTooMany(original.run_id, static_cast<int64_t>(text.size()),
                                     limits::kPluginsBytes);
  }
  return text;
}

// What pins the packages that the run had.
absl::StatusOr<Json> RecordedPackages(RequestContext& context, const std::string& run_id) {
  ASSIGN_OR_RETURN(const RunsRead read, ReadRunAccounts(context, {run_id}, limits::kRunTasks));
  Json packages = PluginOfRecords(read.runs[0], read.documents);
  if (packages.is_null()) return error::RunPackagesUnknown(run_id);
  return packages;
}

// The run that does `original` again, as it is stored.
absl::Status MakeRows(RequestContext& context, const penstock::v1::RerunRunRequest& request,
                      const RunRow& original, const Json& packages, RunRow& row, RunConfigRow& config) {
  row = original;
  row.display_name = NameOf(request, original);
  row.recurring_run_id.clear();
  row.storage_state = StorageState::kAvailable;
  row.state = RunState::kPending;
  row.created_at = row.scheduled_at = context.deps.clock.Now();
  row.finished_at = absl::UnixEpoch();
  row.number = 0;
  row.driver = RunDriver::kEngine;
  config.cache_enabled = false;
  config.cache_max_age = absl::ZeroDuration();
  ASSIGN_OR_RETURN(config.plugins_input, PluginsOfRerun(original, config.plugins_input, packages));
  return absl::OkStatus();
}

// The user's own tags go with the run.
Tags TagsOfRerun(const Tags& original, const std::string& original_id) {
  Tags tags;
  for (const auto& [name, value] : original) {
    if (!absl::StartsWith(name, "penstock.")) tags[name] = value;
  }
  tags[kRerunOfTag] = original_id;
  return tags;
}

// Of a run that is only recorded there may be no pipeline: an imported one has it, one that a client logs has none.
absl::Status CheckMayRerun(RequestContext& context, const std::string& run_id) {
  RunRow original;
  RunConfigRow config;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(original, RunGet(tx, run_id));
    ASSIGN_OR_RETURN(config, RunConfigGet(tx, run_id));
    return absl::OkStatus();
  }));
  if (original.driver == RunDriver::kEngine) return absl::OkStatus();
  const auto document = StoredDocument(context, config.spec_sha256);
  const bool has_tasks = document.ok() && (*document)->spec.root().dag().tasks_size() > 0;
  return has_tasks ? absl::OkStatus() : error::RunRecordedByClient(run_id);
}

}  // namespace

absl::Status RunRerun(RequestContext& context, const penstock::v1::RerunRunRequest& request,
                      api::Run* reply) {
  if (!request.display_name().empty()) {
    RETURN_IF_ERROR(CheckName("display_name", request.display_name(), limits::kDisplayNameBytes));
  }
  RETURN_IF_ERROR(CheckMayRerun(context, request.run_id()));
  Json packages;
  if (request.pin_packages()) {
    ASSIGN_OR_RETURN(packages, RecordedPackages(context, request.run_id()));
  }
  RunRow row;
  const std::string id = context.deps.ids.NewId();
  RETURN_IF_ERROR(WriteRuns(context.deps.store, [&](db::Tx& tx, RunHints& hints) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow original, RunGet(tx, request.run_id()));
    ASSIGN_OR_RETURN(RunConfigRow config, RunConfigGet(tx, original.run_id));
    RETURN_IF_ERROR(MakeRows(context, request, original, packages, row, config));
    row.run_id = id;
    Tags tags;
    RETURN_IF_ERROR(TagsRead(tx, original.run_id, &tags));
    // The version that it was made of may have been deleted; its pipeline is kept with the run.
    RETURN_IF_ERROR(RunCreate(tx, {row, config, /*version_must_exist=*/false}, hints));
    return TagsInsert(tx, row.run_id, TagsOfRerun(tags, original.run_id));
  }));
  api::GetRunRequest get;
  get.set_run_id(row.run_id);
  return RunGet(context, get, reply);
}

absl::Status RerunReportGet(RequestContext& context, const penstock::v1::GetRerunReportRequest& request,
                            penstock::v1::RerunReport* reply) {
  std::string original = request.original_run_id();
  if (original.empty()) {
    RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
      RETURN_IF_ERROR(RunGet(tx, request.run_id()).status());
      Tags tags;
      RETURN_IF_ERROR(TagsRead(tx, request.run_id(), &tags));
      original = tags[kRerunOfTag];
      return absl::OkStatus();
    }));
    if (original.empty()) return error::RunIsNoRerun(request.run_id(), kRerunOfTag);
  }
  ASSIGN_OR_RETURN(const RunsRead read,
                   ReadRunAccounts(context, {original, request.run_id()}, limits::kComparedTasks / 2));
  *reply = ReportRerun(read.runs[0], read.runs[1], read.documents);
  return absl::OkStatus();
}

}  // namespace penstock
