#include "server/handlers/mlflow_artifact.h"

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/status_macros.h"
#include "common/text.h"
#include "content/uri.h"
#include "server/convert/mlflow.h"
#include "server/handlers/mlflow_target.h"
#include "server/mlflow_errors.h"
#include "storage/experiment_store.h"
#include "storage/logged_model_store.h"

namespace penstock {
namespace {

constexpr size_t kChunkBytes = 256 << 10;
constexpr size_t kStepBytes = 255;  // of a name in a folder
constexpr absl::string_view kProxyScheme = "mlflow-artifacts:";

// The URI of what a client names by a path. An empty path, where it may be so, is the root of all.
absl::StatusOr<std::string> ContentUriOf(absl::string_view given, bool may_be_root) {
  if (given.size() > limits::kMlflowPathBytes) {
    return error::FieldTooLong("path", given.size(), limits::kMlflowPathBytes);
  }
  const absl::string_view path = absl::StripSuffix(given, "/");
  if (path.empty()) {
    if (given.empty() && may_be_root) return std::string(kMlflowUri);
    return error::MlflowPathWrong(given, "a path below the root is expected");
  }
  if (!IsUtf8(path)) return error::FieldNotUtf8("path");
  for (const char c : path) {
    if (absl::ascii_iscntrl(c) || c == '\\') {
      return error::MlflowPathWrong(given, "it must hold no backslash and no control character");
    }
  }
  for (const absl::string_view step : absl::StrSplit(path, '/')) {
    if (step.empty() || step == "." || step == "..") {
      return error::MlflowPathWrong(given,
                                    "it must not begin with a slash, nor hold //, . or .. between slashes");
    }
    if (step.size() > kStepBytes) {
      return error::MlflowPathWrong(given, absl::StrCat("a name in it has more than ", kStepBytes, " bytes"));
    }
  }
  return absl::StrCat(kMlflowUri, "/", path);
}

// What lies in a folder, with its names behind `prefix`.
template <typename Reply>
absl::Status AddFiles(RequestContext& context, const std::string& uri, const std::string& prefix,
                      Reply* reply) {
  ASSIGN_OR_RETURN(const auto entries, context.deps.content.List(uri));
  if (entries.size() > limits::kMlflowArtifactFiles) {
    return error::MlflowTooMany("files in the folder", static_cast<int64_t>(entries.size()),
                                limits::kMlflowArtifactFiles);
  }
  for (const ContentEntry& entry : entries) {
    if (entry.kind == ContentKind::kOther) continue;
    mlflow::FileInfo file;
    file.set_path(absl::StrCat(prefix, entry.name));
    file.set_is_dir(entry.kind == ContentKind::kFolder);
    if (entry.kind == ContentKind::kFile) {
      const auto info = context.deps.content.Stat(absl::StrCat(uri, "/", entry.name));
      if (!info.ok()) continue;  // gone meanwhile
      file.set_file_size(info->size_bytes);
    }
    *reply->add_files() = std::move(file);
  }
  return absl::OkStatus();
}

// The files below a root that is named by the URI of a run or a model.
template <typename Reply>
absl::Status AddFilesOf(RequestContext& context, const std::string& root, const std::string& path,
                        Reply* reply) {
  reply->set_root_uri(root);
  // With a host it may be anybody's.
  if (!absl::StartsWith(root, kProxyScheme) || absl::StartsWith(root, absl::StrCat(kProxyScheme, "//"))) {
    return absl::OkStatus();
  }
  absl::string_view below = absl::StripPrefix(absl::StripPrefix(root, kProxyScheme), "/");
  const absl::string_view folder = absl::StripSuffix(path, "/");
  ASSIGN_OR_RETURN(
      const std::string uri,
      ContentUriOf(folder.empty() ? std::string(below) : absl::StrCat(below, "/", folder), false));
  return AddFiles(context, uri, folder.empty() ? "" : absl::StrCat(folder, "/"), reply);
}

// A file cannot lie where a folder is, nor below a file.
absl::Status CheckPlace(RequestContext& context, const std::string& path, const std::string& uri) {
  if (absl::IsFailedPrecondition(context.deps.content.Open(uri).status())) {
    return error::MlflowPathWrong(path, "there is a folder");
  }
  const size_t root = kMlflowUri.size();
  for (size_t end = uri.rfind('/'); end > root; end = uri.rfind('/', end - 1)) {
    const auto reader = context.deps.content.Open(uri.substr(0, end));
    if (reader.ok()) {
      return error::MlflowPathWrong(path, absl::StrCat(uri.substr(root + 1, end - root - 1), " is a file"));
    }
    if (absl::IsFailedPrecondition(reader.status())) break;  // a folder: so are those above it
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status MlflowArtifactWrite(RequestContext& context, const WriteRequests& next) {
  mlflow::WriteArtifactRequest request;
  if (!next(&request) || request.part_case() != mlflow::WriteArtifactRequest::kPath) {
    return error::MlflowFieldMissing("path");
  }
  const std::string path = request.path();
  ASSIGN_OR_RETURN(const std::string uri, ContentUriOf(path, /*may_be_root=*/false));
  RETURN_IF_ERROR(CheckPlace(context, path, uri));
  ASSIGN_OR_RETURN(const auto writer, context.deps.content.Create(uri));
  int64_t bytes = 0;
  while (!request.last()) {
    if (!next(&request)) return error::MlflowWriteBrokenOff(path);
    if (request.part_case() == mlflow::WriteArtifactRequest::kPath) {
      return error::MlflowPathWrong(request.path(), "only the first request has a path");
    }
    bytes += static_cast<int64_t>(request.data().size());
    if (bytes > limits::kMlflowArtifactBytes) {
      return error::MlflowFileTooLarge(path, limits::kMlflowArtifactBytes);
    }
    RETURN_IF_ERROR(writer->Append(request.data()));
  }
  return writer->Commit();
}

absl::Status MlflowArtifactRead(RequestContext& context, const mlflow::ReadArtifactRequest& request,
                                const ReadChunks& sink) {
  ASSIGN_OR_RETURN(const std::string uri, ContentUriOf(request.path(), /*may_be_root=*/false));
  const auto reader = context.deps.content.Open(uri);
  if (absl::IsNotFound(reader.status()) || absl::IsFailedPrecondition(reader.status())) {
    return error::MlflowFileNotFound(request.path());
  }
  RETURN_IF_ERROR(reader.status());
  ASSIGN_OR_RETURN(const ContentInfo info, context.deps.content.Stat(uri));
  mlflow::ReadArtifactChunk chunk;
  chunk.set_size_bytes(info.size_bytes);
  std::string buffer(kChunkBytes, '\0');
  for (int64_t offset = 0;;) {
    ASSIGN_OR_RETURN(const absl::string_view read, (*reader)->Read(offset, absl::MakeSpan(buffer)));
    if (read.empty() && offset > 0) return absl::OkStatus();
    chunk.set_data(std::string(read));
    if (!sink(chunk) || read.empty()) return absl::OkStatus();
    offset += static_cast<int64_t>(read.size());
    chunk.clear_size_bytes();
  }
}

absl::Status MlflowArtifactFiles(RequestContext& context, const mlflow::ListArtifactFilesRequest& request,
                                 mlflow::ListArtifactFilesResponse* reply) {
  ASSIGN_OR_RETURN(const std::string uri, ContentUriOf(request.path(), /*may_be_root=*/true));
  return AddFiles(context, uri, "", reply);
}

absl::Status MlflowArtifactDelete(RequestContext& context, const mlflow::DeleteArtifactRequest& request) {
  ASSIGN_OR_RETURN(const std::string uri, ContentUriOf(request.path(), /*may_be_root=*/false));
  return context.deps.content.Remove(uri);
}

absl::Status MlflowRunArtifacts(RequestContext& context, const mlflow::ListArtifactsRequest& request,
                                mlflow::ListArtifactsResponse* reply) {
  ASSIGN_OR_RETURN(const std::string run_id, RunIdOf(request));
  std::string root;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const MlflowTarget target, MlflowTargetFind(tx, run_id));
    ExperimentRow experiment;
    experiment.experiment_id = target.run.experiment_id;
    auto found = ExperimentGet(tx, target.run.experiment_id);
    if (found.ok()) experiment = *std::move(found);
    root = RunArtifactUri(context.deps.default_experiment_id, experiment, target.id());
    return absl::OkStatus();
  }));
  return AddFilesOf(context, root, request.path(), reply);
}

absl::Status MlflowModelArtifacts(RequestContext& context,
                                  const mlflow::ListLoggedModelArtifactsRequest& request,
                                  mlflow::ListLoggedModelArtifactsResponse* reply) {
  std::string root;
  RETURN_IF_ERROR(context.deps.store.Read([&](db::Tx& tx) -> absl::Status {
    ASSIGN_OR_RETURN(const LoggedModelRow model, LoggedModelGet(tx, request.model_id()));
    ExperimentRow experiment;
    experiment.experiment_id = model.experiment_id;
    auto found = ExperimentGet(tx, model.experiment_id);
    if (found.ok()) experiment = *std::move(found);
    root = ModelArtifactUri(context.deps.default_experiment_id, experiment, model.model_id);
    return absl::OkStatus();
  }));
  return AddFilesOf(context, root, request.artifact_directory_path(), reply);
}

}  // namespace penstock
