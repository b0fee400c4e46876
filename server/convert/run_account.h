// What storage has of a run, as far as it explains the run's results. Plain data, and what follows from it. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "penstock/v1/attempt_record.pb.h"
#include "storage/dataset_store.h"
#include "storage/model.h"

namespace penstock {

struct RunAccount {
  RunRow run;
  RunConfigRow config;
  std::string pipeline_name;  // empty: the pipeline came with the run, or was deleted
  std::string version_name;
  std::string code_source_url;
  std::string experiment_name;
  std::map<std::string, std::string> parameters;  // as JSON
  Tags tags;
  std::map<std::string, MetricPoint> metrics;
  std::vector<TaskRow> tasks;  // in the order of their creation
  // The latest attempt of each task, by task id; of one that was taken from the cache that of the task whose outputs it
  // took.
  std::map<std::string, TaskAttemptRow> attempts;
  std::vector<ArtifactTaskRow> links;
  std::map<int64_t, ArtifactRow> artifacts;
  std::vector<TaskDatasetUse> datasets;  // that it or a task of it takes
  std::vector<TaskParameterRow> output_parameters;
  bool cut = false;  // it has more tasks than were read
};

// The documents that attempts name, by hash.
struct AttemptDocuments {
  std::map<std::string, penstock::v1::AttemptSetup> setups;
  std::map<std::string, penstock::v1::AttemptPlace> places;
};

// The path of each task, by its id: the names of the tasks that it is in and its own, an iteration by its number, as in
// "for-loop-1/0/train"; or without numbers, so that iterations of one task have one path.
std::map<std::string, std::string> TaskPathsOf(const std::vector<TaskRow>& tasks,
                                               bool with_iterations = true);

// What there is to tell of one output, or of one artifact that a run was given.
struct OutputFact {
  std::string text;      // for people; equal for equal content
  bool is_known = true;  // false: nobody knows its content
};

// What an artifact is, wherever it lies: its hash and size, or of one that is its metadata, as metrics are, these.
OutputFact FactOf(const ArtifactRow& artifact);

// By path of the task and name; of an output that is a list, each with its position, as in "models[2]".
using OutputFacts = std::map<std::pair<std::string, std::string>, OutputFact>;
// What tasks put out themselves or had from the cache.
OutputFacts OutputsOf(const RunAccount& facts);
// What the run was given (without a task), what it imported, and the digests of the data sets that it or its tasks take,
// as "data set NAME (CONTEXT)".
OutputFacts InputsOf(const RunAccount& facts);

}  // namespace penstock
