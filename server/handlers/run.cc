#include "server/handlers/run.h"

#include <functional>
#include <map>

#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "server/convert/pipeline.h"
#include "server/convert/run.h"
#include "server/convert/timestamp.h"
#include "server/handlers/list.h"
#include "server/validate.h"
#include "storage/experiment_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

using Document = std::shared_ptr<const PipelineDocument>;
constexpr char kDefaultServiceAccount[] = "pipeline-runner";

absl::StatusOr<Document> StoredDocument(Deps& deps, const std::string& spec_sha256) {
  if (auto document = deps.documents.Find(spec_sha256)) return document;
  std::string text;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(text, SpecGet(tx, spec_sha256));
    return absl::OkStatus();
  }));
  ASSIGN_OR_RETURN(Document document, LoadStoredPipeline(text));
  deps.documents.Put(spec_sha256, document);
  return document;
}

using Version = std::shared_ptr<const PipelineVersionRow>;

// The version that the run names, by its id or as the latest of a pipeline.
absl::StatusOr<Version> ReferencedVersion(Deps& deps, const api::PipelineVersionReference& reference) {
  Version version = deps.versions.Find(reference.pipeline_version_id());
  if (version == nullptr) {
    auto row = std::make_shared<PipelineVersionRow>();
    RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
      if (reference.pipeline_version_id().empty()) {
        ASSIGN_OR_RETURN(*row, PipelineVersionLatest(tx, reference.pipeline_id()));
      } else {
        ASSIGN_OR_RETURN(*row, PipelineVersionGetWithoutTags(tx, reference.pipeline_version_id()));
      }
      return absl::OkStatus();
    }));
    version = std::move(row);
    deps.versions.Put(version->pipeline_version_id, version);
  }
  if (!reference.pipeline_id().empty() && reference.pipeline_id() != version->pipeline_id) {
    return error::PipelineVersionOfAnother(version->pipeline_version_id, reference.pipeline_id());
  }
  return version;
}

// The pipeline of a new run; fills the run's reference to a version, if that is where it comes from.
absl::StatusOr<Document> DocumentOf(Deps& deps, const api::Run& given, RunRow& row) {
  const api::PipelineVersionReference& reference = given.pipeline_version_reference();
  if (!reference.pipeline_version_id().empty() || !reference.pipeline_id().empty()) {
    ASSIGN_OR_RETURN(const Version version, ReferencedVersion(deps, reference));
    row.pipeline_id = version->pipeline_id;
    row.pipeline_version_id = version->pipeline_version_id;
    return StoredDocument(deps, version->spec_sha256);
  }
  if (!given.has_pipeline_spec()) return error::RunWithoutPipeline();
  ASSIGN_OR_RETURN(Json json, JsonFromStruct(given.pipeline_spec()));
  ASSIGN_OR_RETURN(Document document, ParsePipelineJson(std::move(json)));
  RETURN_IF_ERROR(CheckSupported(*document));
  return document;
}

absl::StatusOr<std::string> ParametersOf(const api::Run& given, const PipelineDocument& document) {
  Json parameters = Json::object();
  for (const auto& [name, value] : given.runtime_config().parameters()) {
    ASSIGN_OR_RETURN(parameters[name], JsonFromValue(value));
  }
  RETURN_IF_ERROR(CheckRunParameters(document, parameters));
  std::string text = DumpJson(parameters);
  if (static_cast<int64_t>(text.size()) > limits::kRunParametersBytes) {
    return error::FieldTooLong("runtime_config.parameters", text.size(), limits::kRunParametersBytes);
  }
  return text;
}

absl::Status CheckNewRun(const api::Run& given) {
  RETURN_IF_ERROR(CheckName("run.display_name", given.display_name(), limits::kDisplayNameBytes));
  RETURN_IF_ERROR(CheckDescription(given.description()));
  RETURN_IF_ERROR(CheckText("run.service_account", given.service_account(), limits::kServiceAccountBytes));
  RETURN_IF_ERROR(
      CheckText("runtime_config.pipeline_root", given.runtime_config().pipeline_root(), limits::kUrlBytes));
  if (!given.run_id().empty()) RETURN_IF_ERROR(CheckNewId("run.run_id", given.run_id()));
  if (!given.recurring_run_id().empty()) {
    return absl::NotFoundError(absl::StrCat("Recurring run ", given.recurring_run_id(), " not found"));
  }
  if (!given.plugins_output().empty()) {
    return absl::AbortedError("run.plugins_output is filled by the server; leave it out");
  }
  if (!given.plugins_input().empty()) return error::NotServed("run.plugins_input");
  return absl::OkStatus();
}

// Adds runs to a reply as GetRun and ListRuns give them: with configuration, states, and the pipeline of
// those that came with their own. `add` gives the place of the next one.
absl::Status ReadRuns(db::Tx& tx, const std::vector<RunRow>& rows, const std::function<api::Run*()>& add) {
  std::vector<std::string> ids;
  for (const RunRow& row : rows) ids.push_back(row.run_id);
  ASSIGN_OR_RETURN(auto configs, RunConfigs(tx, ids));
  ASSIGN_OR_RETURN(auto states, RunStates(tx, ids));
  std::map<std::string, google::protobuf::Struct> specs;
  for (const RunRow& row : rows) {
    api::Run* out = add();
    ToApi(row, out);
    const RunConfigRow& config = configs[row.run_id];
    RETURN_IF_ERROR(ConfigToApi(config, out));
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

}  // namespace

absl::Status RunCreate(Deps& deps, const api::CreateRunRequest& request, api::Run* reply) {
  const api::Run& given = request.run();
  RETURN_IF_ERROR(CheckNewRun(given));
  RunRow row;
  ASSIGN_OR_RETURN(const Document document, DocumentOf(deps, given, row));
  RunConfigRow config;
  config.spec_sha256 = document->sha256_hex;
  config.pipeline_root = given.runtime_config().pipeline_root();
  ASSIGN_OR_RETURN(config.parameters, ParametersOf(given, *document));

  row.run_id = given.run_id().empty() ? deps.ids.NewId() : given.run_id();
  row.experiment_id = given.experiment_id().empty() ? deps.default_experiment_id : given.experiment_id();
  row.display_name = given.display_name();
  row.description = given.description();
  row.service_account = given.service_account().empty() ? kDefaultServiceAccount : given.service_account();
  if (given.storage_state() == api::Run::ARCHIVED) row.storage_state = StorageState::kArchived;
  row.created_at = deps.clock.Now();
  row.scheduled_at = given.has_scheduled_at() ? TimeFrom(given.scheduled_at()) : row.created_at;
  row.finished_at = absl::UnixEpoch();
  const bool own_spec = row.pipeline_version_id.empty();
  const absl::Status inserted = deps.store.Write([&](db::Tx& tx) -> absl::Status {
    if (own_spec) RETURN_IF_ERROR(SpecPut(tx, document->sha256_hex, document->canonical_json));
    return RunInsert(tx, row, config);
  });
  if (absl::IsNotFound(inserted)) deps.versions.Remove(row.pipeline_version_id);
  RETURN_IF_ERROR(inserted);
  if (own_spec) deps.documents.Put(document->sha256_hex, document);
  deps.store.notifier().Notify(Topic::kRuns, row.run_id);

  ToApi(row, reply);
  RETURN_IF_ERROR(ConfigToApi(config, reply));
  StatesToApi({{row.state, row.created_at, 0, ""}}, reply);
  return own_spec ? SpecToApi(document->canonical_json, reply->mutable_pipeline_spec()) : absl::OkStatus();
}

absl::Status RunGet(Deps& deps, const api::GetRunRequest& request, api::Run* reply) {
  return deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, request.run_id()));
    RETURN_IF_ERROR(ReadRuns(tx, {row}, [reply] { return reply; }));
    RunTasks tasks;
    ASSIGN_OR_RETURN(tasks.tasks, TaskList(tx, row.run_id));
    if (tasks.tasks.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(tasks.states, TaskStates(tx, row.run_id));
    ASSIGN_OR_RETURN(tasks.attempts, TaskAttemptList(tx, row.run_id));
    ASSIGN_OR_RETURN(tasks.artifacts, ArtifactTaskList(tx, row.run_id));
    TasksToApi(tasks, reply);
    return absl::OkStatus();
  });
}

absl::Status RunList(Deps& deps, const api::ListRunsRequest& request, api::ListRunsResponse* reply) {
  std::optional<ListScope> scope;
  if (!request.experiment_id().empty()) scope = ListScope{"experiment_id", request.experiment_id()};
  ASSIGN_OR_RETURN(const ListQuery query, MakeListQuery(deps, RunResource(), request, std::move(scope)));
  return deps.store.Read([&](db::Tx& tx) -> absl::Status {
    if (!request.experiment_id().empty())
      RETURN_IF_ERROR(ExperimentGet(tx, request.experiment_id()).status());
    Page<RunRow> page;
    RETURN_IF_ERROR(RunList(tx, query, page));
    RETURN_IF_ERROR(ReadRuns(tx, page.rows, [reply] { return reply->add_runs(); }));
    reply->set_total_size(static_cast<int32_t>(page.total_size));
    reply->set_next_page_token(page.next_page_token);
    return absl::OkStatus();
  });
}

absl::Status RunArchive(Deps& deps, const api::ArchiveRunRequest& request, google::protobuf::Empty*) {
  return deps.store.Write(
      [&](db::Tx& tx) { return RunSetStorageState(tx, request.run_id(), StorageState::kArchived); });
}

absl::Status RunUnarchive(Deps& deps, const api::UnarchiveRunRequest& request, google::protobuf::Empty*) {
  return deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, request.run_id()));
    ASSIGN_OR_RETURN(const ExperimentRow experiment, ExperimentGet(tx, row.experiment_id));
    if (experiment.storage_state == StorageState::kArchived) {
      return error::RunExperimentArchived(row.run_id, row.experiment_id);
    }
    return RunSetStorageState(tx, row.run_id, StorageState::kAvailable);
  });
}

absl::Status RunDelete(Deps& deps, const api::DeleteRunRequest& request, google::protobuf::Empty*) {
  RETURN_IF_ERROR(deps.store.Write([&](db::Tx& tx) { return RunDelete(tx, request.run_id()); }));
  deps.store.notifier().Notify(Topic::kRuns, request.run_id());
  return absl::OkStatus();
}

absl::Status RunTerminate(Deps& deps, const api::TerminateRunRequest& request, google::protobuf::Empty*) {
  const absl::Time now = deps.clock.Now();
  RETURN_IF_ERROR(deps.store.Write([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const RunRow row, RunGet(tx, request.run_id()));
    if (row.state != RunState::kPending && row.state != RunState::kRunning) {
      return error::RunNotTerminable(row.run_id, Name(row.state));
    }
    return RunSetState(tx, row.run_id, row.state, {RunState::kCanceling, now, 0, ""});
  }));
  deps.store.notifier().Notify(Topic::kRuns, request.run_id());
  return absl::OkStatus();
}

}  // namespace penstock
