#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/bundle/bundle_rows.h"
#include "server/errors.h"
#include "server/handlers/run_bundle.h"
#include "server/memory.h"
#include "server/validate.h"
#include "storage/artifact_store.h"
#include "storage/attempt_record_store.h"
#include "storage/experiment_store.h"
#include "storage/metric_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/tag_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

// What an URI of another Penstock begins with whose content did not come along: nothing here serves it.
constexpr char kElsewhere[] = "bundle://";
constexpr char kImportKeyPrefix[] = "bundle:";

// One import, from its unpacked bundle to its rows.
struct ImportedRun {
  RequestContext& context;
  BundleRows rows;
  BundleFiles& files;
  std::string artifacts_uri;  // of its own contents and logs: nobody else's
  std::string logs_uri;
  std::map<std::string, std::string> task_ids;  // ours by the bundle's
  std::map<std::pair<std::string, int>, std::string> log_uris;
  std::set<int64_t> with_content;  // artifacts of which the bundle has it

  const std::string& TaskId(const std::string& id) const {
    const auto found = task_ids.find(id);
    return found == task_ids.end() ? id : found->second;
  }
};

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
  return absl::OkStatus();
}

// Every member that rows name has to be there, and no other.
absl::Status CheckFiles(const ImportedRun& import) {
  std::set<std::string> named;
  for (const BundleLog& log : import.rows.logs) named.insert(log.member);
  for (const BundleContent& content : import.rows.contents) named.insert(content.member);
  if (named.size() != import.rows.logs.size() + import.rows.contents.size()) {
    return error::BundleRowWrong("logs.jsonl, contents.jsonl", "two rows name one member");
  }
  for (const std::string& name : named) {
    if (!import.files.Has(name)) return error::BundleMemberMissing(name);
  }
  for (const std::string& name : import.files.Names()) {
    if (named.count(name) == 0) return error::BundleMemberUnknown(name);
  }
  return absl::OkStatus();
}

// --- Contents, before the rows that name them ---

std::string ArtifactUriIn(const ImportedRun& import, int64_t artifact_id) {
  return absl::StrCat(import.artifacts_uri, "/", artifact_id);
}

absl::Status WriteFiles(ImportedRun& import) {
  ContentStore& content = import.context.deps.content;
  for (const BundleLog& log : import.rows.logs) {
    const std::string uri =
        absl::StrCat(import.logs_uri, "/", log.member.substr(log.member.find('/') + 1), ".log");
    RETURN_IF_ERROR(
        import.files.Use(log.member, [&](absl::string_view bytes) { return content.Write(uri, bytes); }));
    import.log_uris[{log.task_id, log.number}] = uri;
  }
  for (const BundleContent& file : import.rows.contents) {
    std::string uri = ArtifactUriIn(import, file.artifact_id);
    if (!file.path.empty()) absl::StrAppend(&uri, "/", file.path);
    if (!content.Serves(uri)) return error::BundleRowWrong("contents.jsonl", "a path cannot be stored");
    RETURN_IF_ERROR(
        import.files.Use(file.member, [&](absl::string_view bytes) { return content.Write(uri, bytes); }));
    import.with_content.insert(file.artifact_id);
  }
  return absl::OkStatus();
}

// --- Rows ---

// Through all its states, as the engine would have moved it.
absl::Status InsertRun(db::Tx& tx, const ImportedRun& import, const RunRow& row) {
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
  return TagsInsert(tx, row.run_id, import.rows.tags);
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

absl::Status InsertTasks(db::Tx& tx, const ImportedRun& import, const std::string& run_id) {
  std::map<std::string, TaskHistory> histories = HistoriesOf(import.rows);
  for (const TaskRow& given : import.rows.tasks) {
    TaskHistory& history = histories[given.task_id];
    if (history.empty() || history.back().first != given.state) history = {{given.state, given.finished_at}};
    TaskRow row = given;
    row.run_id = run_id;
    row.task_id = import.TaskId(given.task_id);
    if (!given.parent_task_id.empty()) row.parent_task_id = import.TaskId(given.parent_task_id);
    row.recorded = true;
    RETURN_IF_ERROR(TaskInsert(tx, row, history));
  }
  for (const TaskParameterRow& given : import.rows.parameters) {
    TaskParameterRow row = given;
    row.task_id = import.TaskId(given.task_id);
    RETURN_IF_ERROR(TaskParameterInsert(tx, run_id, row));
  }
  return absl::OkStatus();
}

absl::Status InsertAttempts(db::Tx& tx, const ImportedRun& import, const std::string& run_id,
                            absl::Time now) {
  for (const auto& [sha256, text] : import.rows.setups) {
    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kSetup, sha256, text, now));
  }
  for (const auto& [sha256, text] : import.rows.places) {
    RETURN_IF_ERROR(AttemptTextPut(tx, AttemptText::kPlace, sha256, text, now));
  }
  for (const TaskAttemptRow& given : import.rows.attempts) {
    TaskAttemptRow row = given;
    row.run_id = run_id;
    row.task_id = import.TaskId(given.task_id);
    const auto log = import.log_uris.find({given.task_id, given.number});
    row.log_path = log == import.log_uris.end() ? "" : WithoutScheme(log->second);
    RETURN_IF_ERROR(TaskAttemptInsert(tx, row));
    RETURN_IF_ERROR(TaskAttemptFinish(tx, row));
  }
  return absl::OkStatus();
}

// Where the content is now. What did not come along is not here, whatever lies at that URI.
std::string UriOf(const ImportedRun& import, const ArtifactRow& artifact) {
  if (import.with_content.count(artifact.artifact_id) > 0) return ArtifactUriIn(import, artifact.artifact_id);
  absl::string_view uri = artifact.uri;
  return absl::ConsumePrefix(&uri, kUriScheme) ? absl::StrCat(kElsewhere, uri) : artifact.uri;
}

absl::Status InsertArtifacts(db::Tx& tx, const ImportedRun& import, const RunRow& run) {
  std::map<int64_t, int64_t> ids;
  if (!import.rows.artifacts.empty()) {
    ASSIGN_OR_RETURN(int64_t next, ArtifactIdReserve(tx, static_cast<int64_t>(import.rows.artifacts.size())));
    for (const ArtifactRow& given : import.rows.artifacts) {
      ArtifactRow row = given;
      row.artifact_id = ids[given.artifact_id] = next++;
      ASSIGN_OR_RETURN(const auto taken, ArtifactFindByText(tx, given.uuid));
      if (taken.has_value() || !CheckNewId("uuid", given.uuid).ok()) {
        row.uuid = import.context.deps.ids.NewId();
      }
      row.run_id = run.run_id;
      row.namespace_ = run.namespace_;
      row.uri = UriOf(import, given);
      row.content_stat.clear();
      // So that no import here takes it for one of its own.
      if (!given.import_key.empty()) row.import_key = absl::StrCat(kImportKeyPrefix, given.import_key);
      RETURN_IF_ERROR(ArtifactInsert(tx, row));
    }
  }
  for (const ArtifactTaskRow& given : import.rows.links) {
    ArtifactTaskRow row = given;
    row.run_id = run.run_id;
    if (!given.task_id.empty()) row.task_id = import.TaskId(given.task_id);
    row.artifact_id = ids[given.artifact_id];
    RETURN_IF_ERROR(ArtifactTaskInsert(tx, row));
  }
  return absl::OkStatus();
}

absl::Status InsertMetrics(db::Tx& tx, const ImportedRun& import, const std::string& run_id) {
  std::map<std::string, std::vector<NamedMetricPoint>> by_task;
  for (const BundleMetric& metric : import.rows.metrics) {
    by_task[metric.task_id].push_back({metric.name, metric.point});
  }
  for (const auto& [task_id, points] : by_task) {
    const std::string owner = task_id.empty() ? "" : import.TaskId(task_id);
    RETURN_IF_ERROR(MetricsLog(tx, {run_id, owner}, points));
  }
  return absl::OkStatus();
}

absl::Status InsertAll(db::Tx& tx, const ImportedRun& import, RunRow& run, absl::Time now) {
  ASSIGN_OR_RETURN(const ExperimentRow experiment, ExperimentGet(tx, run.experiment_id));
  run.namespace_ = experiment.namespace_;
  RETURN_IF_ERROR(InsertRun(tx, import, run));
  RETURN_IF_ERROR(InsertTasks(tx, import, run.run_id));
  RETURN_IF_ERROR(InsertAttempts(tx, import, run.run_id, now));
  RETURN_IF_ERROR(InsertArtifacts(tx, import, run));
  return InsertMetrics(tx, import, run.run_id);
}

// The run that the bundle becomes: recorded, and of no pipeline that is stored here.
absl::StatusOr<RunRow> RowOf(ImportedRun& import, const penstock::v1::ImportRunOptions& options) {
  const Deps& deps = import.context.deps;
  RunRow row = import.rows.run;
  row.experiment_id = options.experiment_id().empty() ? deps.default_experiment_id : options.experiment_id();
  row.state = RunState::kPending;
  row.finished_at = absl::UnixEpoch();
  row.driver = RunDriver::kClient;
  bool taken = false;
  RETURN_IF_ERROR(import.context.deps.store.Read([&](db::Tx& tx) {
    const absl::Status found = RunGet(tx, row.run_id).status();
    taken = found.ok();
    return absl::IsNotFound(found) ? absl::OkStatus() : found;
  }));
  if (!taken) return row;
  if (!options.new_id()) return error::ImportedRunExists(row.run_id);
  row.run_id = import.context.deps.ids.NewId();
  for (const TaskRow& task : import.rows.tasks) {
    import.task_ids[task.task_id] = import.context.deps.ids.NewId();
  }
  return row;
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
  const std::string place = context.deps.ids.NewId();
  ImportedRun import{context,
                     std::move(rows),
                     read.files,
                     absl::StrCat(kArtifactsUri, "/imported/", place),
                     absl::StrCat(kLogsUri, "/imported-", place),
                     {},
                     {},
                     {}};
  RETURN_IF_ERROR(CheckFiles(import));
  ASSIGN_OR_RETURN(RunRow run, RowOf(import, options));
  auto remove = absl::MakeCleanup([&] {
    (void)context.deps.content.Remove(import.artifacts_uri);
    (void)context.deps.content.Remove(import.logs_uri);
  });
  RETURN_IF_ERROR(WriteFiles(import));
  const absl::Time now = context.deps.clock.Now();
  const absl::Status written =
      context.deps.store.Write([&](db::Tx& tx) { return InsertAll(tx, import, run, now); });
  if (absl::IsAlreadyExists(written)) return error::ImportedRunExists(run.run_id);
  RETURN_IF_ERROR(written);
  std::move(remove).Cancel();
  reply->set_run_id(run.run_id);
  reply->set_exported_run_id(import.rows.run.run_id);
  reply->set_experiment_id(run.experiment_id);
  reply->set_tasks(static_cast<int32_t>(import.rows.tasks.size()));
  reply->set_artifacts(static_cast<int32_t>(import.rows.artifacts.size()));
  reply->set_contents(static_cast<int32_t>(import.rows.contents.size()));
  return absl::OkStatus();
}

}  // namespace penstock
