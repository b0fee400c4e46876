#include <algorithm>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/errors.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/bundle/bundle_rows.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/handlers/run_bundle.h"
#include "server/memory.h"
#include "storage/artifact_store.h"
#include "storage/dataset_store.h"
#include "storage/experiment_store.h"
#include "storage/logged_model_store.h"
#include "storage/metric_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"
#include "storage/tag_store.h"
#include "storage/task_attempt_store.h"
#include "storage/task_record_store.h"
#include "storage/task_store.h"

namespace penstock {
namespace {

constexpr size_t kPieceBytes = 256 << 10;
constexpr int kSeriesAtOnce = 1'000;
constexpr int kPointsAtOnce = 10'000;
constexpr size_t kOwnersAtOnce = 200;

// Something that lies in the content store, and the member that it becomes.
struct StoredFile {
  std::string uri;
  std::string member;
  int64_t size = 0;
};

absl::Status AddPoints(db::Tx& tx, const MetricSeriesRow& series, BundleRows* rows) {
  std::optional<MetricPoint> after;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<MetricPoint> points,
                     MetricPointsRead(tx, series.series_id, std::numeric_limits<int64_t>::min(),
                                      std::numeric_limits<int64_t>::max(), after, kPointsAtOnce));
    for (const MetricPoint& point : points) rows->metrics.push_back({series.task_id, series.name, point});
    if (rows->metrics.size() > static_cast<size_t>(limits::kBundleMetricPoints)) {
      return error::BundleTooLarge("kBundleMetricPoints", limits::kBundleMetricPoints);
    }
    if (points.size() < kPointsAtOnce) return absl::OkStatus();
    after = points.back();
  }
}

absl::Status AddMetrics(db::Tx& tx, const std::string& run_id, BundleRows* rows) {
  MetricSeriesRow after;
  while (true) {
    ASSIGN_OR_RETURN(const std::vector<MetricSeriesRow> series,
                     MetricSeriesList(tx, run_id, {}, after, kSeriesAtOnce));
    for (const MetricSeriesRow& one : series) RETURN_IF_ERROR(AddPoints(tx, one, rows));
    if (series.size() < kSeriesAtOnce) return absl::OkStatus();
    after = series.back();
  }
}

// Those that a client has given a run that it records, beside those that the run was made with.
absl::Status AddRecordedParameters(db::Tx& tx, BundleRows* rows) {
  if (rows->run.driver != RunDriver::kClient) return absl::OkStatus();
  RunParameterRows recorded;
  RETURN_IF_ERROR(RunParametersLater(tx, {rows->run.run_id}, &recorded));
  RETURN_IF_ERROR(tx.Flush());
  ASSIGN_OR_RETURN(Json parameters, ParseJson(rows->config.parameters));
  for (const auto& [name, value] : recorded[rows->run.run_id]) {
    if (!parameters.contains(name)) parameters[name] = value;
  }
  rows->config.parameters = DumpJson(parameters);
  return absl::OkStatus();
}

// How what the run refers to is called; what has been deleted is not.
absl::Status AddNames(db::Tx& tx, BundleRows* rows) {
  const auto experiment = ExperimentGet(tx, rows->run.experiment_id);
  if (experiment.ok()) rows->names["experiment"] = experiment->name;
  if (rows->run.pipeline_version_id.empty()) return absl::OkStatus();
  const auto version = PipelineVersionGetWithoutTags(tx, rows->run.pipeline_version_id);
  if (absl::IsNotFound(version.status())) return absl::OkStatus();
  RETURN_IF_ERROR(version.status());
  rows->names["pipeline_version"] = version->name;
  rows->names["code"] = version->code_source_url;
  const auto pipeline = PipelineGet(tx, version->pipeline_id);
  if (pipeline.ok()) rows->names["pipeline"] = pipeline->name;
  return absl::OkStatus();
}

absl::Status AddAttempts(db::Tx& tx, BundleRows* rows) {
  ASSIGN_OR_RETURN(rows->attempts, TaskAttemptList(tx, rows->run.run_id));
  std::vector<std::string> setups;
  std::vector<std::string> places;
  for (TaskAttemptRow& attempt : rows->attempts) {
    setups.push_back(attempt.setup_sha256);
    places.push_back(attempt.place_sha256);
  }
  ASSIGN_OR_RETURN(rows->setups, AttemptTextsGet(tx, AttemptText::kSetup, setups));
  ASSIGN_OR_RETURN(rows->places, AttemptTextsGet(tx, AttemptText::kPlace, places));
  return absl::OkStatus();
}

// Room for what is recorded with a bound for each thing alone: reading ends where no bundle could have it all.
class RowRoom {
 public:
  absl::Status Take(size_t bytes) {
    left_ -= static_cast<int64_t>(bytes);
    return left_ < 0 ? error::BundleTooLarge("kBundleRowsBytes", limits::kBundleRowsBytes) : absl::OkStatus();
  }

 private:
  int64_t left_ = limits::kBundleRowsBytes;
};

absl::Status AddDatasets(db::Tx& tx, RowRoom& room, BundleRows* rows) {
  const std::string& run_id = rows->run.run_id;
  ASSIGN_OR_RETURN(rows->datasets, DatasetsOfRun(tx, run_id));
  for (const DatasetRow& row : rows->datasets) {
    RETURN_IF_ERROR(room.Take(row.source.size() + row.columns.size() + row.profile.size()));
  }
  ASSIGN_OR_RETURN(rows->input_tags, InputTagsOfRun(tx, run_id));
  // A link that a client has taken away leaves its tags.
  std::set<std::pair<std::string, int64_t>> taken;
  for (const ArtifactTaskRow& link : rows->links) {
    if (link.direction == Direction::kInput) taken.emplace(link.task_id, link.artifact_id);
  }
  std::erase_if(rows->input_tags, [&](const InputTagRow& row) {
    return taken.count({row.task_id, row.artifact_id}) == 0;
  });
  return absl::OkStatus();
}

absl::Status AddModels(db::Tx& tx, RowRoom& room, BundleRows* rows) {
  const std::string& run_id = rows->run.run_id;
  LoggedModelRows models;
  ModelLinks links;
  RETURN_IF_ERROR(LoggedModelsOfRunLater(tx, run_id, &models));
  RETURN_IF_ERROR(ModelLinksLater(tx, {run_id}, &links));
  RETURN_IF_ERROR(tx.Flush());
  rows->model_links = std::move(links[run_id]);
  std::set<int64_t> artifacts;
  for (const ArtifactRow& artifact : rows->artifacts) artifacts.insert(artifact.artifact_id);
  std::vector<std::string> ids;
  for (auto& [id, model] : models) {
    if (artifacts.count(model.artifact_id) == 0) model.artifact_id = 0;
    rows->models.push_back(std::move(model));
    ids.push_back(id);
  }
  for (size_t from = 0; from < ids.size(); from += kOwnersAtOnce) {
    const size_t to = std::min(ids.size(), from + kOwnersAtOnce);
    const std::vector<std::string> some(ids.begin() + static_cast<ptrdiff_t>(from),
                                        ids.begin() + static_cast<ptrdiff_t>(to));
    LoggedModelParameters parameters;
    LoggedModelMetrics metrics;
    RETURN_IF_ERROR(LoggedModelParametersLater(tx, some, &parameters));
    RETURN_IF_ERROR(LoggedModelMetricsLater(tx, some, &metrics));
    RETURN_IF_ERROR(tx.Flush());
    for (const auto& [id, of_model] : parameters) {
      for (const auto& [name, value] : of_model) {
        RETURN_IF_ERROR(room.Take(name.size() + value.size()));
        rows->model_parameters.push_back({id, name, value});
      }
    }
    for (auto& [id, of_model] : metrics) {
      std::move(of_model.begin(), of_model.end(), std::back_inserter(rows->model_metrics));
    }
  }
  return absl::OkStatus();
}

// Whose tags there may be beside the run's, by their owners as tags know them.
std::vector<std::pair<std::string, BundleTag>> TagOwnersOf(const BundleRows& rows) {
  std::vector<std::pair<std::string, BundleTag>> owners = {{rows.run.run_id, {}}};
  for (const TaskRow& task : rows.tasks) {
    owners.emplace_back(TaskTagOwner(rows.run.run_id, task.task_id), BundleTag{.task_id = task.task_id});
  }
  for (const ArtifactRow& artifact : rows.artifacts) {
    owners.emplace_back(ArtifactTagOwner(artifact.uuid), BundleTag{.artifact_id = artifact.artifact_id});
  }
  for (const LoggedModelRow& model : rows.models) {
    owners.emplace_back(LoggedModelTagOwner(model.model_id), BundleTag{.model_id = model.model_id});
  }
  return owners;
}

absl::Status AddTypedTags(db::Tx& tx, RowRoom& room, BundleRows* rows) {
  const std::vector<std::pair<std::string, BundleTag>> owners = TagOwnersOf(*rows);
  for (size_t from = 0; from < owners.size(); from += kOwnersAtOnce) {
    const size_t to = std::min(owners.size(), from + kOwnersAtOnce);
    std::vector<std::string> names;
    for (size_t i = from; i < to; ++i) names.push_back(owners[i].first);
    std::map<std::string, TypedTags> tags;
    RETURN_IF_ERROR(TypedTagsReadLater(tx, names, &tags));
    RETURN_IF_ERROR(tx.Flush());
    for (size_t i = from; i < to; ++i) {
      for (const auto& [name, tag] : tags[owners[i].first]) {
        RETURN_IF_ERROR(room.Take(name.size() + tag.value.size()));
        if (i == 0 && tag.type == TagType::kString) continue;  // in run.json
        BundleTag& row = rows->typed_tags.emplace_back(owners[i].second);
        row.name = name;
        row.tag = tag;
      }
    }
  }
  return absl::OkStatus();
}

// What clients have recorded of tasks.
absl::Status AddTaskRecords(db::Tx& tx, RowRoom& room, BundleRows* rows) {
  const std::string& run_id = rows->run.run_id;
  LoggedParameters parameters;
  RETURN_IF_ERROR(LoggedParametersLater(tx, run_id, &parameters));
  ASSIGN_OR_RETURN(const int64_t bytes, TaskRecordBytes(tx, run_id));
  for (const auto& [task_id, of_task] : parameters) {
    for (const auto& [name, value] : of_task) {
      RETURN_IF_ERROR(room.Take(name.size() + value.size()));
      rows->logged_parameters.push_back({task_id, name, value});
    }
  }
  RETURN_IF_ERROR(room.Take(bytes));
  ASSIGN_OR_RETURN(rows->task_records, TaskRecordList(tx, run_id));
  return absl::OkStatus();
}

absl::Status ReadRows(db::Tx& tx, const std::string& run_id, BundleRows* rows) {
  *rows = {};
  ASSIGN_OR_RETURN(rows->run, RunGet(tx, run_id));
  if (!IsFinal(rows->run.state)) return error::ExportOfUnfinishedRun(run_id, Name(rows->run.state));
  ASSIGN_OR_RETURN(rows->config, RunConfigGet(tx, run_id));
  ASSIGN_OR_RETURN(rows->spec, SpecGet(tx, rows->config.spec_sha256));
  ASSIGN_OR_RETURN(rows->states, RunStates(tx, run_id));
  RETURN_IF_ERROR(TagsRead(tx, run_id, &rows->tags));
  RETURN_IF_ERROR(AddNames(tx, rows));
  RETURN_IF_ERROR(AddRecordedParameters(tx, rows));
  ASSIGN_OR_RETURN(rows->tasks, TaskList(tx, run_id));
  ASSIGN_OR_RETURN(rows->task_states, TaskStates(tx, run_id));
  RETURN_IF_ERROR(AddAttempts(tx, rows));
  for (const Direction direction : {Direction::kInput, Direction::kOutput}) {
    ASSIGN_OR_RETURN(std::vector<TaskParameterRow> parameters, TaskParameterList(tx, run_id, direction));
    std::move(parameters.begin(), parameters.end(), std::back_inserter(rows->parameters));
  }
  ASSIGN_OR_RETURN(rows->artifacts, ArtifactList(tx, run_id));
  ASSIGN_OR_RETURN(rows->links, ArtifactTaskList(tx, run_id));
  // As they came to be, which is the order in which MLflow's clients see data sets.
  std::sort(rows->links.begin(), rows->links.end(),
            [](const ArtifactTaskRow& a, const ArtifactTaskRow& b) { return a.link_id < b.link_id; });
  RETURN_IF_ERROR(AddMetrics(tx, run_id, rows));
  RowRoom room;
  RETURN_IF_ERROR(AddDatasets(tx, room, rows));
  RETURN_IF_ERROR(AddModels(tx, room, rows));
  RETURN_IF_ERROR(AddTypedTags(tx, room, rows));
  return AddTaskRecords(tx, room, rows);
}

// The size of a file; nothing if none is there.
absl::StatusOr<std::optional<int64_t>> FileSize(const ContentStore& content, const std::string& uri) {
  const auto info = content.Stat(uri);
  if (absl::IsNotFound(info.status())) return std::nullopt;
  RETURN_IF_ERROR(info.status());
  if (info->kind != ContentKind::kFile) return std::nullopt;
  return info->size_bytes;
}

absl::Status FindLogs(const ContentStore& content, BundleRows* rows, std::vector<StoredFile>* files) {
  for (const TaskAttemptRow& attempt : rows->attempts) {
    const std::string uri = WithScheme(attempt.log_path);
    if (attempt.log_path.empty() || !content.Serves(uri)) continue;
    ASSIGN_OR_RETURN(const std::optional<int64_t> size, FileSize(content, uri));
    if (!size.has_value()) continue;  // it printed nothing
    const std::string member = absl::StrCat("logs/", rows->logs.size());
    rows->logs.push_back({attempt.task_id, attempt.number, member});
    files->push_back({uri, member, *size});
  }
  return absl::OkStatus();
}

// A file, or the files of a folder with their paths in it. `name` is given the path, empty for a file itself, and makes
// the row that names the member.
using NameFile = std::function<void(const std::string& path, const std::string& member)>;
absl::Status FindFiles(const ContentStore& content, const std::string& uri, const std::string& path,
                       const NameFile& name, int* contents, std::vector<StoredFile>* files) {
  const std::string here = path.empty() ? uri : absl::StrCat(uri, "/", path);
  ASSIGN_OR_RETURN(const std::optional<int64_t> size, FileSize(content, here));
  if (size.has_value()) {
    if (files->size() >= static_cast<size_t>(limits::kBundleMembers)) {
      return error::BundleTooManyMembers(limits::kBundleMembers);
    }
    const std::string member = absl::StrCat("contents/", (*contents)++);
    name(path, member);
    files->push_back({here, member, *size});
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::vector<ContentEntry> entries, content.List(here));
  for (const ContentEntry& entry : entries) {
    if (entry.kind == ContentKind::kOther) continue;  // links lead anywhere
    const std::string inside = path.empty() ? entry.name : absl::StrCat(path, "/", entry.name);
    if (std::count(inside.begin(), inside.end(), '/') > limits::kBundleFolderDepth) continue;
    RETURN_IF_ERROR(FindFiles(content, uri, inside, name, contents, files));
  }
  return absl::OkStatus();
}

absl::Status FindContents(const ContentStore& content, BundleRows* rows, int* contents,
                          std::vector<StoredFile>* files) {
  for (const ArtifactRow& artifact : rows->artifacts) {
    const std::string& uri = artifact.custom_path.empty() ? artifact.uri : artifact.custom_path;
    if (!content.Serves(uri) || !absl::StartsWith(uri, absl::StrCat(kArtifactsUri, "/"))) continue;
    const auto name = [&](const std::string& path, const std::string& member) {
      rows->contents.push_back({artifact.artifact_id, path, member});
    };
    RETURN_IF_ERROR(FindFiles(content, uri, "", name, contents, files));
  }
  return absl::OkStatus();
}

// What MLflow's clients have put beside the run and its tasks, unless that lies elsewhere.
absl::Status FindMlflowFiles(RequestContext& context, const ExperimentRow& experiment, BundleRows* rows,
                             int* contents, std::vector<StoredFile>* files) {
  std::vector<std::string> tasks = {""};
  for (const TaskRow& task : rows->tasks) tasks.push_back(task.task_id);
  for (const std::string& task_id : tasks) {
    const std::string& run_id = rows->run.run_id;
    const std::string id = task_id.empty() ? run_id : TaskRunId(run_id, task_id);
    const auto folder =
        ContentUriOfMlflow(RunArtifactUri(context.deps.default_experiment_id, experiment, id));
    if (!folder.has_value() || !context.deps.content.Serves(*folder)) continue;
    const auto name = [&](const std::string& path, const std::string& member) {
      rows->mlflow_files.push_back({task_id, path, member});
    };
    RETURN_IF_ERROR(FindFiles(context.deps.content, *folder, "", name, contents, files));
  }
  return absl::OkStatus();
}

absl::Status WriteFile(const ContentStore& content, const StoredFile& file, BundleWriter& writer) {
  ASSIGN_OR_RETURN(const std::unique_ptr<ContentReader> reader, content.Open(file.uri));
  RETURN_IF_ERROR(writer.Begin(file.member, file.size));
  std::string buffer(kPieceBytes, '\0');
  int64_t offset = 0;
  while (offset < file.size) {
    ASSIGN_OR_RETURN(const absl::string_view piece, reader->Read(offset, absl::MakeSpan(buffer)));
    if (piece.empty()) break;
    RETURN_IF_ERROR(writer.Append(piece.substr(0, file.size - offset)));
    offset += static_cast<int64_t>(piece.size());
  }
  return writer.End();
}

}  // namespace

absl::Status RunExport(RequestContext& context, const penstock::v1::ExportRunRequest& request,
                       const ByteSink& sink) {
  RETURN_IF_ERROR(TakeMemoryForRun(context, request.run_id()));
  RETURN_IF_ERROR(TakeMemory(context, limits::kBundleMemoryBytes));
  BundleRows rows;
  ExperimentRow experiment;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    RETURN_IF_ERROR(ReadRows(tx, request.run_id(), &rows));
    experiment = {};
    experiment.experiment_id = rows.run.experiment_id;
    auto found = ExperimentGet(tx, rows.run.experiment_id);
    if (found.ok()) experiment = *std::move(found);
    return absl::OkStatus();
  }));
  std::vector<StoredFile> files;
  const ContentStore& content = context.deps.content;
  RETURN_IF_ERROR(FindLogs(content, &rows, &files));
  if (request.include_contents()) {
    int contents = 0;
    RETURN_IF_ERROR(FindContents(content, &rows, &contents, &files));
    RETURN_IF_ERROR(FindMlflowFiles(context, experiment, &rows, &contents, &files));
  }
  BundleWriter writer(sink);
  int64_t row_bytes = 0;
  for (const auto& [name, text] : RowMembers(rows)) {
    row_bytes += static_cast<int64_t>(text.size());
    if (row_bytes > limits::kBundleRowsBytes) {
      return error::BundleTooLarge("kBundleRowsBytes", limits::kBundleRowsBytes);
    }
    RETURN_IF_ERROR(writer.Add(name, text));
  }
  for (const StoredFile& file : files) RETURN_IF_ERROR(WriteFile(content, file, writer));
  return writer.Finish();
}

}  // namespace penstock
