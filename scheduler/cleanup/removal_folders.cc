#include "scheduler/cleanup/removal_folders.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "content/uri.h"

namespace penstock {
namespace {

// A root that says more than where it is, as s3://bucket?endpoint=..., is found by the URIs of artifacts alone.
bool IsPlainRoot(absl::string_view root) {
  return absl::StrContains(root, "://") && !absl::StrContains(root, '?') && !absl::StrContains(root, '\n');
}

}  // namespace

std::vector<RemovalFolder> RemovalFolders(const ContentRemovalRow& row,
                                          const std::vector<std::string>& pipelines) {
  const std::string run = PathComponent(row.run_id);
  std::vector<RemovalFolder> folders = {{absl::StrCat(kLogsUri, "/", run), "", run},
                                        {absl::StrCat(kWorkspacesUri, "/", run), "", run}};
  const auto add = [&](std::string uri, absl::string_view owner) {
    for (const RemovalFolder& folder : folders) {
      if (folder.uri == uri) return;
    }
    std::string mlflow;
    if (absl::StartsWith(uri, absl::StrCat(kMlflowUri, "/"))) {
      mlflow = absl::StrCat(kMlflowProxy, uri.substr(kMlflowUri.size() + 1));
    }
    folders.push_back({std::move(uri), std::move(mlflow), std::string(owner)});
  };
  add(absl::StrCat(kArtifactsUri, "/", kImportedPipeline, "/", run), run);
  if (row.pipeline_name.empty()) {
    for (const std::string& pipeline : pipelines) {
      add(absl::StrCat(kArtifactsUri, "/", pipeline, "/", run), run);
    }
  } else {
    const std::string place = absl::StrCat("/", PathComponent(row.pipeline_name), "/", run);
    add(absl::StrCat(kArtifactsUri, place), run);
    if (IsPlainRoot(row.pipeline_root)) {
      add(absl::StrCat(absl::StripSuffix(row.pipeline_root, "/"), place), run);
    }
  }
  if (IsObjectUri(row.pipeline_root)) {
    add(LogCopiesUri(absl::StripSuffix(row.pipeline_root, "/"), row.run_id), run);
  }
  for (const absl::string_view uri : absl::StrSplit(row.folders, '\n', absl::SkipEmpty())) {
    add(std::string(uri), uri.substr(uri.rfind('/') + 1));
  }
  return folders;
}

std::optional<RemovalFolder> MlflowRoot(const ContentRemovalRow& row,
                                        absl::string_view default_experiment_id) {
  std::string location = row.artifact_location;
  if (location.empty()) {
    location =
        absl::StrCat(kMlflowProxy, row.experiment_id == default_experiment_id ? kMlflowDefaultExperiment
                                                                              : row.experiment_id);
  }
  location = std::string(absl::StripSuffix(location, "/"));
  auto uri = ContentUriOfMlflow(location);
  if (!uri.has_value()) return std::nullopt;
  return RemovalFolder{*std::move(uri), std::move(location), PathComponent(row.run_id)};
}

bool IsMlflowFolderOf(absl::string_view run_id, absl::string_view name) {
  return absl::ConsumePrefix(&name, run_id) && (name.empty() || name.front() == '_');
}

}  // namespace penstock
