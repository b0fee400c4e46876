// What a bundle holds of a run, but for logs and contents, and its form: each kind of rows is a member with a JSON object
// a line. Pure.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "storage/attempt_record_store.h"
#include "storage/model.h"

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

struct BundleRows {
  RunRow run;
  RunConfigRow config;
  Tags tags;
  std::map<std::string, std::string>
      names;  // experiment, pipeline, pipeline_version and code: as they were called
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
};

// Names and texts of the members with rows, in their order.
std::vector<std::pair<std::string, std::string>> RowMembers(const BundleRows& rows);
// Whether a bundle has a member with rows of that name; each has to be there.
bool IsRowMember(absl::string_view name);

// The reverse: texts by name. INVALID_ARGUMENT, with a sentence that names the member and the line, for what RowMembers
// cannot have written, or refers to what is not there.
absl::StatusOr<BundleRows> RowsFromMembers(const std::map<std::string, std::string>& members);

}  // namespace penstock
