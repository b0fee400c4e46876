// Reading of runs and tasks for MlflowRunsRead and MlflowTasksRead.
#include <algorithm>
#include <set>

#include "common/limits.h"
#include "common/status_macros.h"
#include "pipeline/spec/pipeline_spec.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_run.h"
#include "storage/dataset_store.h"
#include "storage/experiment_store.h"
#include "storage/logged_model_store.h"
#include "storage/metric_store.h"
#include "storage/pipeline_store.h"
#include "storage/run_parameter_store.h"
#include "storage/run_store.h"
#include "storage/spec_store.h"

namespace penstock {
namespace {

// Runs that are read with one statement for each kind of what belongs to them.
constexpr size_t kRunsTogether = 200;
// Pipelines that are parsed for their names; those of further runs are left out.
constexpr int kPipelinesParsed = 20;

// What belongs to some runs.
struct Belongings {
  std::map<std::string, TypedTags> tags;
  RunParameterRows params;
  RunMetricRows metrics;
  DatasetInputs datasets;
  ModelLinks models;
  ExperimentRows experiments;
  RunConfigRows configs;  // of those that the engine drives
};

template <typename Map>
auto* FindIn(const Map& map, const std::string& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : &found->second;
}

absl::Status ReadBelongings(db::Tx& tx, const std::vector<std::string>& ids,
                            const std::set<std::string>& experiments, const std::vector<std::string>& driven,
                            Belongings* read) {
  RETURN_IF_ERROR(TypedTagsReadLater(tx, ids, &read->tags));
  RETURN_IF_ERROR(RunParametersLater(tx, ids, &read->params));
  RETURN_IF_ERROR(RunMetricsLater(tx, ids, &read->metrics));
  RETURN_IF_ERROR(DatasetInputsLater(tx, ids, &read->datasets));
  RETURN_IF_ERROR(ModelLinksLater(tx, ids, &read->models));
  RETURN_IF_ERROR(ExperimentsFindLater(tx, {experiments.begin(), experiments.end()}, &read->experiments));
  RETURN_IF_ERROR(RunConfigsLater(tx, driven, read->configs));
  return tx.Flush();
}

// Names of pipelines, each found once.
class PipelineNames {
 public:
  PipelineNames(RequestContext& context, db::Tx& tx) : context_(context), tx_(tx) {}

  absl::StatusOr<std::string> Of(const RunRow& run, const RunConfigRow* config) {
    if (config == nullptr) return "";
    const std::string& key = run.pipeline_id.empty() ? config->spec_sha256 : run.pipeline_id;
    const auto known = names_.find(key);
    if (known != names_.end()) return known->second;
    std::string name;
    if (!run.pipeline_id.empty()) {
      const auto pipeline = PipelineGet(tx_, run.pipeline_id);
      if (pipeline.ok()) name = pipeline->display_name;
      if (!pipeline.ok() && !absl::IsNotFound(pipeline.status())) return pipeline.status();
    } else {
      ASSIGN_OR_RETURN(name, OfSpec(config->spec_sha256));
    }
    names_[key] = name;
    return name;
  }

 private:
  absl::StatusOr<std::string> OfSpec(const std::string& spec_sha256) {
    auto document = context_.deps.documents.Find(spec_sha256);
    if (document == nullptr) {
      if (++parsed_ > kPipelinesParsed) return "";
      ASSIGN_OR_RETURN(const std::string text, SpecGet(tx_, spec_sha256));
      ASSIGN_OR_RETURN(document, LoadStoredPipeline(text));
      context_.deps.documents.Put(spec_sha256, document);
    }
    return document->spec.pipeline_info().name();
  }

  RequestContext& context_;
  db::Tx& tx_;
  std::map<std::string, std::string> names_;
  int parsed_ = 0;
};

}  // namespace

absl::Status MlflowRunsRead(RequestContext& context, db::Tx& tx, const std::vector<RunRow>& rows,
                            const MlflowRunAdd& add) {
  PipelineNames names(context, tx);
  for (size_t from = 0; from < rows.size(); from += kRunsTogether) {
    const size_t to = std::min(rows.size(), from + kRunsTogether);
    std::vector<std::string> ids;
    std::vector<std::string> driven;
    std::set<std::string> experiments;
    for (size_t i = from; i < to; ++i) {
      ids.push_back(rows[i].run_id);
      if (rows[i].driver == RunDriver::kEngine) driven.push_back(rows[i].run_id);
      experiments.insert(rows[i].experiment_id);
    }
    Belongings read;
    RETURN_IF_ERROR(ReadBelongings(tx, ids, experiments, driven, &read));
    for (size_t i = from; i < to; ++i) {
      const std::string& id = rows[i].run_id;
      ASSIGN_OR_RETURN(const std::string pipeline, names.Of(rows[i], FindIn(read.configs, id)));
      RunToMlflow(context.deps.default_experiment_id,
                  {&rows[i], nullptr, FindIn(read.experiments, rows[i].experiment_id), FindIn(read.tags, id),
                   FindIn(read.params, id), FindIn(read.metrics, id), FindIn(read.datasets, id),
                   FindIn(read.models, id), pipeline},
                  add());
    }
  }
  return absl::OkStatus();
}

absl::Status MlflowTasksRead(RequestContext& context, db::Tx& tx, const RunRow& run,
                             const std::vector<TaskRow>& tasks, const MlflowRunAdd& add) {
  if (tasks.empty()) return absl::OkStatus();
  Belongings read;
  RETURN_IF_ERROR(ReadBelongings(tx, {run.run_id}, {run.experiment_id}, {}, &read));
  LoggedParameters params;
  RETURN_IF_ERROR(LoggedParametersLater(tx, run.run_id, &params));
  std::map<std::string, TypedTags> tags;
  for (size_t from = 0; from < tasks.size(); from += kRunsTogether) {
    std::vector<std::string> owners;
    for (size_t i = from; i < std::min(tasks.size(), from + kRunsTogether); ++i) {
      owners.push_back(TaskTagOwner(run.run_id, tasks[i].task_id));
    }
    RETURN_IF_ERROR(TypedTagsReadLater(tx, owners, &tags));
  }
  RETURN_IF_ERROR(tx.Flush());
  for (const TaskRow& task : tasks) {
    MetricSeriesFilter filter;
    filter.task_id = task.task_id;
    ASSIGN_OR_RETURN(const auto series,
                     MetricSeriesList(tx, run.run_id, filter, {}, limits::kRunMetricSeries));
    std::map<std::string, MetricPoint> metrics;
    for (const MetricSeriesRow& one : series) metrics[one.name] = one.latest;
    RunToMlflow(context.deps.default_experiment_id,
                {&run, &task, FindIn(read.experiments, run.experiment_id),
                 FindIn(tags, TaskTagOwner(run.run_id, task.task_id)), FindIn(params, task.task_id), &metrics,
                 FindIn(read.datasets, run.run_id), FindIn(read.models, run.run_id), ""},
                add());
  }
  return absl::OkStatus();
}

}  // namespace penstock
