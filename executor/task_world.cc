#include "executor/task_world.h"

#include "absl/strings/str_cat.h"

namespace penstock {

std::string TaskWorld::WorkDirOf(absl::string_view run_id, absl::string_view attempt_id) const {
  return absl::StrCat(work_root, "/", PathComponent(run_id), "/", attempt_id);
}

std::string TaskWorld::WorkspaceOf(absl::string_view run_id) const {
  if (mounts_workspace) return workspaces.directory;
  return absl::StrCat(workspaces.directory, "/", PathComponent(run_id));
}

}  // namespace penstock
