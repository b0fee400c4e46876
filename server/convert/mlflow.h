// What is stored, as MLflow's API names and shows it.
//
// Of an experiment the id is the same, but for the default experiment, which is "0" there. A task of a run is a run of its
// own, below the run that it is part of: its id is RUN_TASK.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "mlflow/entities.pb.h"
#include "mlflow/logged_model.pb.h"
#include "storage/dataset_store.h"
#include "storage/logged_model_store.h"
#include "storage/model.h"
#include "storage/tag_store.h"

namespace penstock {

// Tags that MLflow's clients know by name.
inline constexpr char kMlflowRunName[] = "mlflow.runName";
inline constexpr char kMlflowNote[] = "mlflow.note.content";
inline constexpr char kMlflowUser[] = "mlflow.user";
inline constexpr char kMlflowParentRun[] = "mlflow.parentRunId";
inline constexpr char kMlflowSourceType[] = "mlflow.source.type";
inline constexpr char kMlflowSourceName[] = "mlflow.source.name";

// Milliseconds since 1970, and back. INVALID_ARGUMENT for a time that cannot be kept.
int64_t MlflowMillis(absl::Time time);
absl::StatusOr<absl::Time> TimeFromMlflow(absl::string_view field, int64_t milliseconds);

std::string ExperimentIdToMlflow(absl::string_view default_id, absl::string_view experiment_id);
std::string ExperimentIdFromMlflow(absl::string_view default_id, absl::string_view experiment_id);
std::string TaskRunId(absl::string_view run_id, absl::string_view task_id);

mlflow::RunStatus StatusToMlflow(RunState state);
mlflow::RunStatus StatusToMlflow(TaskState state);
// Of one that is given: not RUN_STATUS_UNSPECIFIED.
RunState StateFromMlflow(mlflow::RunStatus status);

// Where the artifacts of the experiment lie.
std::string ArtifactLocation(absl::string_view default_id, const ExperimentRow& experiment);
std::string RunArtifactUri(absl::string_view default_id, const ExperimentRow& experiment,
                           absl::string_view run_id);
std::string ModelArtifactUri(absl::string_view default_id, const ExperimentRow& experiment,
                             absl::string_view model_id);

// By what the artifact of a data set is known as one that is imported.
std::string DatasetImportKey(const DatasetRow& row);

void ExperimentToMlflow(absl::string_view default_id, const ExperimentRow& row, const TypedTags& tags,
                        mlflow::Experiment* out);

using MlflowTexts = std::map<std::string, std::string>;

// A run, or a task of one, with what belongs to it. Borrows all.
struct MlflowRunParts {
  const RunRow* run = nullptr;
  const TaskRow* task = nullptr;              // null: it is the run itself
  const ExperimentRow* experiment = nullptr;  // null: it was deleted
  const TypedTags* tags = nullptr;
  const MlflowTexts* params = nullptr;
  const std::map<std::string, MetricPoint>* metrics = nullptr;
  const std::vector<DatasetInputRow>* datasets = nullptr;
  const std::vector<ModelLinkRow>* models = nullptr;
  absl::string_view pipeline;  // its name; empty: not known
};
void RunToMlflow(absl::string_view default_id, const MlflowRunParts& parts, mlflow::Run* out);
void RunInfoToMlflow(absl::string_view default_id, const MlflowRunParts& parts, mlflow::RunInfo* out);

// Empty for a status that is none of those that a client may give.
absl::string_view ModelStatusFromMlflow(mlflow::LoggedModelStatus status);
struct LoggedModelParts {
  const LoggedModelRow* model = nullptr;
  const ExperimentRow* experiment = nullptr;
  const TypedTags* tags = nullptr;
  const MlflowTexts* params = nullptr;
  const std::vector<LoggedModelMetricRow>* metrics = nullptr;
};
void LoggedModelToMlflow(absl::string_view default_id, const LoggedModelParts& parts,
                         mlflow::LoggedModel* out);

void MetricToMlflow(absl::string_view key, const MetricPoint& point, mlflow::Metric* out);

}  // namespace penstock
