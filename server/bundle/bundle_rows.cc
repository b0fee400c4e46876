#include "server/bundle/bundle_rows.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "server/bundle/bundle_check.h"
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
// Bundles were once written without these, and those of runs that have no such rows still are.
constexpr absl::string_view kLaterMembers[] = {
    "typed_tags.jsonl",   "datasets.jsonl",         "input_tags.jsonl",    "logged_parameters.jsonl",
    "models.jsonl",       "model_parameters.jsonl", "model_metrics.jsonl", "model_links.jsonl",
    "task_records.jsonl", "mlflow_files.jsonl"};

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

// What a client has recorded of a task: bytes, which JSON has no type for.
struct Record {
  std::string task_id;
  std::string base64;
};

template <typename V, typename R>
void RecordFields(V& v, R& r) {
  v("task_id", r.task_id);
  v("record", r.base64);
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

std::vector<Record> RecordsOf(const std::vector<TaskRecordRow>& rows) {
  std::vector<Record> records;
  for (const TaskRecordRow& row : rows) records.push_back({row.task_id, absl::Base64Escape(row.record)});
  return records;
}

// Those with rows only.
void AddLaterMembers(const BundleRows& rows, std::vector<std::pair<std::string, std::string>>* members) {
  const auto add = [members](const char* name, const auto& of, auto fields) {
    if (!of.empty()) members->emplace_back(name, LinesOf(of, fields));
  };
  add("typed_tags.jsonl", rows.typed_tags, [](auto& v, auto& r) { bundle::TagFields(v, r); });
  add("datasets.jsonl", rows.datasets, [](auto& v, auto& r) { bundle::DatasetFields(v, r); });
  add("input_tags.jsonl", rows.input_tags, [](auto& v, auto& r) { bundle::InputTagFields(v, r); });
  add("logged_parameters.jsonl", rows.logged_parameters,
      [](auto& v, auto& r) { bundle::LoggedParameterFields(v, r); });
  add("models.jsonl", rows.models, [](auto& v, auto& r) { bundle::ModelFields(v, r); });
  add("model_parameters.jsonl", rows.model_parameters,
      [](auto& v, auto& r) { bundle::ModelParameterFields(v, r); });
  add("model_metrics.jsonl", rows.model_metrics, [](auto& v, auto& r) { bundle::ModelMetricFields(v, r); });
  add("model_links.jsonl", rows.model_links, [](auto& v, auto& r) { bundle::ModelLinkFields(v, r); });
  add("task_records.jsonl", RecordsOf(rows.task_records), [](auto& v, auto& r) { RecordFields(v, r); });
  add("mlflow_files.jsonl", rows.mlflow_files, [](auto& v, auto& r) { bundle::FileFields(v, r); });
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
  const auto member = members.find(name);
  if (member == members.end()) return absl::OkStatus();
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(member->second, '\n', absl::SkipEmpty())) {
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

absl::Status ReadRecords(const std::map<std::string, std::string>& members,
                         std::vector<TaskRecordRow>* rows) {
  std::vector<Record> records;
  RETURN_IF_ERROR(ReadLines(
      members, "task_records.jsonl", [](auto& v, auto& r) { RecordFields(v, r); }, &records));
  for (const Record& record : records) {
    TaskRecordRow& row = rows->emplace_back();
    row.task_id = record.task_id;
    if (!absl::Base64Unescape(record.base64, &row.record)) {
      return error::BundleRowWrong(LineOf("task_records.jsonl", rows->size() - 1), "record is no Base64");
    }
  }
  return absl::OkStatus();
}

absl::Status ReadLaterMembers(const std::map<std::string, std::string>& members, BundleRows* rows) {
  const auto read = [&](const char* name, auto fields, auto* to) {
    return ReadLines(members, name, fields, to);
  };
  RETURN_IF_ERROR(read(
      "typed_tags.jsonl", [](auto& v, auto& r) { bundle::TagFields(v, r); }, &rows->typed_tags));
  RETURN_IF_ERROR(read(
      "datasets.jsonl", [](auto& v, auto& r) { bundle::DatasetFields(v, r); }, &rows->datasets));
  RETURN_IF_ERROR(read(
      "input_tags.jsonl", [](auto& v, auto& r) { bundle::InputTagFields(v, r); }, &rows->input_tags));
  RETURN_IF_ERROR(read(
      "logged_parameters.jsonl", [](auto& v, auto& r) { bundle::LoggedParameterFields(v, r); },
      &rows->logged_parameters));
  RETURN_IF_ERROR(read(
      "models.jsonl", [](auto& v, auto& r) { bundle::ModelFields(v, r); }, &rows->models));
  RETURN_IF_ERROR(read(
      "model_parameters.jsonl", [](auto& v, auto& r) { bundle::ModelParameterFields(v, r); },
      &rows->model_parameters));
  RETURN_IF_ERROR(read(
      "model_metrics.jsonl", [](auto& v, auto& r) { bundle::ModelMetricFields(v, r); },
      &rows->model_metrics));
  RETURN_IF_ERROR(read(
      "model_links.jsonl", [](auto& v, auto& r) { bundle::ModelLinkFields(v, r); }, &rows->model_links));
  RETURN_IF_ERROR(ReadRecords(members, &rows->task_records));
  return read(
      "mlflow_files.jsonl", [](auto& v, auto& r) { bundle::FileFields(v, r); }, &rows->mlflow_files);
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
  AddLaterMembers(rows, &members);
  return members;
}

bool IsRowMember(absl::string_view name) {
  return std::find(std::begin(kRowMembers), std::end(kRowMembers), name) != std::end(kRowMembers) ||
         std::find(std::begin(kLaterMembers), std::end(kLaterMembers), name) != std::end(kLaterMembers);
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
  RETURN_IF_ERROR(ReadLaterMembers(members, &rows));
  RETURN_IF_ERROR(CheckBundleRows(rows));
  return rows;
}

}  // namespace penstock
