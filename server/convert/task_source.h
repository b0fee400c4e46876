// Tasks of any runs with what belongs to them, as the doors need them that show tasks one by one.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "kubeflow/pipelines/v2beta1/run.pb.h"
#include "pipeline/spec/pipeline_spec.h"
#include "pipeline/spec/task_tree.h"
#include "server/convert/api.h"
#include "storage/artifact_store.h"
#include "storage/model.h"
#include "storage/tag_store.h"
#include "storage/task_store.h"

namespace penstock {

struct RunSource {
  RunRow row;
  RunConfigRow config;
  std::vector<RunStateRow> states;  // if the root is shown
  std::shared_ptr<const PipelineDocument> document;
};

// Ids of tasks are unique among all runs, so what belongs to a task stands by its id alone; what belongs to a root, whose
// id is empty, by the id of its run.
struct TaskSource {
  template <typename Row>
  using ByTask = absl::flat_hash_map<std::string, std::vector<Row>>;

  std::map<std::string, RunSource> runs;
  std::vector<TaskKey> keys;                        // the tasks that were asked for
  absl::flat_hash_map<std::string, TaskRow> tasks;  // they and what they are part of
  ByTask<TaskStateRow> states;
  ByTask<TaskAttemptRow> attempts;
  ByTask<TaskParameterRow> parameters;
  ByTask<ArtifactTaskRow> links;
  absl::flat_hash_map<int64_t, ArtifactRow> artifacts;  // of those links
  std::map<std::string, int64_t> iterations;            // how many there are, of loops
  std::map<std::string, api::PipelineTask> records;     // of recorded tasks
  std::map<std::string, TypedTags> tags;                // of users, by owner
  TaskChildren children;                                // on KFP 3.0's wire, the first ones
  std::map<TaskKey, int64_t> numbers;                   // of the tasks that those from the cache are of
};

// The rows of one task; none if it has none.
template <typename Row>
const std::vector<Row>& RowsOf(const TaskSource::ByTask<Row>& rows, const std::string& task_id) {
  static const std::vector<Row> none;
  const auto found = rows.find(task_id);
  return found == rows.end() ? none : found->second;
}

// What the cache said of a task; nothing if it was not asked.
std::optional<CacheDecision> CacheDecisionOf(const TaskRow& row);
// Whether the task's outputs were taken from the cache.
bool IsFromCache(const TaskRow& row);

// Finds where tasks stand in the pipelines of their runs. Borrows the source.
class TaskPlaces {
 public:
  explicit TaskPlaces(const TaskSource& source) : source_(source) {}

  // Nothing for a task that the pipeline does not have, which a client records.
  std::optional<TaskPlace> Find(const TaskRow& row);

 private:
  const TaskSource& source_;
  absl::flat_hash_map<std::string, std::optional<TaskPlace>> places_;
};

}  // namespace penstock
