// Where the content of a deleted run lies. Pure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "storage/model.h"

namespace penstock {

struct RemovalFolder {
  std::string uri;
  std::string mlflow_uri;  // as MLflow's clients name it; empty: they do not know it
  std::string owner;       // the id of the run whose folder it is; as a component of a path
};

// The run's own folders and those that its row names besides, but for MLflow's. Where the name of its pipeline is not
// known, `pipelines` are the folders of artifacts that the run's may be in.
std::vector<RemovalFolder> RemovalFolders(const ContentRemovalRow& row,
                                          const std::vector<std::string>& pipelines);

// The folder in which MLflow's clients have put the files of the run and its tasks, each in a folder of its own; nothing if
// they put them elsewhere.
std::optional<RemovalFolder> MlflowRoot(const ContentRemovalRow& row,
                                        absl::string_view default_experiment_id);

// Whether a folder in MlflowRoot is the run's or that of one of its tasks.
bool IsMlflowFolderOf(absl::string_view run_id, absl::string_view name);

}  // namespace penstock
