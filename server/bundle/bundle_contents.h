// What a bundle holds of a run, but for logs and contents. Plain data.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "storage/attempt_record_store.h"
#include "storage/model.h"
#include "storage/tag_store.h"
#include "storage/task_record_store.h"

namespace penstock {

// One value of a metric.
struct BundleMetric {
  std::string task_id;  // empty: of the run itself
  std::string name;
  MetricPoint point;
};

// A file of an artifact, and the member that has it.
struct BundleContent {
  int64_t artifact_id = 0;  // as in the bundle
  std::string path;         // in the artifact; empty if that is a file itself
  std::string member;
};

// The log of an attempt, and the member that has it.
struct BundleLog {
  std::string task_id;
  int number = 0;  // of the attempt
  std::string member;
};

// A tag with its type, of what one of the ids names; of the run if all are empty.
struct BundleTag {
  std::string task_id;
  int64_t artifact_id = 0;  // as in the bundle
  std::string model_id;
  std::string name;
  TypedTag tag;
};

// A file that a client of MLflow's API has put beside a task, or with an empty id beside the run, and the member that has
// it. Files of models are contents of their artifacts.
struct BundleFile {
  std::string task_id;
  std::string path;
  std::string member;
};

struct BundleRows {
  RunRow run;
  RunConfigRow config;
  Tags tags;  // of the run, all as texts; those of other types are typed tags too
  // experiment, pipeline, pipeline_version and code: as they were called
  std::map<std::string, std::string> names;
  std::string spec;
  std::vector<RunStateRow> states;
  std::vector<TaskRow> tasks;
  std::vector<TaskStateRow> task_states;
  std::vector<TaskAttemptRow> attempts;
  AttemptTexts setups;
  AttemptTexts places;
  std::vector<TaskParameterRow> parameters;
  std::vector<ArtifactRow> artifacts;
  std::vector<ArtifactTaskRow> links;
  std::vector<BundleMetric> metrics;
  std::vector<BundleContent> contents;
  std::vector<BundleLog> logs;
  // Of these there is a member only if there are rows, so that a server which does not know them reads what has none.
  std::vector<BundleTag> typed_tags;
  std::vector<DatasetRow> datasets;  // without experiment
  std::vector<InputTagRow> input_tags;
  std::vector<LoggedParameterRow> logged_parameters;
  std::vector<LoggedModelRow> models;  // without experiment; artifact 0: it is gone
  std::vector<LoggedModelParameterRow> model_parameters;
  std::vector<LoggedModelMetricRow> model_metrics;
  std::vector<ModelLinkRow> model_links;
  std::vector<TaskRecordRow> task_records;  // without namespace and fingerprint
  std::vector<BundleFile> mlflow_files;
};

}  // namespace penstock
