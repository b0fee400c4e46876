#include "server/bundle/bundle_rows.h"

#include <algorithm>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/bundle/row_fields.h"
#include "server/errors.h"

namespace penstock {
namespace {

using bundle::Reader;
using bundle::Writer;

constexpr absl::string_view kRowMembers[] = {
    "run.json",       "spec.json",     "states.jsonl",   "tasks.jsonl",      "task_states.jsonl",
    "attempts.jsonl", "setups.jsonl",  "places.jsonl",   "parameters.jsonl", "artifacts.jsonl",
    "links.jsonl",    "metrics.jsonl", "contents.jsonl", "logs.jsonl"};

// A document that attempts name.
struct Text {
  std::string sha256;
  std::string text;
};

template <typename V, typename R>
void TextFields(V& v, R& r) {
  v("sha256", r.sha256);
  v("text", r.text);
}

template <typename T, typename Fields>
std::string LinesOf(const std::vector<T>& rows, Fields fields) {
  std::string text;
  for (const T& row : rows) {
    Writer writer;
    fields(writer, row);
    absl::StrAppend(&text, DumpJson(writer.Take()), "\n");
  }
  return text;
}

std::vector<Text> TextsOf(const AttemptTexts& texts) {
  std::vector<Text> rows;
  for (const auto& [sha256, text] : texts) rows.push_back({sha256, text});
  return rows;
}

std::string RunText(const BundleRows& rows) {
  Writer run;
  bundle::RunFields(run, rows.run);
  Writer config;
  bundle::ConfigFields(config, rows.config);
  return DumpJson(
      {{"run", run.Take()}, {"config", config.Take()}, {"tags", rows.tags}, {"names", rows.names}});
}

// --- Back ---

template <typename T, typename Fields>
absl::Status ReadRow(absl::string_view where, const Json& json, Fields fields, T* row) {
  Reader reader(json);
  fields(reader, *row);
  const std::string problem = reader.Problem();
  return problem.empty() ? absl::OkStatus() : error::BundleRowWrong(where, problem);
}

template <typename T, typename Fields>
absl::Status ReadLines(const std::map<std::string, std::string>& members, const std::string& name,
                       Fields fields, std::vector<T>* rows) {
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(members.at(name), '\n', absl::SkipEmpty())) {
    const std::string where = absl::StrCat(name, ", line ", ++number);
    const auto json = ParseJson(line);
    if (!json.ok()) return error::BundleRowWrong(where, json.status().message());
    RETURN_IF_ERROR(ReadRow(where, *json, fields, &rows->emplace_back()));
  }
  return absl::OkStatus();
}

// An object of texts.
absl::Status ReadTexts(const Json& json, const char* key, std::map<std::string, std::string>* texts) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_object()) {
    return error::BundleRowWrong("run.json", absl::StrCat("it has no ", key));
  }
  for (const auto& [name, value] : found->items()) {
    if (!bundle::Decode(value, &(*texts)[name]) || absl::StrContains(name, '\0')) {
      return error::BundleRowWrong("run.json", absl::StrCat(key, " has a value that is no text"));
    }
  }
  return absl::OkStatus();
}

absl::Status ReadRun(const std::string& text, BundleRows* rows) {
  const auto json = ParseJson(text);
  if (!json.ok() || !json->is_object() || !json->contains("run") || !json->contains("config")) {
    return error::BundleRowWrong("run.json", "it is not what a bundle has there");
  }
  RETURN_IF_ERROR(ReadRow(
      "run.json", json->at("run"), [](auto& v, auto& r) { bundle::RunFields(v, r); }, &rows->run));
  RETURN_IF_ERROR(ReadRow(
      "run.json", json->at("config"), [](auto& v, auto& r) { bundle::ConfigFields(v, r); }, &rows->config));
  RETURN_IF_ERROR(ReadTexts(*json, "tags", &rows->tags));
  return ReadTexts(*json, "names", &rows->names);
}

absl::Status ReadDocuments(const std::map<std::string, std::string>& members, const std::string& name,
                           AttemptTexts* texts) {
  std::vector<Text> rows;
  RETURN_IF_ERROR(ReadLines(
      members, name, [](auto& v, auto& r) { TextFields(v, r); }, &rows));
  for (Text& row : rows) {
    if (Sha256Hex(row.text) != row.sha256) {
      return error::BundleRowWrong(name, "a text is not what its hash says");
    }
    texts->emplace(std::move(row.sha256), std::move(row.text));
  }
  return absl::OkStatus();
}

// --- What rows say of one another ---

bool IsOutcome(const std::string& outcome) {
  constexpr absl::string_view kOutcomes[] = {"SUCCEEDED", "FAILED", "TIMED_OUT", "CANCELED", "LOST"};
  return std::find(std::begin(kOutcomes), std::end(kOutcomes), outcome) != std::end(kOutcomes);
}

// A path below the artifact, and nowhere else.
bool IsInside(const std::string& path) {
  if (path.empty()) return true;
  for (const absl::string_view part : absl::StrSplit(path, '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

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

absl::Status Check(const BundleRows& rows) {
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
  return CheckArtifacts(rows, tasks);
}

}  // namespace

std::vector<std::pair<std::string, std::string>> RowMembers(const BundleRows& rows) {
  const auto text = [](auto& v, auto& r) { TextFields(v, r); };
  std::vector<std::pair<std::string, std::string>> members = {
      {"run.json", RunText(rows)},
      {"spec.json", rows.spec},
      {"states.jsonl", LinesOf(rows.states, [](auto& v, auto& r) { bundle::StateFields(v, r); })},
      {"tasks.jsonl", LinesOf(rows.tasks, [](auto& v, auto& r) { bundle::TaskFields(v, r); })},
      {"task_states.jsonl",
       LinesOf(rows.task_states, [](auto& v, auto& r) { bundle::TaskStateFields(v, r); })},
      {"attempts.jsonl", LinesOf(rows.attempts, [](auto& v, auto& r) { bundle::AttemptFields(v, r); })},
      {"setups.jsonl", LinesOf(TextsOf(rows.setups), text)},
      {"places.jsonl", LinesOf(TextsOf(rows.places), text)},
      {"parameters.jsonl", LinesOf(rows.parameters, [](auto& v, auto& r) { bundle::ParameterFields(v, r); })},
      {"artifacts.jsonl", LinesOf(rows.artifacts, [](auto& v, auto& r) { bundle::ArtifactFields(v, r); })},
      {"links.jsonl", LinesOf(rows.links, [](auto& v, auto& r) { bundle::LinkFields(v, r); })},
      {"metrics.jsonl", LinesOf(rows.metrics, [](auto& v, auto& r) { bundle::MetricFields(v, r); })},
      {"contents.jsonl", LinesOf(rows.contents, [](auto& v, auto& r) { bundle::ContentFields(v, r); })},
      {"logs.jsonl", LinesOf(rows.logs, [](auto& v, auto& r) { bundle::LogFields(v, r); })},
  };
  return members;
}

bool IsRowMember(absl::string_view name) {
  return std::find(std::begin(kRowMembers), std::end(kRowMembers), name) != std::end(kRowMembers);
}

absl::StatusOr<BundleRows> RowsFromMembers(const std::map<std::string, std::string>& members) {
  for (const absl::string_view name : kRowMembers) {
    if (members.count(std::string(name)) == 0) return error::BundleMemberMissing(name);
  }
  BundleRows rows;
  RETURN_IF_ERROR(ReadRun(members.at("run.json"), &rows));
  rows.spec = members.at("spec.json");
  const auto read = [&](const char* name, auto fields, auto* to) {
    return ReadLines(members, name, fields, to);
  };
  RETURN_IF_ERROR(read(
      "states.jsonl", [](auto& v, auto& r) { bundle::StateFields(v, r); }, &rows.states));
  RETURN_IF_ERROR(read(
      "tasks.jsonl", [](auto& v, auto& r) { bundle::TaskFields(v, r); }, &rows.tasks));
  RETURN_IF_ERROR(read(
      "task_states.jsonl", [](auto& v, auto& r) { bundle::TaskStateFields(v, r); }, &rows.task_states));
  RETURN_IF_ERROR(read(
      "attempts.jsonl", [](auto& v, auto& r) { bundle::AttemptFields(v, r); }, &rows.attempts));
  RETURN_IF_ERROR(ReadDocuments(members, "setups.jsonl", &rows.setups));
  RETURN_IF_ERROR(ReadDocuments(members, "places.jsonl", &rows.places));
  RETURN_IF_ERROR(read(
      "parameters.jsonl", [](auto& v, auto& r) { bundle::ParameterFields(v, r); }, &rows.parameters));
  RETURN_IF_ERROR(read(
      "artifacts.jsonl", [](auto& v, auto& r) { bundle::ArtifactFields(v, r); }, &rows.artifacts));
  RETURN_IF_ERROR(read(
      "links.jsonl", [](auto& v, auto& r) { bundle::LinkFields(v, r); }, &rows.links));
  RETURN_IF_ERROR(read(
      "metrics.jsonl", [](auto& v, auto& r) { bundle::MetricFields(v, r); }, &rows.metrics));
  RETURN_IF_ERROR(read(
      "contents.jsonl", [](auto& v, auto& r) { bundle::ContentFields(v, r); }, &rows.contents));
  RETURN_IF_ERROR(read(
      "logs.jsonl", [](auto& v, auto& r) { bundle::LogFields(v, r); }, &rows.logs));
  RETURN_IF_ERROR(Check(rows));
  return rows;
}

}  // namespace penstock
