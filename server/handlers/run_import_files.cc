// The files of server/handlers/run_import_parts.h.
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status_macros.h"
#include "content/uri.h"
#include "server/convert/mlflow.h"
#include "server/errors.h"
#include "server/handlers/run_import_parts.h"
#include "storage/logged_model_store.h"
#include "storage/run_store.h"

namespace penstock {
namespace {

// What an URI of another Penstock begins with whose content did not come along: nothing here serves it.
constexpr char kElsewhere[] = "bundle://";

absl::Status Put(ImportedRun& import, const std::string& member, const std::string& uri) {
  return import.files.Use(
      member, [&](absl::string_view bytes) { return import.context.deps.content.Write(uri, bytes); });
}

absl::Status WriteLogs(ImportedRun& import) {
  for (const BundleLog& log : import.rows.logs) {
    const std::string uri =
        absl::StrCat(import.logs_uri, "/", log.member.substr(log.member.find('/') + 1), ".log");
    RETURN_IF_ERROR(Put(import, log.member, uri));
    import.log_uris[{log.task_id, log.number}] = uri;
  }
  return absl::OkStatus();
}

// The folder of a run, a task or a model at the place where MLflow's clients look for it.
absl::StatusOr<std::string> MlflowFolder(ImportedRun& import, const std::string& uri,
                                         const std::string& model_id) {
  const std::optional<std::string> folder = ContentUriOfMlflow(uri);
  if (!folder.has_value() || !import.context.deps.content.Serves(*folder)) {
    return error::ImportedFilesElsewhere(
        import.experiment.experiment_id,
        ArtifactLocation(import.context.deps.default_experiment_id, import.experiment));
  }
  if (import.mlflow_uris.count(*folder) > 0) return *folder;
  // What lies there already, as of a run that was deleted, is not this import's to remove.
  const absl::Status found = import.context.deps.content.Stat(*folder).status();
  if (absl::IsNotFound(found)) import.mlflow_uris.emplace(*folder, model_id);
  return *folder;
}

// Where the content of an artifact goes; `model_id` is the model that it is, or empty.
absl::StatusOr<std::string> PlaceOf(ImportedRun& import, int64_t artifact_id, const std::string& model_id) {
  if (model_id.empty()) return absl::StrCat(import.artifacts_uri, "/", artifact_id);
  return MlflowFolder(
      import, ModelArtifactUri(import.context.deps.default_experiment_id, import.experiment, model_id),
      model_id);
}

absl::Status WriteContents(ImportedRun& import) {
  std::map<int64_t, std::string> models;  // by artifact
  for (const LoggedModelRow& model : import.rows.models) {
    if (model.artifact_id != 0) models[model.artifact_id] = import.ModelId(model.model_id);
  }
  for (const BundleContent& file : import.rows.contents) {
    std::string& root = import.content_uris[file.artifact_id];
    if (root.empty()) {
      const auto model = models.find(file.artifact_id);
      ASSIGN_OR_RETURN(root, PlaceOf(import, file.artifact_id, model == models.end() ? "" : model->second));
    }
    const std::string uri = file.path.empty() ? root : absl::StrCat(root, "/", file.path);
    if (!import.context.deps.content.Serves(uri)) {
      return error::BundleRowWrong("contents.jsonl", "a path cannot be stored");
    }
    RETURN_IF_ERROR(Put(import, file.member, uri));
  }
  return absl::OkStatus();
}

absl::Status WriteMlflowFiles(ImportedRun& import) {
  for (const BundleFile& file : import.rows.mlflow_files) {
    const std::string id =
        file.task_id.empty() ? import.run.run_id : TaskRunId(import.run.run_id, import.TaskId(file.task_id));
    ASSIGN_OR_RETURN(
        const std::string folder,
        MlflowFolder(import, RunArtifactUri(import.context.deps.default_experiment_id, import.experiment, id),
                     ""));
    const std::string uri = absl::StrCat(folder, "/", file.path);
    if (!import.context.deps.content.Serves(uri)) {
      return error::BundleRowWrong("mlflow_files.jsonl", "a path cannot be stored");
    }
    RETURN_IF_ERROR(Put(import, file.member, uri));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckImportedFiles(const ImportedRun& import) {
  const BundleRows& rows = import.rows;
  std::set<std::string> named;
  for (const BundleLog& log : rows.logs) named.insert(log.member);
  for (const BundleContent& content : rows.contents) named.insert(content.member);
  for (const BundleFile& file : rows.mlflow_files) named.insert(file.member);
  if (named.size() != rows.logs.size() + rows.contents.size() + rows.mlflow_files.size()) {
    return error::BundleRowWrong("logs.jsonl, contents.jsonl, mlflow_files.jsonl",
                                 "two rows name one member");
  }
  for (const std::string& name : named) {
    if (!import.files.Has(name)) return error::BundleMemberMissing(name);
  }
  for (const std::string& name : import.files.Names()) {
    if (named.count(name) == 0) return error::BundleMemberUnknown(name);
  }
  return absl::OkStatus();
}

absl::Status WriteImportedFiles(ImportedRun& import) {
  RETURN_IF_ERROR(WriteLogs(import));
  RETURN_IF_ERROR(WriteContents(import));
  return WriteMlflowFiles(import);
}

void RemoveImportedFiles(ImportedRun& import) {
  ContentStore& content = import.context.deps.content;
  (void)content.Remove(import.artifacts_uri);
  (void)content.Remove(import.logs_uri);
  if (import.mlflow_uris.empty()) return;
  // Another import of the bundle may have been faster: what lies at the places of its run and its models is its.
  bool is_run_there = false;
  LoggedModelRows models;
  const absl::Status read = import.context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    models.clear();
    is_run_there = RunGet(tx, import.run.run_id).ok();
    std::vector<std::string> ids;
    for (const auto& [uri, model_id] : import.mlflow_uris) ids.push_back(model_id);
    RETURN_IF_ERROR(LoggedModelsFindLater(tx, ids, &models));
    return tx.Finish();
  });
  if (!read.ok()) return;
  for (const auto& [uri, model_id] : import.mlflow_uris) {
    const bool is_there = model_id.empty() ? is_run_there : models.count(model_id) > 0;
    if (!is_there) (void)content.Remove(uri);
  }
}

std::string ImportedUri(const ImportedRun& import, const ArtifactRow& artifact) {
  const auto content = import.content_uris.find(artifact.artifact_id);
  if (content != import.content_uris.end()) return content->second;
  const auto model = import.model_uris.find(artifact.artifact_id);
  if (model != import.model_uris.end()) return model->second;
  absl::string_view uri = artifact.uri;
  return absl::ConsumePrefix(&uri, kUriScheme) ? absl::StrCat(kElsewhere, uri) : artifact.uri;
}

}  // namespace penstock
