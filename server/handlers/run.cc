#include "server/handlers/run.h"

#include <algorithm>
#include <functional>
#include <map>

#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/spec/parameter_defaults.h"
#include "pipeline/spec/run_artifacts.h"
#include "runs/run_verbs.h"
#include "server/convert/cache.h"
#include "server/convert/executor_choice.h"
#include "server/convert/package_pins.h"
#include "server/convert/pipeline.h"
#include "server/convert/plugins.h"
#include "server/convert/run.h"
#include "server/convert/timestamp.h"
#include "server/errors.h"
#include "server/handlers/list.h"
#include "server/handlers/pipeline_source.h"
#include "server/handlers/task.h"
#include "server/memory.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/experiment_store.h"
#include "storage/recurring_run_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_request_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/tag_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

absl::Status CheckNewRun(const api::Run& given) {
  RETURN_IF_ERROR(CheckName("run.display_name", given.display_name(), limits::kDisplayNameBytes));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  RETURN_IF_ERROR(CheckText("run.service_account", given.service_account(), limits::kServiceAccountBytes));
  RETURN_IF_ERROR(
      CheckText("runtime_config.pipeline_root", given.runtime_config().pipeline_root(), limits::kUrlBytes));
  if (!given.run_id().empty()) RETURN_IF_ERROR(CheckNewId("run.run_id", given.run_id()));
  RETURN_IF_ERROR(CheckEnum("run.storage_state", given.storage_state()));
  if (!given.plugins_output().empty()) return error::RunPluginsOutputGiven();
  return absl::OkStatus();
}

// Adds runs to a reply as GetRun and ListRuns give them: with configuration, states, and the pipeline of
// those that came with their own. `add` gives the place of the next one. `last`: nothing is read afterwards.
absl::Status ReadRuns(db::Tx& tx, const std::vector<RunRow>& rows, bool last,
                      const std::function<api::Run*()>& add) {
  std::vector<std::string> ids;
  std::vector<std::string> recorded;
  for (const RunRow& row : rows) {
    ids.push_back(row.run_id);
    if (row.driver == RunDriver::kClient) recorded.push_back(row.run_id);
    last = last && !row.pipeline_version_id.empty();
  }
  RunConfigRows configs;
  RunStateRows states;
  RunParameterRows parameters;
  RETURN_IF_ERROR(RunConfigsLater(tx, ids, configs));
  RETURN_IF_ERROR(RunParametersLater(tx, recorded, &parameters));
  RETURN_IF_ERROR(RunStatesLater(tx, ids, states));
  RETURN_IF_ERROR(last ? tx.Finish() : tx.Flush());
  std::map<std::string, google::protobuf::Struct> specs;
  for (const RunRow& row : rows) {
    api::Run* out = add();
    ToApi(row, out);
    const RunConfigRow& config = configs[row.run_id];
    RETURN_IF_ERROR(ConfigToApi(config, out));
    // A client that records a run gives it parameters as it goes on.
    if (row.driver == RunDriver::kClient) ParametersToApi(parameters[row.run_id], out);
    StatesToApi(states[row.run_id], out);
    if (!row.pipeline_version_id.empty()) continue;
    const auto [spec, fresh] = specs.try_emplace(config.spec_sha256);
    if (fresh) {
      ASSIGN_OR_RETURN(const std::string text, SpecGet(tx, config.spec_sha256));
      RETURN_IF_ERROR(SpecToApi(text, &spec->second));
    }
    *out->mutable_pipeline_spec() = spec->second;
  }
  return absl::OkStatus();
}

RunRow NewRow(RequestContext& context, const api::Run& given, const PipelineSource& source) {
  RunRow row;
  row.run_id = given.run_id().empty() ? context.deps.ids.NewId() : given.run_id();
  row.recurring_run_id = given.recurring_run_id();
  if (!row.recurring_run_id.empty()) {
    row.run_id = RecurringRunRunId(row.recurring_run_id, given.display_name());
  }
  row.pipeline_id = source.pipeline_id;
  row.pipeline_version_id = source.pipeline_version_id;
  row.experiment_id =
      given.experiment_id().empty() ? context.deps.default_experiment_id : given.experiment_id();
  row.display_name = given.display_name();
  row.description = given.description();
  row.service_account = given.service_account().empty() ? kDefaultServiceAccount : given.service_account();
  if (given.storage_state() == api::Run::ARCHIVED) row.storage_state = StorageState::kArchived;
  row.created_at = context.deps.clock.Now();
  row.scheduled_at = given.has_scheduled_at() ? TimeFrom(given.scheduled_at()) : row.created_at;
  row.finished_at = absl::UnixEpoch();
  return row;
}

// Whether the artifacts that the run is given by their ids are there.
absl::Status CheckArtifactsExist(db::Tx& tx, const PipelineDocument& document,
                                 const std::string& parameters) {
  const auto& declared = document.spec.root().input_definitions().artifacts();
  if (declared.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Json given, ParseJson(parameters));
  for (const auto& [name, spec] : declared) {
    const auto value = given.find(name);
    if (value == given.end() || value->is_null()) continue;
    ASSIGN_OR_RETURN(const auto artifacts, ReadRunArtifacts(spec, *value));
    for (const RunArtifact& artifact : artifacts) {
      if (artifact.artifact_id == 0) continue;
      ASSIGN_OR_RETURN(const bool exists, ArtifactExists(tx, artifact.artifact_id));
      if (!exists) return error::RunArtifactUnknown(name, artifact.artifact_id);
    }
  }
  return absl::OkStatus();
}

// The run that the request, which has an id, has created before; empty if it has not.
absl::StatusOr<std::string> CreatedBefore(db::Tx& tx, const RunCreateOptions& options) {
  ASSIGN_OR_RETURN(const auto known, RunRequestFind(tx, options.request_id));
  if (!known.has_value()) return "";
  if (known->request_sha256 != options.request_sha256) return error::RunRequestIdTaken(options.request_id);
  return known->run_id;
}

// What a client of KFP 3.0 wants of a list besides, which costs more than the list.
absl::Status AddTasks(RequestContext& context, api::GetRunRequest::ViewMode view,
                      api::ListRunsResponse* reply) {
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    for (api::Run& run : *reply->mutable_runs()) {
      ASSIGN_OR_RETURN(const int64_t count, TaskCount(tx, {run.run_id()}));
      if (count > 0) run.set_task_count(static_cast<int32_t>(count + 1));
    }
    return absl::OkStatus();
  }));
  if (view != api::GetRunRequest::FULL) return absl::OkStatus();
  for (api::Run& run : *reply->mutable_runs()) {
    RETURN_IF_ERROR(TakeMemoryForRun(context, run.run_id()));
    const absl::Status read = RunTasksRead(context, run.run_id(), run.mutable_tasks());
    if (!absl::IsNotFound(read)) RETURN_IF_ERROR(read);  // deleted since
  }
  return absl::OkStatus();
}

// Answers with a run that is there already.
absl::Status ReplyWith(RequestContext& context, const std::string& run_id, api::Run* reply) {
  api::GetRunRequest get;
  get.set_run_id(run_id);
  return RunGet(context, get, reply);
}

// Answers with the run that the request has created before.
absl::Status ReplyAgain(RequestContext& context, const RunCreateOptions& options, const std::string& run_id,
                        api::Run* reply) {
  const absl::Status found = ReplyWith(context, run_id, reply);
  return absl::IsNotFound(found) ? error::RunOfRequestDeleted(options.request_id, run_id) : found;
}

}  // namespace

absl::Status RunCreate(RequestContext& context, const api::CreateRunRequest& request, api::Run* reply) {
  return RunCreate(context, request.run(), {}, reply);
}

absl::Status RunCreate(RequestContext& context, const api::Run& given, const RunCreateOptions& options,
                       api::Run* reply) {
  std::string created_before;
  if (!options.request_id.empty()) {
    // Before the checks: what it names may be gone by now.
    RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
      ASSIGN_OR_RETURN(created_before, CreatedBefore(tx, options));
      return absl::OkStatus();
    }));
    if (!created_before.empty()) return ReplyAgain(context, options, created_before, reply);
  }
  RETURN_IF_ERROR(CheckNewRun(given));
  RunConfigRow config;
  RETURN_IF_ERROR(
      CacheFromApi("run.plugins_input", given.plugins_input(), &config.cache_enabled, &config.cache_max_age));
  if (!given.recurring_run_id().empty()) {  // has one run of each name
    const absl::Status found =
        ReplyWith(context, RecurringRunRunId(given.recurring_run_id(), given.display_name()), reply);
    if (!absl::IsNotFound(found)) return found;
  }
  ASSIGN_OR_RETURN(const PipelineSource source,
                   ResolvePipeline(context, given.pipeline_version_reference(),
                                   given.has_pipeline_spec() ? &given.pipeline_spec() : nullptr));
  config.spec_sha256 = source.document->sha256_hex;
  ASSIGN_OR_RETURN(config.pipeline_root,
                   context.deps.pipeline_roots.Choose(given.runtime_config().pipeline_root(),
                                                      source.document->spec.default_pipeline_root()));
  ASSIGN_OR_RETURN(config.parameters, ParametersText(given.runtime_config(), *source.document));
  config.parameter_defaults = ParameterDefaults(*source.document);
  ASSIGN_OR_RETURN(config.plugins_input, PluginsFromApi("run.plugins_input", given.plugins_input()));
  RETURN_IF_ERROR(CheckPackagePins("run.plugins_input", given.plugins_input(), source.document.get()));
  RETURN_IF_ERROR(CheckExecutor("run.plugins_input", given.plugins_input(), context.deps.executors));
  const RunRow row = NewRow(context, given, source);
  const absl::Status inserted =
      WriteRuns(context.deps.store, [&](db::Tx& tx, RunHints& hints) -> absl::Status {
        if (!options.request_id.empty()) {
          // Again, and now nobody comes between: the same request may have come twice at once.
          ASSIGN_OR_RETURN(created_before, CreatedBefore(tx, options));
          if (!created_before.empty()) return absl::OkStatus();
          RETURN_IF_ERROR(
              RunRequestInsert(tx, {options.request_id, row.run_id, options.request_sha256, row.created_at}));
        }
        if (!row.recurring_run_id.empty()) {
          RETURN_IF_ERROR(RecurringRunGet(tx, row.recurring_run_id).status());
        }
        RETURN_IF_ERROR(CheckArtifactsExist(tx, *source.document, config.parameters));
        if (source.own_spec()) {
          RETURN_IF_ERROR(SpecPut(tx, source.document->sha256_hex, source.document->canonical_json));
        }
        RETURN_IF_ERROR(RunCreate(tx, {row, config}, hints));
        return TagsInsert(tx, row.run_id, options.tags);
      });
  if (absl::IsAlreadyExists(inserted) && !row.recurring_run_id.empty()) {
    return ReplyWith(context, row.run_id, reply);
  }
  // The cached version may have been deleted, by this server or another; the next call asks the database.
  if (absl::IsNotFound(inserted)) context.deps.versions.Remove(row.pipeline_version_id);
  RETURN_IF_ERROR(inserted);
  if (!created_before.empty()) return ReplyAgain(context, options, created_before, reply);
  if (source.own_spec()) context.deps.documents.Put(source.document->sha256_hex, source.document);

  ToApi(row, reply);
  RETURN_IF_ERROR(ConfigToApi(config, reply));
  StatesToApi({{row.state, row.created_at, 0, ""}}, reply);
  if (!source.own_spec()) return absl::OkStatus();
  return SpecToApi(source.document->canonical_json, reply->mutable_pipeline_spec());
}

absl::Status RunGet(RequestContext& context, const api::GetRunRequest& request, api::Run* reply) {
  return context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, request.run_id()));
    RunTasks tasks;
    ASSIGN_OR_RETURN(tasks.tasks, TaskList(tx, row.run_id));
    RETURN_IF_ERROR(ReadRuns(tx, {row}, /*last=*/tasks.tasks.empty(), [reply] { return reply; }));
    if (tasks.tasks.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(tasks.states, TaskStates(tx, row.run_id));
    ASSIGN_OR_RETURN(tasks.attempts, TaskAttemptList(tx, row.run_id));
    ASSIGN_OR_RETURN(tasks.artifacts, ArtifactTaskList(tx, row.run_id));
    TasksToApi(tasks, reply);
    const auto iterations = std::count_if(tasks.tasks.begin(), tasks.tasks.end(),
                                          [](const TaskRow& task) { return task.iteration >= 0; });
    reply->set_task_count(static_cast<int32_t>(tasks.tasks.size() - iterations + 1));
    CacheDecisionsToApi(tasks.tasks, reply);
    return absl::OkStatus();
  });
}

absl::Status RunList(RequestContext& context, const api::ListRunsRequest& given,
                     api::ListRunsResponse* reply) {
  api::ListRunsRequest request = given;
  if (given.view() == api::GetRunRequest::FULL && given.page_size() > limits::kFullRunsPage) {
    request.set_page_size(limits::kFullRunsPage);
  }
  std::optional<ListScope> scope;
  if (!request.experiment_id().empty()) scope = ListScope{"experiment_id", request.experiment_id()};
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(context, RunResource(), request, std::move(scope)));
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    reply->Clear();
    if (!request.experiment_id().empty()) RETURN_IF_ERROR(ExperimentCheckLater(tx, request.experiment_id()));
    Page<RunRow> page;
    RETURN_IF_ERROR(RunList(tx, query, page));
    RETURN_IF_ERROR(ReadRuns(tx, page.rows, /*last=*/true, [reply] { return reply->add_runs(); }));
    reply->set_total_size(static_cast<int32_t>(page.total_size));
    reply->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  }));
  return request.has_view() ? AddTasks(context, request.view(), reply) : absl::OkStatus();
}

absl::Status RunArchive(RequestContext& context, const api::ArchiveRunRequest& request,
                        google::protobuf::Empty*) {
  return context.deps.store.Write([&](db::Tx& tx) { return RunArchive(tx, request.run_id()); });
}

absl::Status RunUnarchive(RequestContext& context, const api::UnarchiveRunRequest& request,
                          google::protobuf::Empty*) {
  return context.deps.store.Write([&](db::Tx& tx) { return RunUnarchive(tx, request.run_id()); });
}

absl::Status RunDelete(RequestContext& context, const api::DeleteRunRequest& request,
                       google::protobuf::Empty*) {
  const absl::Time now = context.deps.clock.Now();
  return WriteRuns(context.deps.store,
                   [&](db::Tx& tx, RunHints& hints) { return RunDelete(tx, request.run_id(), now, hints); });
}

absl::Status RunRetry(RequestContext& context, const api::RetryRunRequest& request,
                      google::protobuf::Empty*) {
  const absl::Time now = context.deps.clock.Now();
  return WriteRuns(context.deps.store,
                   [&](db::Tx& tx, RunHints& hints) { return RunRetry(tx, request.run_id(), now, hints); });
}

absl::Status RunTerminate(RequestContext& context, const api::TerminateRunRequest& request,
                          google::protobuf::Empty*) {
  const absl::Time now = context.deps.clock.Now();
  return WriteRuns(context.deps.store, [&](db::Tx& tx, RunHints& hints) {
    return RunTerminate(tx, request.run_id(), now, hints);
  });
}

}  // namespace penstock
