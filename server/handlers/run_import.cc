#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/bundle/bundle_rows.h"
#include "server/errors.h"
#include "server/handlers/run_bundle.h"
#include "server/handlers/run_import_parts.h"
#include "server/memory.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/attempt_record_store.h"
#include "storage/content_removal_store.h"
#include "storage/experiment_store.h"
#include "storage/metric_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

absl::Status CheckTexts(const BundleRows& rows) {
  const RunRow& run = rows.run;
  RETURN_IF_ERROR(CheckNewId("the run's id", run.run_id));
  RETURN_IF_ERROR(CheckName("the run's name", run.display_name, limits::kDisplayNameBytes));
  RETURN_IF_ERROR(CheckDescription(run.description));
  RETURN_IF_ERROR(CheckText("the run's service account", run.service_account, limits::kServiceAccountBytes));
  RETURN_IF_ERROR(CheckText("the run's pipeline root", rows.config.pipeline_root, limits::kUrlBytes));
  if (rows.tags.size() > limits::kTypedTags) return error::TagsTooMany(rows.tags.size(), limits::kTypedTags);
  for (const auto& [name, value] : rows.tags) {
    RETURN_IF_ERROR(CheckName("the name of a tag", name, limits::kDescriptionBytes));
    RETURN_IF_ERROR(CheckText("the value of a tag", value, limits::kMetadataBytes, /*multi_line=*/true));
  }
  for (const TaskRow& task : rows.tasks) RETURN_IF_ERROR(CheckNewId("a task's id", task.task_id));
  for (const BundleMetric& metric : rows.metrics) {
    RETURN_IF_ERROR(CheckName("the name of a metric", metric.name, limits::kMetricNameBytes));
  }
  for (const std::string* json : {&rows.config.parameters, &rows.config.plugins_input}) {
    const auto parsed = ParseJson(json->empty() ? "{}" : *json);
    if (!parsed.ok() || !parsed->is_object()) {
      return error::BundleRowWrong("run.json", "parameters or plugins_input is no JSON object");
    }
  }
  return CheckImportedTexts(rows);
}

// Through all its states, as the engine would have moved it.
absl::Status InsertRun(db::Tx& tx, const ImportedRun& import) {
  const RunRow& row = import.run;
  RETURN_IF_ERROR(SpecPut(tx, import.rows.config.spec_sha256, import.rows.spec));
  RETURN_IF_ERROR(RunInsert(tx, row, import.rows.config, /*version_must_exist=*/false));
  RunState state = RunState::kPending;
  for (size_t i = 1; i < import.rows.states.size(); ++i) {
    const RunStateRow& to = import.rows.states[i];
    if (MayMove(state, to.state)) {
      RETURN_IF_ERROR(RunSetState(tx, row.run_id, state, to));
    } else if (MayReopen(state, to.state)) {
      RETURN_IF_ERROR(RunReopen(tx, row.run_id, to.updated_at));
    } else {
      return error::BundleRowWrong("states.jsonl", "a run does not move like that");
    }
    state = to.state;
  }
  return absl::OkStatus();
}

// The states of each task since it was begun last, which is what a task is stored with.
std::map<std::string, TaskHistory> HistoriesOf(const BundleRows& rows) {
  std::map<std::string, TaskHistory> histories;
  for (const TaskStateRow& state : rows.task_states) {
    TaskHistory& history = histories[state.task_id];
    if (!history.empty() && !MayMove(history.back().first, state.state)) history.clear();
    history.emplace_back(state.state, state.updated_at);
  }
  return histories;
}

absl::Status InsertTasks(db::Tx& tx, const ImportedRun& import) {
  const std::string& run_id = import.run.run_id;
  std::map<std::string, TaskHistory> histories = HistoriesOf(import.rows);
  std::set<std::string> recorded;  // by a client; of the others the pipeline tells more
  for (const TaskRecordRow& record : import.rows.task_records) recorded.insert(record.task_id);
  for (const TaskRow& given : import.rows.tasks) {
    TaskHistory& history = histories[given.task_id];
    if (history.empty() || history.back().first != given.state) history = {{given.state, given.finished_at}};
    TaskRow row = given;
    row.run_id = run_id;
    row.task_id = import.TaskId(given.task_id);
    if (!given.parent_task_id.empty()) row.parent_task_id = import.TaskId(given.parent_task_id);
    row.recorded = recorded.count(given.task_id) > 0;
    RETURN_IF_ERROR(TaskInsert(tx, row, history));
  }
  for (const TaskParameterRow& given : import.rows.parameters) {
    TaskParameterRow row = given;
    row.task_id = import.TaskId(given.task_id);
    RETURN_IF_ERROR(TaskParameterInsert(tx, run_id, row));
  }
  return absl::OkStatus();
}

absl::Status InsertAttempts(db::Tx& tx, const ImportedRun& import, absl::Time now) {
  for (const auto& [sha256, text] : import.rows.setups) {
    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kSetup, sha256, text, now));
  }
  for (const auto& [sha256, text] : import.rows.places) {
    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kPlace, sha256, text, now));
  }
  for (const TaskAttemptRow& given : import.rows.attempts) {
    TaskAttemptRow row = given;
    row.run_id = import.run.run_id;
    row.task_id = import.TaskId(given.task_id);
    const auto log = import.log_uris.find({given.task_id, given.number});
    row.log_path = log == import.log_uris.end() ? "" : WithoutScheme(log->second);
    RETURN_IF_ERROR(TaskAttemptInsert(tx, row));
    RETURN_IF_ERROR(TaskAttemptFinish(tx, row));
  }
  return absl::OkStatus();
}

absl::Status InsertArtifacts(db::Tx& tx, const ImportedRun& import, ImportedArtifacts* artifacts) {
  RETURN_IF_ERROR(FindKnownDatasets(tx, import, artifacts));
  if (!import.rows.artifacts.empty()) {
    ASSIGN_OR_RETURN(int64_t next, ArtifactIdReserve(tx, static_cast<int64_t>(import.rows.artifacts.size())));
    for (const ArtifactRow& given : import.rows.artifacts) {
      if (artifacts->ids.count(given.artifact_id) + artifacts->same.count(given.artifact_id) > 0) continue;
      ArtifactRow row = given;
      row.artifact_id = artifacts->ids[given.artifact_id] = next++;
      ASSIGN_OR_RETURN(const auto taken, ArtifactFindByText(tx, given.uuid));
      if (taken.has_value() || !CheckNewId("uuid", given.uuid).ok()) {
        row.uuid = import.context.deps.ids.NewId();
      }
      artifacts->uuids[given.artifact_id] = row.uuid;
      row.run_id = import.run.run_id;
      row.namespace_ = import.run.namespace_;
      row.uri = ImportedUri(import, given);
      row.content_stat.clear();
      RETURN_IF_ERROR(ArtifactInsert(tx, row));
    }
    for (const auto& [id, first] : artifacts->same) artifacts->ids[id] = artifacts->ids.at(first);
  }
  for (const ArtifactTaskRow& given : import.rows.links) {
    ArtifactTaskRow row = given;
    row.run_id = import.run.run_id;
    if (!given.task_id.empty()) row.task_id = import.TaskId(given.task_id);
    row.artifact_id = artifacts->ids.at(given.artifact_id);
    RETURN_IF_ERROR(ArtifactTaskInsert(tx, row));
  }
  return absl::OkStatus();
}

absl::Status InsertMetrics(db::Tx& tx, const ImportedRun& import) {
  std::map<std::string, std::vector<NamedMetricPoint>> by_task;
  for (const BundleMetric& metric : import.rows.metrics) {
    by_task[metric.task_id].push_back({metric.name, metric.point});
  }
  for (const auto& [task_id, points] : by_task) {
    const std::string owner = task_id.empty() ? "" : import.TaskId(task_id);
    RETURN_IF_ERROR(MetricsLog(tx, {import.run.run_id, owner}, points));
  }
  return absl::OkStatus();
}

absl::Status InsertAll(db::Tx& tx, const ImportedRun& import, absl::Time now) {
  RETURN_IF_ERROR(InsertRun(tx, import));
  RETURN_IF_ERROR(InsertTasks(tx, import));
  RETURN_IF_ERROR(InsertAttempts(tx, import, now));
  ImportedArtifacts artifacts;
  RETURN_IF_ERROR(InsertArtifacts(tx, import, &artifacts));
  RETURN_IF_ERROR(InsertMetrics(tx, import));
  return InsertImportedRecords(tx, import, artifacts);
}

// The run that the bundle becomes, recorded, and of no pipeline that is stored here; and the experiment that it goes into.
absl::Status ChooseRun(ImportedRun& import, const penstock::v1::ImportRunOptions& options) {
  const Deps& deps = import.context.deps;
  RunRow& row = import.run;
  row = import.rows.run;
  row.experiment_id = options.experiment_id().empty() ? deps.default_experiment_id : options.experiment_id();
  row.state = RunState::kPending;
  row.finished_at = absl::UnixEpoch();
  row.driver = RunDriver::kClient;
  absl::Status taken;
  RETURN_IF_ERROR(deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(import.experiment, ExperimentGet(tx, row.experiment_id));
    const absl::Status found = RunGet(tx, row.run_id).status();
    taken = found.ok() ? error::ImportedRunExists(row.run_id) : absl::OkStatus();
    if (!absl::IsNotFound(found)) return found;
    // What it would bring would go with what is on its way out.
    const auto removal = ContentRemovalGet(tx, row.run_id);
    if (removal.ok() && removal->due_at.has_value()) taken = error::ImportedRunStillGoes(row.run_id);
    return removal.ok() || absl::IsNotFound(removal.status()) ? absl::OkStatus() : removal.status();
  }));
  row.namespace_ = import.experiment.namespace_;
  if (taken.ok() || !options.new_id()) return taken;
  row.run_id = deps.ids.NewId();
  for (const TaskRow& task : import.rows.tasks) import.task_ids[task.task_id] = deps.ids.NewId();
  return absl::OkStatus();
}

}  // namespace

absl::Status RunImport(RequestContext& context, const penstock::v1::ImportRunOptions& options,
                       const ByteSource& source, penstock::v1::ImportRunResponse* reply) {
  RETURN_IF_ERROR(TakeMemory(context, limits::kBundleMemoryBytes));
  BundleContentsRead read;
  RETURN_IF_ERROR(ReadBundle(source, &read));
  ASSIGN_OR_RETURN(BundleRows rows, RowsFromMembers(read.rows));
  read.rows.clear();
  RETURN_IF_ERROR(CheckTexts(rows));
  ImportedRun import{context, std::move(rows), read.files, "", ""};
  RETURN_IF_ERROR(CheckImportedFiles(import));
  RETURN_IF_ERROR(ChooseRun(import, options));
  // In the run's own folders, so that they go with it, and apart from what another import of it may be writing.
  const std::string place =
      absl::StrCat("/", PathComponent(import.run.run_id), "/", context.deps.ids.NewId());
  import.artifacts_uri = absl::StrCat(kArtifactsUri, "/", kImportedPipeline, place);
  import.logs_uri = absl::StrCat(kLogsUri, place);
  RETURN_IF_ERROR(ChooseModelIds(import));
  AdaptArtifacts(import);
  auto remove = absl::MakeCleanup([&] { RemoveImportedFiles(import); });
  RETURN_IF_ERROR(WriteImportedFiles(import));
  const absl::Time now = context.deps.clock.Now();
  const absl::Status written =
      context.deps.store.Write([&](db::Tx& tx) { return InsertAll(tx, import, now); });
  if (absl::IsAlreadyExists(written)) return error::ImportedRunExists(import.run.run_id);
  RETURN_IF_ERROR(written);
  std::move(remove).Cancel();
  reply->set_run_id(import.run.run_id);
  reply->set_exported_run_id(import.rows.run.run_id);
  reply->set_experiment_id(import.run.experiment_id);
  reply->set_tasks(static_cast<int32_t>(import.rows.tasks.size()));
  reply->set_artifacts(static_cast<int32_t>(import.rows.artifacts.size()));
  reply->set_contents(static_cast<int32_t>(import.rows.contents.size()));
  return absl::OkStatus();
}

}  // namespace penstock
