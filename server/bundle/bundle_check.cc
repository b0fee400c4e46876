#include "server/bundle/bundle_check.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/json.h"
#include "common/limits.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/errors.h"
#include "server/validate.h"

namespace penstock {
namespace {

bool IsOutcome(const std::string& outcome) {
  constexpr absl::string_view kOutcomes[] = {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED", "LOST"};
  return std::find(std::begin(kOutcomes), std::end(kOutcomes), outcome) != std::end(kOutcomes);
}

// A path below the artifact, and nowhere else.
bool IsInside(const std::string& path) { return path.empty() || IsShortestPath(path); }

absl::Status CheckTasks(const BundleRows& rows, std::set<std::string>* ids) {
  if (!IsFinal(rows.run.state)) return error::BundleRowWrong("run.json", "the run has not ended");
  if (rows.states.empty() || rows.states.back().state != rows.run.state ||
      rows.states.front().state != RunState::kPending) {
    return error::BundleRowWrong("states.jsonl", "they are not the states of the run");
  }
  for (const TaskRow& task : rows.tasks) {
    if (!task.parent_task_id.empty() && ids->count(task.parent_task_id) == 0) {
      return error::BundleRowWrong("tasks.jsonl", "a task is in one that does not come before it");
    }
    if (task.task_id.empty() || !ids->insert(task.task_id).second) {
      return error::BundleRowWrong("tasks.jsonl", "two tasks have the same id, or one has none");
    }
    if (!IsFinal(task.state)) return error::BundleRowWrong("tasks.jsonl", "a task has not ended");
  }
  return absl::OkStatus();
}

absl::Status CheckAttempts(const BundleRows& rows, const std::set<std::string>& tasks) {
  std::set<std::pair<std::string, int>> attempts;
  for (const TaskAttemptRow& attempt : rows.attempts) {
    if (tasks.count(attempt.task_id) == 0 || attempt.number < 1 || !IsOutcome(attempt.outcome) ||
        !attempts.emplace(attempt.task_id, attempt.number).second) {
      return error::BundleRowWrong("attempts.jsonl",
                                   "an attempt is of no task, is there twice, or has no outcome");
    }
    if ((!attempt.setup_sha256.empty() && rows.setups.count(attempt.setup_sha256) == 0) ||
        (!attempt.place_sha256.empty() && rows.places.count(attempt.place_sha256) == 0)) {
      return error::BundleRowWrong("attempts.jsonl", "an attempt names a record that is not there");
    }
  }
  for (const BundleLog& log : rows.logs) {
    if (attempts.count({log.task_id, log.number}) == 0) {
      return error::BundleRowWrong("logs.jsonl", "a log is of no attempt");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckArtifacts(const BundleRows& rows, const std::set<std::string>& tasks) {
  std::set<int64_t> artifacts;
  for (const ArtifactRow& artifact : rows.artifacts) {
    if (!artifacts.insert(artifact.artifact_id).second) {
      return error::BundleRowWrong("artifacts.jsonl", "two artifacts have the same id");
    }
    const auto metadata = ParseJson(artifact.metadata.empty() ? "{}" : artifact.metadata);
    if (!metadata.ok() || !metadata->is_object()) {
      return error::BundleRowWrong("artifacts.jsonl", "the metadata of an artifact is no object");
    }
  }
  for (const ArtifactTaskRow& link : rows.links) {
    if (artifacts.count(link.artifact_id) == 0 || (!link.task_id.empty() && tasks.count(link.task_id) == 0)) {
      return error::BundleRowWrong("links.jsonl", "a link names a task or an artifact that is not there");
    }
  }
  std::set<std::pair<int64_t, std::string>> paths;
  for (const BundleContent& content : rows.contents) {
    if (artifacts.count(content.artifact_id) == 0 || !IsInside(content.path) ||
        !paths.emplace(content.artifact_id, content.path).second) {
      return error::BundleRowWrong(
          "contents.jsonl", "a file is of no artifact, is there twice, or would lie outside of its artifact");
    }
  }
  return absl::OkStatus();
}

// --- What MLflow's clients, those of KFP 3.0 and users have recorded ---

// What the bundle has, which rows may refer to.
struct Ids {
  std::set<std::string> tasks;
  std::set<int64_t> artifacts;
  std::set<std::string> models;

  bool HasTask(const std::string& id) const { return tasks.count(id) > 0; }
  bool HasOwner(const std::string& task_id) const { return task_id.empty() || HasTask(task_id); }
  bool HasModel(const std::string& id) const { return models.count(id) > 0; }
};

Ids IdsOf(const BundleRows& rows, std::set<std::string> tasks) {
  Ids ids;
  ids.tasks = std::move(tasks);
  for (const ArtifactRow& artifact : rows.artifacts) ids.artifacts.insert(artifact.artifact_id);
  for (const LoggedModelRow& model : rows.models) ids.models.insert(model.model_id);
  return ids;
}

// Calls `problem` with each row; the first that it gives a sentence for is refused with its line. So is the second row
// with the same key, which `key_of` gives.
template <typename Row, typename KeyOf, typename Problem>
absl::Status CheckEach(absl::string_view member, const std::vector<Row>& rows, KeyOf key_of,
                       Problem problem) {
  std::set<decltype(key_of(rows.front()))> keys;
  for (size_t i = 0; i < rows.size(); ++i) {
    const absl::string_view what = problem(rows[i]);
    if (!what.empty()) return error::BundleRowWrong(LineOf(member, i), what);
    if (!keys.insert(key_of(rows[i])).second) {
      return error::BundleRowWrong(LineOf(member, i), "such a row is there already");
    }
  }
  return absl::OkStatus();
}

bool FitsItsType(const TypedTag& tag) {
  double number = 0;
  switch (tag.type) {
    case TagType::kString:
      return true;
    case TagType::kNumber:
      return absl::SimpleAtod(tag.value, &number);
    case TagType::kBoolean:
      return tag.value == "true" || tag.value == "false";
    case TagType::kJson:
      return ParseJson(tag.value).ok();
  }
  return false;
}

absl::Status CheckTypedTags(const BundleRows& rows, const Ids& ids) {
  using Owner = std::tuple<std::string, int64_t, std::string>;
  const auto owner_of = [](const BundleTag& row) {
    return Owner(row.task_id, row.artifact_id, row.model_id);
  };
  std::map<Owner, int64_t> counts;
  return CheckEach(
      "typed_tags.jsonl", rows.typed_tags,
      [&](const BundleTag& row) { return std::pair(owner_of(row), row.name); },
      [&](const BundleTag& row) -> absl::string_view {
        if (!row.task_id.empty() + (row.artifact_id != 0) + !row.model_id.empty() > 1) {
          return "a tag is of several owners";
        }
        if (!ids.HasOwner(row.task_id) ||
            (row.artifact_id != 0 && ids.artifacts.count(row.artifact_id) == 0) ||
            (!row.model_id.empty() && !ids.HasModel(row.model_id))) {
          return "a tag is of nothing that is there";
        }
        if (row.name.empty() || !FitsItsType(row.tag)) return "a tag has no name, or a value of another type";
        if (row.name.size() > static_cast<size_t>(limits::kDescriptionBytes) ||
            row.tag.value.size() > static_cast<size_t>(limits::kMetadataBytes)) {
          return "a tag is longer than a tag may be (kDescriptionBytes, kMetadataBytes)";
        }
        if (owner_of(row) == Owner()) {
          const auto text = rows.tags.find(row.name);
          const bool is_same = text != rows.tags.end() && text->second == row.tag.value;
          return is_same ? "" : "run.json has no such tag of the run";
        }
        return ++counts[owner_of(row)] > limits::kTypedTags ? "its owner has too many tags (kTypedTags)" : "";
      });
}

absl::Status CheckDatasets(const BundleRows& rows, const Ids& ids) {
  std::set<int64_t> datasets;
  std::set<std::pair<std::string, int64_t>> taken;
  for (const DatasetRow& row : rows.datasets) datasets.insert(row.artifact_id);
  for (const ArtifactTaskRow& link : rows.links) {
    if (link.direction == Direction::kInput) taken.emplace(link.task_id, link.artifact_id);
  }
  RETURN_IF_ERROR(CheckEach(
      "datasets.jsonl", rows.datasets, [](const DatasetRow& row) { return row.artifact_id; },
      [&](const DatasetRow& row) -> absl::string_view {
        if (ids.artifacts.count(row.artifact_id) == 0) return "a data set is no artifact that is there";
        return row.name.empty() || row.digest.empty() ? "a data set has no name or no digest" : "";
      }));
  return CheckEach(
      "input_tags.jsonl", rows.input_tags,
      [](const InputTagRow& row) { return std::tuple(row.task_id, row.artifact_id, row.name); },
      [&](const InputTagRow& row) -> absl::string_view {
        const bool is_taken =
            datasets.count(row.artifact_id) > 0 && taken.count({row.task_id, row.artifact_id}) > 0;
        return is_taken ? "" : "a tag is of a data set that is not taken";
      });
}

bool IsModelStatus(const std::string& status) {
  return status == "PENDING" || status == "READY" || status == "UPLOAD_FAILED";
}

absl::Status CheckModels(const BundleRows& rows, const Ids& ids) {
  RETURN_IF_ERROR(CheckEach(
      "models.jsonl", rows.models, [](const LoggedModelRow& row) { return row.model_id; },
      [&](const LoggedModelRow& row) -> absl::string_view {
        if (row.model_id.empty() || !IsModelStatus(row.status)) return "a model has no id, or no status";
        const bool has_artifact = row.artifact_id == 0 || ids.artifacts.count(row.artifact_id) > 0;
        return has_artifact ? "" : "a model names an artifact that is not there";
      }));
  RETURN_IF_ERROR(CheckEach(
      "models.jsonl", rows.models,
      [](const LoggedModelRow& row) {
        return std::pair(row.artifact_id, row.artifact_id == 0 ? row.model_id : "");
      },
      [](const LoggedModelRow&) { return absl::string_view(); }));
  RETURN_IF_ERROR(CheckEach(
      "model_parameters.jsonl", rows.model_parameters,
      [](const LoggedModelParameterRow& row) { return std::pair(row.model_id, row.name); },
      [&](const LoggedModelParameterRow& row) -> absl::string_view {
        return ids.HasModel(row.model_id) ? "" : "a parameter is of no model";
      }));
  RETURN_IF_ERROR(CheckEach(
      "model_metrics.jsonl", rows.model_metrics,
      [](const LoggedModelMetricRow& row) {
        return std::tuple(row.model_id, row.name, row.dataset_name, row.dataset_digest);
      },
      [&](const LoggedModelMetricRow& row) -> absl::string_view {
        return ids.HasModel(row.model_id) ? "" : "a metric is of no model";
      }));
  return CheckEach(
      "model_links.jsonl", rows.model_links,
      [](const ModelLinkRow& row) { return std::tuple(row.task_id, row.direction, row.model_id); },
      [&](const ModelLinkRow& row) -> absl::string_view {
        return ids.HasModel(row.model_id) && ids.HasOwner(row.task_id)
                   ? ""
                   : "a link names a task or a model that is not there";
      });
}

absl::Status CheckRecorded(const BundleRows& rows, const Ids& ids) {
  RETURN_IF_ERROR(CheckEach(
      "logged_parameters.jsonl", rows.logged_parameters,
      [](const LoggedParameterRow& row) { return std::pair(row.task_id, row.name); },
      [&](const LoggedParameterRow& row) -> absl::string_view {
        return ids.HasTask(row.task_id) ? "" : "a parameter is of no task";
      }));
  RETURN_IF_ERROR(CheckEach(
      "task_records.jsonl", rows.task_records, [](const TaskRecordRow& row) { return row.task_id; },
      [&](const TaskRecordRow& row) -> absl::string_view {
        return ids.HasTask(row.task_id) ? "" : "a record is of no task";
      }));
  return CheckEach(
      "mlflow_files.jsonl", rows.mlflow_files,
      [](const BundleFile& row) { return std::pair(row.task_id, row.path); },
      [&](const BundleFile& row) -> absl::string_view {
        if (!ids.HasOwner(row.task_id)) return "a file is of no task";
        return !IsShortestPath(row.path) ? "a file would lie outside of its folder" : "";
      });
}

}  // namespace

std::string LineOf(absl::string_view member, size_t position) {
  return absl::StrCat(member, ", line ", position + 1);
}

absl::Status CheckBundleRows(const BundleRows& rows) {
  if (Sha256Hex(rows.spec) != rows.config.spec_sha256) {
    return error::BundleRowWrong("spec.json", "it is not the pipeline that the run names by its hash");
  }
  std::set<std::string> tasks;
  RETURN_IF_ERROR(CheckTasks(rows, &tasks));
  for (const TaskStateRow& state : rows.task_states) {
    if (tasks.count(state.task_id) == 0) {
      return error::BundleRowWrong("task_states.jsonl", "a state is of no task");
    }
  }
  for (const TaskParameterRow& parameter : rows.parameters) {
    if (tasks.count(parameter.task_id) == 0 || !ParseJson(parameter.value).ok()) {
      return error::BundleRowWrong("parameters.jsonl", "a parameter is of no task, or its value is not JSON");
    }
  }
  for (const BundleMetric& metric : rows.metrics) {
    if (!metric.task_id.empty() && tasks.count(metric.task_id) == 0) {
      return error::BundleRowWrong("metrics.jsonl", "a metric is of no task");
    }
  }
  RETURN_IF_ERROR(CheckAttempts(rows, tasks));
  RETURN_IF_ERROR(CheckArtifacts(rows, tasks));
  const Ids ids = IdsOf(rows, std::move(tasks));
  RETURN_IF_ERROR(CheckTypedTags(rows, ids));
  RETURN_IF_ERROR(CheckDatasets(rows, ids));
  RETURN_IF_ERROR(CheckModels(rows, ids));
  return CheckRecorded(rows, ids);
}

}  // namespace penstock
